"""Pictures of a run: confusion matrix or predicted values, learning curves, and what the model showed of itself."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from stemma.runs import Summary
from stemma.scores import scoring

NUMBERS_UP_TO = 20
"""Classes up to which the cells of a confusion matrix carry their counts."""

SQUARE, SMALL_SQUARE = (0.12, 0.13, 0.84, 0.84), (0.26, 0.26, 0.72, 0.72)
"""Where the matrix lies in its figure; computed layouts double the time that a figure takes."""


def confusion(labels: np.ndarray, probabilities: np.ndarray, summary: Summary, path: Path) -> None:
    """Confusion matrix of `labels` int `[N]` and the most probable classes: colours are shares of the true class."""
    predicted, classes = probabilities.argmax(1), summary.classes
    count = len(classes)
    matrix = np.bincount(labels * count + predicted, minlength=count**2).reshape(count, count)
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(4.8, 4.4), dpi=80)
    axes = figure.add_axes(SQUARE if max(map(len, classes)) < 4 else SMALL_SQUARE)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    axes.set(xlabel="predicted", ylabel="true", xticks=range(count), yticks=range(count))
    axes.set_xticklabels(map(_short, classes), rotation=90 if max(map(len, classes)) > 3 else 0)
    axes.set_yticklabels(map(_short, classes))
    if count <= NUMBERS_UP_TO:
        for (row, column), value in np.ndenumerate(matrix):
            colour = "white" if share[row, column] > 0.5 else "black"
            axes.text(column, row, str(value), ha="center", va="center", fontsize=7, color=colour)
    figure.savefig(path)


def predicted_true(targets: np.ndarray, values: np.ndarray, summary: Summary, path: Path) -> None:
    """Values `[N]` that a model gave against the targets `[N]`; on the line they are equal."""
    figure = Figure(figsize=(4.8, 4.4), dpi=80)
    axes = figure.add_axes((0.16, 0.13, 0.8, 0.84))
    ends = [float(min(targets.min(), values.min())), float(max(targets.max(), values.max()))]
    axes.plot(ends, ends, color="grey", linewidth=1)
    axes.plot(targets, values, ".", markersize=4, alpha=0.5)
    axes.set(xlabel="true", ylabel="predicted")
    figure.savefig(path)


def by_example(targets: np.ndarray, outputs: np.ndarray, summary: Summary, path: Path) -> None:
    """How the primary score spreads over examples, from what was kept of each `[N, C]`."""
    judged = scoring(summary.task)
    figure = Figure(figsize=(4.8, 4.4), dpi=80)
    axes = figure.add_axes((0.16, 0.13, 0.8, 0.84))
    axes.hist(judged.per_example(targets, outputs), bins=40)
    axes.set(xlabel=judged.score.noun, ylabel="test examples, all seeds")
    figure.savefig(path)


ERRORS = {"classify": confusion, "regress": predicted_true}
"""Where a model errs, by task; of others `by_example` shows it."""


def learning_curves(histories: dict[str, pd.DataFrame], score: str, path: Path) -> None:
    """Loss and the score `val_<score>` of the final phase, a line a seed."""
    figure = Figure(figsize=(7, 3), dpi=80)
    loss, scores = figure.subplots(1, 2, gridspec_kw={"left": 0.08, "right": 0.98, "bottom": 0.16, "wspace": 0.25})
    for name, history in histories.items():
        final = history[history["phase"] == history["phase"].iloc[-1]]
        epochs = range(1, len(final) + 1)
        for column, axes, style in (
            ("train_loss", loss, "--"),
            ("val_loss", loss, "-"),
            (f"val_{score}", scores, "-"),
        ):
            if column in final:
                axes.plot(epochs, final[column], style, marker=".", label=f"{name} {column.partition('_')[0]}")
    loss.set(xlabel="epoch", ylabel="loss")
    scores.set(xlabel="epoch", ylabel=f"validation {score}")
    loss.legend(fontsize=7)
    figure.savefig(path)


def _short(name: str, length: int = 14) -> str:
    return name if len(name) <= length else name[: length - 1] + "…"


def sheet(pictures: np.ndarray, columns: int = 8, scale_to: int = 48, limit: int = 32) -> np.ndarray:
    """The first `limit` of uint8 `[n, H, W, C]`, enlarged, side by side on white: uint8 `[H', W', 3]`."""
    pictures = np.broadcast_to(pictures[:limit], (*pictures[:limit].shape[:3], 3))
    factor = max(1, scale_to // pictures.shape[1])
    pictures = pictures.repeat(factor, axis=1).repeat(factor, axis=2)
    count, height, width, _ = pictures.shape
    columns = min(columns, count)
    rows = -(-count // columns)
    page = np.full((rows * (height + 2), columns * (width + 2), 3), 255, np.uint8)
    for place, picture in enumerate(pictures):
        top, left = place // columns * (height + 2), place % columns * (width + 2)
        page[top : top + height, left : left + width] = picture
    return page
