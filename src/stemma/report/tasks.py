"""What the report says of a task, in one place: everything else of it is the same for all."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from stemma.report.numbers import percent, significant

Row = dict[str, Any]
Group = dict[str, Any]
Worst = tuple[str, str]


@dataclass(frozen=True)
class Telling:
    """The words of one task.

    Attributes:
        about: a group -> what is asked, behind the number of test examples.
        won: (the best row, its name, the test examples, how sure its score is) -> that it is the best, and by what.
        guess: a group -> what is reached without learning; empty if nothing is known of that.
        worst: heading of the examples on which a model did worst, and what they are.
        reading: terms of the task and what they mean.
    """

    about: Callable[[Group], str]
    won: Callable[[Row, str, str, str], str]
    guess: Callable[[Group], str]
    worst: Worst
    reading: dict[str, str]


def _mean(row: Row, score: str) -> float:
    return float(row[score]["mean"])


def _classified(row: Row, name: str, examples: str, sure: str) -> str:
    return f"{name} is the most accurate: {percent(_mean(row, 'score'))} % of {examples} right ({sure})."


def _predicted(row: Row, name: str, examples: str, sure: str) -> str:
    reached = f"an RMSE of {significant(_mean(row, 'score'))} on {examples} ({sure})"
    return f"{name} errs least: {reached}, an R² of {significant(_mean(row, 'r2'))}."


def _reconstructed(row: Row, name: str, examples: str, sure: str) -> str:
    reached = f"a mean squared error of {significant(_mean(row, 'score'))} a value on {examples} ({sure})"
    share = _mean(row, "explained")
    explained = f"{percent(share)} % of their variance explained" if share > 0 else "no better than their mean"
    return f"{name} reconstructs best: {reached}, {explained}."


def _likely(row: Row, name: str, examples: str, sure: str) -> str:
    reached = f"{significant(_mean(row, 'score'), 4)} nats an example, mean of {examples} ({sure})"
    value, half = log_z(row)
    known = "exact" if half == 0 else f"an estimate to \u00b1 {significant(half, 2)}"
    return f"{name} finds unseen examples likeliest: {reached}; its log Z, {significant(value, 4)}, is {known}."


def _mapped(row: Row, name: str, examples: str, sure: str) -> str:
    reached = f"a mean distance of {significant(_mean(row, 'score'))} to the nearest unit on {examples} ({sure})"
    torn = f"the second nearest is no neighbour of it for {percent(_mean(row, 'topographic_error'))} %"
    return f"{name} lies nearest to the data: {reached}; {torn}."


def _recalled(row: Row, name: str, examples: str, sure: str) -> str:
    before, whole = (percent(_mean(row, key)) for key in ("bits_right_before", "patterns_right"))
    reached = f"{percent(_mean(row, 'score'))} % of the bits right on {examples} ({sure}), {before} % before"
    return f"{name} recalls best: {reached}; {whole} % of the patterns are wholly right."


def log_z(row: Row) -> tuple[float, float]:
    """Mean over the seeds of log Z, and the largest half of their intervals."""
    found = list(zip(*(row["beside"][name] for name in ("log_z", "log_z_low", "log_z_high")), strict=True))
    return sum(z for z, _, _ in found) / len(found), max(max(z - lo, hi - z) for z, lo, hi in found)


HARDEST = ("Hardest examples", "the test examples that it does worst at")

TELLING: dict[str, Telling] = {
    "classify": Telling(
        lambda group: f"{len(group['classes'])} classes",
        _classified,
        lambda group: f"Always naming the largest class would be right on {percent(group['largest_class'])} %.",
        ("Most confident mistakes", "the wrong answers that the model was surest of"),
        {
            "Calibration error": "Expected calibration error in 15 equal-width bins: by how many points the model's "
            "confidence misses its accuracy."
        },
    ),
    "regress": Telling(
        lambda group: "one number to predict",
        _predicted,
        lambda group: (
            f"Always naming the mean of the test targets would leave an RMSE of {significant(group['target_sd'])}."
        ),
        ("Largest errors", "the test examples that it misses by most"),
        {
            "RMSE, MAE, R²": "Root of the mean squared error and mean absolute error, in the target's own unit; R² is "
            "the share of the test targets' variance that is explained, 0 for their mean. Lower errors are better."
        },
    ),
    "reconstruct": Telling(
        lambda group: "to be reconstructed",
        _reconstructed,
        lambda group: (
            f"Always answering with the mean of the test examples would leave an error of "
            f"{significant(group['target_variance'])}, their variance."
        ),
        HARDEST,
        {
            "Reconstruction error": "Mean over examples of the mean squared error a value, in the unit of what the "
            "model reads (pixels from 0 to 1, or standardised). Explained variance is the share of the test examples' "
            "variance that is not left as error."
        },
    ),
    "density": Telling(
        lambda group: "to be found likely",
        _likely,
        lambda group: "",
        HARDEST,
        {
            "Log-likelihood": "Mean log probability (or density) of a test example under a model, in nats: "
            "higher is better. log Z normalises it: where it is an estimate, its noise is part of the spread over "
            "seeds, but an error that all seeds share is in no interval or p value here."
        },
    ),
    "map": Telling(
        lambda group: "to be mapped",
        _mapped,
        lambda group: "",
        HARDEST,
        {
            "Quantisation and topographic error": "Mean distance of an example to the nearest unit, in the unit of "
            "what the model reads; and share of examples whose second nearest unit is no neighbour of the nearest."
        },
    ),
    "recall": Telling(
        lambda group: "to be recalled",
        _recalled,
        lambda group: "",
        HARDEST,
        {
            "Bits and patterns right": "Share of the bits that are right, before and after a network settles from an "
            "example with bits turned, and share of examples of which all are right after."
        },
    ),
}
