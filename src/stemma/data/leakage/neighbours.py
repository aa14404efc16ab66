"""Nearest neighbours by matrix products in chunks: exact, and bounded in memory."""

import numpy as np

CHUNK = 1024
"""Rows compared at once; a chunk holds CHUNK x N float32 (290 MB at N = 70,000)."""

STRIDES = 32
"""Columns are first reduced to the best of STRIDES each, so that the costly selection sees N / 32 values."""


def nearest(points: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The `k` nearest other rows of `points` (float32 `[N, D]`) by Euclidean distance.

    Returns:
        int64 `[N, k]` rows, nearest first, and their float32 `[N, k]` distances; fewer columns where N - 1 < k.
    """
    k = min(k, len(points) - 1)
    padded = -(-len(points) // STRIDES) * STRIDES
    columns = np.zeros((points.shape[1], padded), np.float32)
    columns[:, : len(points)] = points.T
    squares = np.full(padded, np.inf, np.float32)
    squares[: len(points)] = (points * points).sum(1)
    rows, distances = np.empty((len(points), k), np.int64), np.empty((len(points), k), np.float32)
    for start in range(0, len(points), CHUNK):
        chunk = slice(start, min(start + CHUNK, len(points)))
        scores = points[chunk] @ columns
        np.subtract(squares / 2, scores, out=scores)  # half the squared distance, but for the row's own square
        scores[np.arange(len(scores)), np.arange(chunk.start, chunk.stop)] = np.inf
        rows[chunk], found = _smallest(scores, k)
        distances[chunk] = np.sqrt(np.maximum(2 * found + squares[chunk, None], 0))
    return rows, distances


def _smallest(scores: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Columns and values of the `k` smallest of each row. They lie in the `k` groups with the smallest minima."""
    groups = scores.reshape(len(scores), STRIDES, -1).min(1)
    width = groups.shape[1]
    best = np.argpartition(groups, k - 1, axis=1)[:, :k] if k < width else np.tile(np.arange(width), (len(scores), 1))
    columns = (best[:, :, None] + np.arange(STRIDES) * width).reshape(len(scores), -1)
    values = np.take_along_axis(scores, columns, 1)
    order = np.lexsort((columns, values), axis=1)[:, :k]
    return np.take_along_axis(columns, order, 1), np.take_along_axis(values, order, 1)
