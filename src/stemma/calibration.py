"""How far a classifier's probabilities can be believed: reliability by bins, and one temperature that corrects them.

Guo, Pleiss, Sun, Weinberger (2017), On calibration of modern neural networks.
"""

from typing import NamedTuple

import numpy as np

BINS = 15
WIDEST = 100.0
"""Temperatures lie between its inverse and it."""


class Reliability(NamedTuple):
    """By equal-width bins of the confidence, open on the left, `[bins]` each.

    Attributes:
        examples: how many lie in the bin.
        confidence, accuracy: their means; 0 in an empty bin.
    """

    examples: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray


def reliability(labels: np.ndarray, probabilities: np.ndarray, bins: int = BINS) -> Reliability:
    """Confidence in the predicted class against how often it is right; labels `[N]`, probabilities `[N, K]`."""
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == labels
    index = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    count = np.bincount(index, minlength=bins)
    some = np.maximum(count, 1)
    sums = (np.bincount(index, weights=each, minlength=bins) for each in (confidence, correct))
    return Reliability(count, *(each / some for each in sums))


def calibration_error(labels: np.ndarray, probabilities: np.ndarray, bins: int = BINS) -> float:
    """Expected calibration error of the predicted class: the mean over examples of |accuracy - confidence| of the bin
    they fall into.
    """
    found = reliability(labels, probabilities, bins)
    return float((found.examples * np.abs(found.accuracy - found.confidence)).sum() / len(labels))


def temperature(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """The one by which the logits are divided so that the cross-entropy is least: above 1 for a model too sure of
    itself. No prediction changes. To be fitted on examples that are neither trained on nor tested.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    logits, rows = _logits(probabilities), np.arange(len(labels))

    def loss(log_temperature: float) -> float:
        return -float(log_softmax(logits / np.exp(log_temperature), axis=1)[rows, labels].mean())

    edge = float(np.log(WIDEST))
    return float(np.exp(minimize_scalar(loss, bounds=(-edge, edge), method="bounded").x))


def scaled(probabilities: np.ndarray, by: float) -> np.ndarray:
    """Probabilities `[N, K]` at the temperature `by`."""
    from scipy.special import softmax

    return softmax(_logits(probabilities) / by, axis=1)


def _logits(probabilities: np.ndarray) -> np.ndarray:
    """Up to a constant an example; a probability of 0 counts as float64's epsilon, as it does in the cross-entropy."""
    return np.log(np.maximum(np.asarray(probabilities, np.float64), np.finfo(np.float64).eps))
