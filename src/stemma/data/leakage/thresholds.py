"""How near two examples of a class may come by nature: thresholds from the data, without knowing any duplicate."""

from statistics import NormalDist

import numpy as np

NEIGHBOURS = 8
"""Neighbours on which the natural distance rests; the copies of one example should be fewer."""

SAMPLE = 300
"""Examples a class that are measured."""

FEW = 50
"""A class with fewer measured examples takes the threshold of all classes together."""

DEVIATIONS = 4.0
"""Standard deviations below the median: 3 natural pairs in 100,000 examples lie lower, if the model holds."""

QUANTILES = (0.2, 0.5)


def sample(y: np.ndarray) -> np.ndarray:
    """Rows of at most SAMPLE examples a class, evenly spread, ascending."""
    chosen = [np.flatnonzero(y == label) for label in np.unique(y)]
    chosen = [rows[np.linspace(0, len(rows) - 1, min(SAMPLE, len(rows))).astype(np.int64)] for rows in chosen]
    return np.sort(np.concatenate(chosen))


def by_class(distances: np.ndarray, y: np.ndarray, classes: int, most: float) -> np.ndarray:
    """The threshold of each class, float64 `[classes]`.

    The distance from an example to its nearest neighbour is close to log-normal below its median (measured on MNIST and
    CIFAR-10: docs/leakage.md). What is nearer than half the distance of the farthest neighbour considered may be
    a duplicate and is left out of the fit, which uses the median and the quantile 0.2.

    Args:
        distances: float `[N, K]`, from sampled examples to their nearest neighbours.
        y: int `[N]`, their classes.
        most: no threshold is above it.
    """
    farthest = distances.max(1, keepdims=True)
    nearest = np.where(distances >= farthest / 2, distances, np.inf).min(1)
    pooled = _limit(nearest)
    limits = [_limit(nearest[y == c]) if (y == c).sum() >= FEW else pooled for c in range(classes)]
    return np.minimum(limits, most)


def _limit(nearest: np.ndarray) -> float:
    low, middle = np.quantile(np.log(np.maximum(nearest, 1e-6)), QUANTILES)
    deviation = (middle - low) / -NormalDist().inv_cdf(QUANTILES[0])
    return float(np.exp(middle - DEVIATIONS * deviation))
