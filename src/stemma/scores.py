"""How good predictions are: one number from labels `[N]` and class probabilities `[N, K]`."""

from collections.abc import Callable

import numpy as np
from sklearn.metrics import f1_score, log_loss

BINS = 15


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


SCORES: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "accuracy": accuracy,
    "macro_f1": macro_f1,
    "cross_entropy": cross_entropy,
    "calibration_error": calibration_error,
}
