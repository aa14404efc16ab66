"""The plots of the report that matplotlib draws: learning curves, perturbations, predicted against true."""

from collections.abc import Iterator
from itertools import cycle
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from stemma.report.labels import End, name_ends, width
from stemma.report.svg import MUTED, STYLE, family_colour, inline
from stemma.scores import Score

SIZE = (4.8, 3.2)
NAMED = 12
"""Experiments that are named in a plot and whose learning curves are drawn, at most: the first of the ranking."""
STYLES = ("-", "--", "-.")
"""Of the lines of one family."""
Row = dict[str, Any]


def curves(
    frame: pd.DataFrame, rows: list[Row], column: str, axis: str, name: str, label: str, scale: int = 1
) -> Markup | None:
    """`scale` times `column` by epoch, a line an experiment; None where no history holds it.

    An experiment without epochs, such as a closed-form baseline, is a level dotted line.
    """
    known = frame[frame["experiment"].isin([row["experiment"] for row in rows])].dropna(subset=column)
    if not len(known):
        return None
    last = max(int(known["epoch"].max()), 2)
    with rc_context(STYLE):
        figure = Figure(figsize=SIZE, layout="constrained")
        axes = figure.add_subplot()
        ends = list(_lines(axes, known, rows, column, last, scale))
        axes.set(xlabel="epoch", ylabel=axis, xlim=(1, 1 + (last - 1) / (1 - _room(ends))))
        axes.set_xticks([tick for tick in MaxNLocator(6, integer=True).tick_values(1, last) if 1 <= tick <= last])
        figure.draw_without_rendering()
        name_ends(axes, ends)
    return inline(figure, name, f"{label}: {axis} by epoch of {len(ends)} experiments.")


def perturbed(rows: list[Row], score: Score, name: str, label: str) -> Markup:
    """The mean primary score by epsilon, a line an experiment. The scale of square roots parts the small ones."""
    scale, ends = 100 if score.share else 1, []
    styles: dict[str, Iterator[str]] = {}
    with rc_context(STYLE):
        figure = Figure(figsize=SIZE, layout="constrained")
        axes = figure.add_subplot()
        axes.set_xlim(0, 1)
        axes.set_xscale("function", functions=(np.sqrt, np.square))
        for row in rows:
            points, colour = row["robustness"]["points"], family_colour(row["family"])
            x, y = [point["epsilon"] for point in points], [scale * point["mean"] for point in points]
            style = next(styles.setdefault(row["family"], cycle(STYLES)))
            axes.plot(x, y, style, color=colour, linewidth=1.6, marker=".", markersize=5)
            ends.append(End(row["name"], colour, x[-1], y[-1]))
        last = max(end.x for end in ends)
        axes.set_xlim(0, last / (1 - _room(ends)) ** 2)
        axes.set_xticks(sorted({point["epsilon"] for row in rows for point in row["robustness"]["points"]}))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda epsilon, _: f"{epsilon:g}"))
        axes.set(xlabel="epsilon (square-root scale)", ylabel=f"test {score.noun}{', %' if score.share else ''}")
        figure.draw_without_rendering()
        name_ends(axes, ends)
    return inline(
        figure, name, f"{label}: test {score.noun} under perturbations by epsilon of {len(ends)} experiments."
    )


def _room(ends: list[End]) -> float:
    """Share of the width that the longest name at the end of a line takes."""
    return min(0.6, 0.08 + width(max((end.name for end in ends), key=len)) / (0.86 * 72 * SIZE[0]))


def predicted_true(row: Row, targets: np.ndarray, values: np.ndarray, name: str, label: str) -> Markup:
    """Values that a model gave against the targets, `[N]` each; on the line they are equal."""
    ends = [float(min(targets.min(), values.min())), float(max(targets.max(), values.max()))]
    with rc_context(STYLE):
        figure = Figure(figsize=(3.2, 3.0), layout="constrained")
        axes = figure.add_subplot()
        axes.plot(ends, ends, color=MUTED, linewidth=0.8)
        axes.plot(
            targets, values, "o", color=family_colour(row["family"]), markersize=3.5, alpha=0.6, markeredgewidth=0
        )
        axes.set(xlabel="true", ylabel="predicted")
    return inline(figure, name, f"{label}: {row['name']}, predicted against true values of {len(targets)} examples.")


def _lines(axes: Axes, known: pd.DataFrame, rows: list[Row], column: str, last: int, scale: int) -> Iterator[End]:
    """Draw the lines; yield where each ends."""
    styles: dict[str, Iterator[str]] = {}
    for row in rows:
        part = known[known["experiment"] == row["experiment"]]
        if not len(part):
            continue
        colour, values = family_colour(row["family"]), scale * part[column].to_numpy(float)
        end = last if len(part) == 1 else int(part["epoch"].iloc[-1])
        if len(part) == 1:
            axes.hlines(values[0], 1, last, color=colour, linestyle=":", linewidth=1.2)
        else:
            style = next(styles.setdefault(row["family"], cycle(STYLES)))
            axes.plot(part["epoch"], values, style, color=colour, linewidth=1.6)
        yield End(row["name"], colour, end, float(values[-1]))
