"""What the MLflow view says of a task, in one place."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from stemma.scores import scoring

Group = Mapping[str, Any]


@dataclass(frozen=True)
class Told:
    """The words of one task.

    Attributes:
        card: the picture that shows where a model errs; `figures.ERRORS` draws it.
        about: a group of the comparison -> what is asked there.
        answer: what a packaged model answers with.
        pictures: those of the model that the leaderboard shows.
    """

    card: str
    about: Callable[[Group], str]
    answer: str
    pictures: tuple[str, ...] = ("filters", "samples")


def _variance(group: Group) -> str:
    return f"of a variance of {group['target_variance']:.4g} a value"


TOLD: dict[str, Told] = {
    "classify": Told(
        "confusion_matrix",
        lambda group: f"{len(group['classes'])} classes, the largest {group['largest_class']:.1%}",
        "a label and the probability of every class",
    ),
    "regress": Told(
        "predicted_true",
        lambda group: f"targets with a standard deviation of {group['target_sd']:.4g}",
        "a value",
    ),
    "reconstruct": Told(
        "by_example", _variance, "its reconstruction, flat, as numbers that the model reads",
        ("filters", "reconstructions"),
    ),
    "density": Told("by_example", _variance, "its log-likelihood in nats"),
    "map": Told("by_example", _variance, "the number of the nearest unit"),
    "recall": Told("by_example", _variance, "the pattern that is recalled"),
}  # fmt: skip


def label(of: Mapping[str, Any]) -> str:
    """Name of an MLflow experiment, whose leaderboard holds scores of one task: `dataset@source`, and in parentheses a
    task that is not the data's own. Of a name with a slash the UI shows what stands behind it.
    """
    own = f"{of['dataset']}@{of['source']}"
    return f"{own} ({of['task']})" if scoring(of["task"]).asked else own
