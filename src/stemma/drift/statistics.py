"""Two-sample statistics under permutation, all permutations at once. A statistic gives a row an arrangement.

An arrangement says which examples count as current; the first is the one that was observed. Where both samples
come from one distribution all arrangements are equally likely, so the share of them whose statistic is at least
the observed one is an exact p-value, whatever the statistic and however examples hang together within a unit.
"""

from itertools import combinations
from math import comb

import numpy as np

TOLERANCE = 1e-5
"""Statistics, in their standard deviations, that count as equal: rounding must not decide a tie."""


def arrangements(current: np.ndarray, units: np.ndarray, permutations: int, seed: int) -> np.ndarray:
    """float32 `[A, N]`, 1 where the example counts as current; row 0 is `current` itself.

    Units (a group, or an example by itself) move as a whole, and as many of them are current in every row.
    There are `permutations` rows more than the first, or all distinct arrangements if those are fewer.

    Args:
        current: bool `[N]`.
        units: int `[N]`, numbers from 0; the examples of a unit are all current or all reference.
    """
    side = np.zeros(units.max() + 1, bool)
    side[units] = current
    count, chosen = len(side), int(side.sum())
    if comb(count, chosen) <= permutations + 1:
        rows = np.zeros((comb(count, chosen), count), np.float32)
        for row, places in zip(rows, combinations(range(count), chosen), strict=True):
            row[list(places)] = 1
        rows = np.concatenate([side[None].astype(np.float32), rows[(rows != side).any(1)]])
    else:
        rows = np.repeat(side[None].astype(np.float32), permutations + 1, axis=0)
        np.random.default_rng(seed).permuted(rows[1:], axis=1, out=rows[1:])
    return rows[:, units]


def chi_square(inside: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Pearson's statistic of the 2 x K table of `counts` `[N, K]` summed over both samples, `[A, 1]`."""
    current = (inside @ counts.astype(np.float32)).astype(np.float64)
    total = counts.sum(0, dtype=np.float64)
    current, total = current[:, total > 0], total[total > 0]
    expected = total * current.sum(1, keepdims=True) / total.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = (current - expected) ** 2 * (1 / expected + 1 / (total - expected))
    return np.nan_to_num(parts.sum(1, keepdims=True), posinf=0.0)


def kolmogorov_smirnov(inside: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Largest distance between the distribution functions of each of `columns` `[N, J]`, `[A, J]`."""
    size = inside.sum(1, keepdims=True)
    found = np.empty((len(inside), columns.shape[1]))
    for j, column in enumerate(columns.T):
        order = np.argsort(column, kind="stable")
        last = np.append(np.flatnonzero(np.diff(column[order])), len(column) - 1)
        below = np.cumsum(inside[:, order], axis=1, dtype=np.float32)[:, last]
        others = (last + 1).astype(np.float32) - below
        found[:, j] = np.abs(below / size - others / (len(column) - size)).max(1)
    return found


def maximum_mean_discrepancy(inside: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Unbiased estimate of the squared MMD (Gretton et al. 2012, eq. 3) from the `kernel` `[N, N]`, `[A, 1]`."""
    near = inside @ kernel
    diagonal, total = np.diag(kernel).astype(np.float64), kernel.sum(dtype=np.float64)
    weights = inside.astype(np.float64)
    both, own, n = (near * weights).sum(1), weights @ diagonal, weights.sum(1)
    across, m = near.sum(1, dtype=np.float64) - both, weights.shape[1] - n
    rest = total - both - 2 * across
    within = (both - own) / np.maximum(n * (n - 1), 1) + (rest - diagonal.sum() + own) / np.maximum(m * (m - 1), 1)
    return (within - 2 * across / (n * m))[:, None]


def gaussian_kernel(points: np.ndarray) -> np.ndarray:
    """float32 `[N, N]` of `points` `[N, D]`; the width is the median distance (Gretton et al. 2012, section 8)."""
    x = np.ascontiguousarray(points, np.float32)
    x = x - x.mean(0)
    norms = (x * x).sum(1)
    squares = np.maximum(norms[:, None] + norms - 2 * (x @ x.T), 0)
    np.fill_diagonal(squares, 0)
    some = squares[:: max(1, len(x) // 500), :: max(1, len(x) // 500)]
    width = float(np.median(some[some > 0])) if (some > 0).any() else 1.0
    squares /= -width
    return np.exp(squares, out=squares)


def p_values(values: np.ndarray) -> np.ndarray:
    """p-values `[J]` of statistics `[A, J]`, corrected for their number by the maximum (Westfall, Young 1993).

    The least of them is the p-value of all J statistics as one test. A statistic counts in its standard
    deviations over the arrangements.
    """
    spread = values.std(0)
    standard = (values - values.mean(0)) / np.where(spread > 1e-12, spread, np.inf)
    highest = standard.max(1, keepdims=True)
    return np.asarray((highest >= standard[0] - TOLERANCE).mean(0))


def holm(p: np.ndarray) -> np.ndarray:
    """`p` adjusted so that the error over all of them is bounded by each bound on one (Holm 1979)."""
    order = np.argsort(p, kind="stable")
    raised = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(raised, 1)
    return adjusted


def share_differences(inside: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Difference between the shares of each of `counts` `[N, K]` in both samples, without sign, `[A, K]`."""
    current = (inside @ counts.astype(np.float32)).astype(np.float64)
    others = counts.sum(0, dtype=np.float64) - current
    current /= np.maximum(current.sum(1, keepdims=True), 1)
    others /= np.maximum(others.sum(1, keepdims=True), 1)
    return np.abs(current - others)
