"""Confusion matrices as tables."""

from typing import Any

import numpy as np
from sklearn.metrics import confusion_matrix

from stemma.runs import RunFiles

SHOWN = 20
"""Classes up to which the whole matrix is shown; above, the pairs that are confused most."""
PAIRS = 10


def least_width(classes: list[str]) -> int:
    """Width that a matrix of these classes needs on the page, in rem."""
    if len(classes) <= 4:
        return 14
    return 21 if max(map(len, classes)) <= 4 else 26


def confusion(runs: RunFiles, classes: list[str]) -> dict[str, Any]:
    """Shares of each true class that went to each prediction, over all seeds, and the worst confusions."""
    counts = np.zeros((len(classes), len(classes)))
    for seed in runs.seeds():
        labels, probabilities = runs.predictions(seed)
        counts += confusion_matrix(labels, probabilities.argmax(axis=1), labels=np.arange(len(classes)))
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return {"shares": shares.tolist() if len(classes) <= SHOWN else None, "worst": _worst(shares, classes)}


def _worst(shares: np.ndarray, classes: list[str]) -> list[dict[str, Any]]:
    wrong = shares * (1 - np.eye(len(shares)))
    order = np.argsort(-wrong, axis=None, kind="stable")[:PAIRS]
    pairs = [np.unravel_index(index, wrong.shape) for index in order]
    return [{"true": classes[a], "read": classes[b], "share": wrong[a, b]} for a, b in pairs if wrong[a, b] > 0]
