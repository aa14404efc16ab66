"""How good predictions are, by task: numbers from targets and what a model answered.

`classify`: labels int `[N]` and class probabilities `[N, K]`. `regress`: targets and values, both float `[N]`, in
the target's own unit.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn import metrics
from sklearn.metrics import f1_score, log_loss

from stemma.errors import unknown

BINS = 15
Function = Callable[[np.ndarray, np.ndarray], float]


def accuracy(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Share of examples whose most probable class is the label."""
    return float((probabilities.argmax(axis=1) == labels).mean())


def macro_f1(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean of the classes' F1; a class that is never predicted counts 0."""
    classes = np.arange(probabilities.shape[1])
    predicted = probabilities.argmax(axis=1)
    return float(f1_score(labels, predicted, labels=classes, average="macro", zero_division=0))


def cross_entropy(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean negative log probability of the label, in nats; probabilities are clipped at float64's epsilon."""
    return float(log_loss(labels, probabilities, labels=np.arange(probabilities.shape[1])))


def calibration_error(labels: np.ndarray, probabilities: np.ndarray, bins: int = BINS) -> float:
    """Expected calibration error of the predicted class (Guo et al., 2017), `bins` equal-width bins.

    The mean over examples of |accuracy - confidence| of the bin they fall into; bins are open on the left.
    """
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == labels
    index = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    gaps = np.bincount(index, weights=correct - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / len(labels))


def rmse(targets: np.ndarray, values: np.ndarray) -> float:
    """Root of the mean squared error."""
    return float(metrics.root_mean_squared_error(targets, values))


def mae(targets: np.ndarray, values: np.ndarray) -> float:
    """Mean absolute error."""
    return float(metrics.mean_absolute_error(targets, values))


def r2(targets: np.ndarray, values: np.ndarray) -> float:
    """Share of the targets' variance that is explained: 0 for their mean, below 0 for what is worse than that."""
    return float(metrics.r2_score(targets, values))


@dataclass(frozen=True)
class Score:
    """One number and how it is read.

    Attributes:
        of: (targets, outputs) -> the number.
        title: as a table's head.
        share: whether it is a share, printed in percent and its differences in points.
        higher: whether more is better.
        bounds: the values that it can take.
    """

    of: Function
    title: str
    share: bool = False
    higher: bool = False
    bounds: tuple[float, float] = (0.0, np.inf)

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
    """

    scores: dict[str, Score]
    beside: int
    per_example: Callable[[np.ndarray, np.ndarray], np.ndarray]
    of_mean: Callable[[np.ndarray], np.ndarray] | None
    facts: Callable[[np.ndarray], dict[str, float]]

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


SCORING: dict[str, Scoring] = {
    "classify": Scoring(
        {
            "accuracy": Score(accuracy, "Accuracy", share=True, higher=True, bounds=(0.0, 1.0)),
            "macro_f1": Score(macro_f1, "Macro-F1", share=True, higher=True, bounds=(0.0, 1.0)),
            "cross_entropy": Score(cross_entropy, "Cross-entropy"),
            "calibration_error": Score(calibration_error, "Calibration error", share=True, bounds=(0.0, 1.0)),
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
}


def scoring(task: str) -> Scoring:
    """How `task` is judged.

    Raises:
        StemmaError: no scores are known for it.
    """
    if task not in SCORING:
        raise unknown("scores of the task", task, SCORING)
    return SCORING[task]
