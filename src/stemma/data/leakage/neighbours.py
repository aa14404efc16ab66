"""Nearest neighbours by matrix products in chunks: exact, and bounded in memory."""

from collections.abc import Sequence

import numpy as np

Pairs = tuple[np.ndarray, np.ndarray, np.ndarray, Sequence[str]]
"""Numbers of the first and the second example, distance, kind of change."""

NONE: Pairs = (np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0), [])

CANDIDATES = 4
"""Neighbours of an example that are compared with it one by one."""

CHUNK = 1 << 25
"""Distances held at once, float32: 128 MiB."""

STRIDES = 32
"""Columns are first reduced to the best of STRIDES each, so that the costly selection sees N / 32 values."""


def nearest(points: np.ndarray, k: int) -> np.ndarray:
    """The `k` nearest other rows of `points` (float32 `[N, D]`) by Euclidean distance, nearest first, ties by number.

    Returns:
        int64 `[N, k]`; fewer columns where N - 1 < k.
    """
    k = min(k, len(points) - 1)
    padded = -(-len(points) // STRIDES) * STRIDES
    columns = np.zeros((points.shape[1], padded), np.float32)
    columns[:, : len(points)] = points.T
    squares = np.full(padded, np.inf, np.float32)
    squares[: len(points)] = (points * points).sum(1)
    rows = np.empty((len(points), k), np.int64)
    step = max(1, CHUNK // padded)
    for start in range(0, len(points), step):
        scores = points[start : start + step] @ columns
        np.subtract(squares / 2, scores, out=scores)  # half the squared distance, but for the row's own square
        own = np.arange(len(scores))
        scores[own, start + own] = np.inf
        rows[start : start + step] = _smallest(scores, k)
    return rows


def candidates(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each pair (row, neighbour) of int `[N, k]` once, the lower first, ascending."""
    own = np.repeat(np.arange(len(rows)), rows.shape[1])
    other = rows.ravel()
    pairs = np.unique(np.minimum(own, other) * len(rows) + np.maximum(own, other))
    return np.divmod(pairs, len(rows))


def _smallest(scores: np.ndarray, k: int) -> np.ndarray:
    """Columns of the `k` smallest of each row. They lie in the `k` groups with the smallest minima."""
    groups = scores.reshape(len(scores), STRIDES, -1).min(1)
    width = groups.shape[1]
    best = np.argpartition(groups, k - 1, axis=1)[:, :k] if k < width else np.tile(np.arange(width), (len(scores), 1))
    columns = (best[:, :, None] + np.arange(STRIDES) * width).reshape(len(scores), -1)
    values = np.take_along_axis(scores, columns, 1)
    order = np.lexsort((columns, values), axis=1)[:, :k]
    return np.take_along_axis(columns, order, 1)
