"""How good predictions are, by task: numbers from targets and what a model answered.

`classify`: labels int `[N]` and class probabilities `[N, K]`. `regress`: targets and values, both float `[N]`, in
the target's own unit. Tasks that an experiment asks for (`reconstruct`, `density`, `map`, `recall`) are judged where
the model is, example by example: the outputs are what is kept of that, a column a number `[N, C]`, and the targets say
what was judged on: each example's squared distance to the mean of all, a value `[N]` (`stemma.nn.judging`).

SciPy and scikit-learn are imported by the functions that use them: to ask what a task's scores are takes neither.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from stemma.calibration import calibration_error
from stemma.errors import unknown

Function = Callable[[np.ndarray, np.ndarray], float]


def accuracy(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Share of examples whose most probable class is the label."""
    return float((probabilities.argmax(axis=1) == labels).mean())


def macro_f1(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean of the classes' F1; a class that is never predicted counts 0."""
    from sklearn.metrics import f1_score

    classes = np.arange(probabilities.shape[1])
    predicted = probabilities.argmax(axis=1)
    return float(f1_score(labels, predicted, labels=classes, average="macro", zero_division=0))


def cross_entropy(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean negative log probability of the label, in nats; probabilities are clipped at float64's epsilon."""
    from sklearn.metrics import log_loss

    return float(log_loss(labels, probabilities, labels=np.arange(probabilities.shape[1])))


def auroc(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean over the classes of the area under the curve of one against the rest: how often an example of the class is
    given more of it than one of another class, ties counting half (Hand and Till, 2001, section 2).

    By ranks (Mann, Whitney, 1947), all classes at once. A class without examples, or without others, has no part.
    """
    from scipy.stats import rankdata

    mine = labels[:, None] == np.arange(probabilities.shape[1])
    count = mine.sum(axis=0)
    known = (count > 0) & (count < len(labels))
    if not known.any():
        return 0.5
    mine, count = mine[:, known], count[known]
    ranks = (rankdata(probabilities[:, known], axis=0) * mine).sum(axis=0)
    return float(((ranks - count * (count + 1) / 2) / (count * (len(labels) - count))).mean())


def brier(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Half the mean squared distance to the label's own indicator (Brier, 1950): 0 for certain and right, 1 for certain
    and wrong; of two classes the mean squared error of the one's probability.
    """
    from sklearn.metrics import brier_score_loss

    classes = np.arange(probabilities.shape[1])
    if len(classes) == 2:
        return float(brier_score_loss(labels, probabilities[:, 1], labels=classes))
    return float(brier_score_loss(labels, probabilities, labels=classes, scale_by_half=True))


def worst_class_recall(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Share of right answers among the examples of the class that fares worst."""
    right = probabilities.argmax(axis=1) == labels
    count = np.bincount(labels)
    return float((np.bincount(labels, weights=right)[count > 0] / count[count > 0]).min())


def rmse(targets: np.ndarray, values: np.ndarray) -> float:
    """Root of the mean squared error."""
    from sklearn.metrics import root_mean_squared_error

    return float(root_mean_squared_error(targets, values))


def mae(targets: np.ndarray, values: np.ndarray) -> float:
    """Mean absolute error."""
    from sklearn.metrics import mean_absolute_error

    return float(mean_absolute_error(targets, values))


def r2(targets: np.ndarray, values: np.ndarray) -> float:
    """Share of the targets' variance that is explained: 0 for their mean, below 0 for what is worse than that."""
    from sklearn.metrics import r2_score

    return float(r2_score(targets, values))


def column(place: int) -> Function:
    """The mean of one column of the outputs `[N, C]`."""
    return lambda targets, outputs: float(np.asarray(outputs, np.float64)[:, place].mean())


def explained(targets: np.ndarray, outputs: np.ndarray) -> float:
    """Share of the variance of what is reconstructed that is not left as error: 0 for answering with the mean."""
    return 1 - column(0)(targets, outputs) / max(float(np.mean(targets, dtype=np.float64)), np.finfo(float).tiny)


@dataclass(frozen=True)
class Score:
    """One number and how it is read.

    Attributes:
        of: (targets, outputs) -> the number.
        title: as a table's head.
        share: whether it is a share, printed in percent and its differences in points.
        higher: whether more is better.
        bounds: the values that it can take.
        unit: what a difference of two is counted in, where it is no share; empty: the score itself.
        digits: significant ones that are shown, where it is no share.
    """

    of: Function
    title: str
    share: bool = False
    higher: bool = False
    bounds: tuple[float, float] = (0.0, np.inf)
    unit: str = ""
    digits: int = 3

    @property
    def noun(self) -> str:
        """The name within a sentence: `accuracy`, `RMSE`."""
        return self.title[0].lower() + self.title[1:] if self.title[1].islower() else self.title

    def shown(self, value: float) -> str:
        """`95.3%`, or four significant digits."""
        return f"{value:.1%}" if self.share else f"{value:.4g}"


@dataclass(frozen=True)
class Scoring:
    """How the outputs of a task are judged.

    Attributes:
        scores: by name; the first is the primary one, which ranks, and the next `beside` of them stand beside it.
        per_example: (targets, outputs) -> `[N]`, whose mean the primary score is a function of: bool, whether the
            answer is right; or the squared error.
        of_mean: that function, None if it is the mean itself.
        facts: targets -> what is known of them alone, by name: how far a constant answer reaches.
        columns: of a task that an experiment asks for: what is kept of each example, the first for the primary score.
        beside_model: names of numbers of the model itself that its scores rest on, buffers of those names.
        given: shares that say how easy a model made the task for itself, and how they are called.
    """

    scores: dict[str, Score]
    beside: int
    per_example: Callable[[np.ndarray, np.ndarray], np.ndarray]
    of_mean: Callable[[np.ndarray], np.ndarray] | None
    facts: Callable[[np.ndarray], dict[str, float]]
    columns: tuple[str, ...] = ()
    beside_model: tuple[str, ...] = ()
    given: Mapping[str, str] = field(default_factory=dict)

    @property
    def asked(self) -> bool:
        """Whether an experiment asks for the task, whatever that of the data is."""
        return bool(self.columns)

    def unit(self, targets: np.ndarray, outputs: np.ndarray) -> str:
        """What tells scores of one task on the same examples apart where their numbers are not comparable: the variance
        of what was judged on (pixels in [0, 1], or standardised), to three digits, and how much was `given`; empty for
        the data's own task.
        """
        if not self.asked:
            return ""
        given = [f"{self.scores[name].of(targets, outputs):.0%} {words}" for name, words in self.given.items()]
        return ", ".join([f"variance {np.mean(targets, dtype=np.float64):.3g}", *given])

    @property
    def primary(self) -> str:
        return next(iter(self.scores))

    @property
    def score(self) -> Score:
        """The primary one."""
        return self.scores[self.primary]

    def key(self, value: float) -> float:
        """What sorts values of the primary score, the best first."""
        return -value if self.score.higher else value

    def measure(self, targets: np.ndarray, outputs: np.ndarray) -> dict[str, float]:
        """All scores of one model."""
        return {name: score.of(targets, outputs) for name, score in self.scores.items()}

    def contributions(self, examples: np.ndarray) -> np.ndarray:
        """What each example adds to the primary score, `[S, N]` from `per_example` `[S, N]`.

        Their mean over the examples is the score itself and, in the first order, their variance / N that of the
        score (the delta method): for the root of the mean m, (e + m) / (2 sqrt(m)).
        """
        if self.of_mean is None:
            return examples
        means = examples.mean(axis=1, keepdims=True)
        return (examples + means) / np.maximum(2 * self.of_mean(means), np.finfo(float).tiny)


def _of_columns(columns: tuple[str, ...], scores: dict[str, Score], beside: int, **more: Any) -> Scoring:
    """How a task that an experiment asks for is judged: by the means of what was kept of each example."""
    return Scoring(
        scores,
        beside=beside,
        per_example=lambda targets, outputs: np.asarray(outputs, np.float64)[..., 0],
        of_mean=None,
        facts=lambda targets: {"target_variance": float(np.mean(targets, dtype=np.float64))},
        columns=columns,
        **more,
    )


SHARE: dict[str, Any] = {"share": True, "bounds": (0.0, 1.0)}
ANY = (-np.inf, np.inf)

SCORING: dict[str, Scoring] = {
    "classify": Scoring(
        {
            "accuracy": Score(accuracy, "Accuracy", higher=True, **SHARE),
            "macro_f1": Score(macro_f1, "Macro-F1", higher=True, **SHARE),
            "auroc": Score(auroc, "AUROC", higher=True, bounds=(0.0, 1.0)),
            "cross_entropy": Score(cross_entropy, "Cross-entropy"),
            "brier": Score(brier, "Brier score", bounds=(0.0, 1.0)),
            "calibration_error": Score(calibration_error, "Calibration error", **SHARE),
            "worst_class_recall": Score(worst_class_recall, "Worst class's recall", higher=True, **SHARE),
        },
        beside=1,
        per_example=lambda labels, probabilities: probabilities.argmax(axis=-1) == labels,
        of_mean=None,
        facts=lambda labels: {"largest_class": float(np.bincount(labels).max() / len(labels))},
    ),
    "regress": Scoring(
        {
            "rmse": Score(rmse, "RMSE"),
            "mae": Score(mae, "MAE"),
            "r2": Score(r2, "R²", higher=True, bounds=(-np.inf, 1.0)),
        },
        beside=2,
        per_example=lambda targets, values: np.square(np.asarray(values, np.float64) - targets),
        of_mean=np.sqrt,
        facts=lambda targets: {"target_sd": float(np.std(targets, dtype=np.float64))},
    ),
    "reconstruct": _of_columns(
        ("reconstruction_error",),
        {
            "reconstruction_error": Score(column(0), "Reconstruction error"),
            "explained": Score(explained, "Explained variance", share=True, higher=True, bounds=(-np.inf, 1.0)),
        },
        beside=1,
    ),
    "density": _of_columns(
        ("log_likelihood",),
        {"log_likelihood": Score(column(0), "Log-likelihood", higher=True, bounds=ANY, unit="nats", digits=4)},
        beside=0,
        beside_model=("log_z", "log_z_low", "log_z_high"),
    ),
    "map": _of_columns(
        ("quantisation_error", "topographic_error"),
        {
            "quantisation_error": Score(column(0), "Quantisation error"),
            "topographic_error": Score(column(1), "Topographic error", **SHARE),
        },
        beside=1,
    ),
    "recall": _of_columns(
        ("bits_right", "patterns_right", "bits_right_before"),
        {
            "bits_right": Score(column(0), "Bits right", higher=True, **SHARE),
            "patterns_right": Score(column(1), "Patterns right", higher=True, **SHARE),
            "bits_right_before": Score(column(2), "Bits right before", higher=True, **SHARE),
        },
        beside=2,
        given={"bits_right_before": "right before"},
    ),
}


def scoring(task: str) -> Scoring:
    """How `task` is judged.

    Raises:
        StemmaError: no scores are known for it.
    """
    if task not in SCORING:
        raise unknown("scores of the task", task, SCORING)
    return SCORING[task]


def half_interval(found: Mapping[str, Any]) -> float:
    """Half the width of a score's interval over seeds, whose one end the score's own bounds may have cut off."""
    return max(found["hi"] - found["mean"], found["mean"] - found["lo"])
