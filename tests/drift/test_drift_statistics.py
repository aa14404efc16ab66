from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from stemma.drift import statistics


def sides(n: int, m: int) -> np.ndarray:
    return np.arange(n + m) >= m


@given(st.integers(0, 10**6), st.integers(3, 30), st.integers(3, 30), st.integers(2, 6))
@settings(max_examples=40, deadline=None)
def test_statistics_are_those_of_scipy_under_every_arrangement(seed: int, n: int, m: int, k: int) -> None:
    random = np.random.default_rng(seed)
    here = sides(n, m)
    inside = statistics.arrangements(here, np.arange(n + m), 5, seed)
    counts = random.integers(0, 4, (n + m, k)) + np.eye(k, dtype=int)[random.integers(0, k, n + m)]
    columns = np.column_stack([random.normal(size=n + m), random.integers(0, 4, n + m)])
    chi, ks = statistics.chi_square(inside, counts), statistics.kolmogorov_smirnov(inside, columns)
    for row, side in enumerate(inside > 0):
        both = np.stack([counts[side].sum(0), counts[~side].sum(0)])
        expected = stats.chi2_contingency(both[:, both.sum(0) > 0], correction=False).statistic
        assert chi[row, 0] == pytest.approx(expected, rel=1e-4, abs=1e-6)
        for j in range(2):
            found = stats.ks_2samp(columns[side, j], columns[~side, j], method="asymp").statistic
            assert ks[row, j] == pytest.approx(found, abs=1e-6)


def test_mmd_is_the_double_sum() -> None:
    random = np.random.default_rng(0)
    points = random.normal(size=(11, 3))
    kernel = statistics.gaussian_kernel(points)
    distances = ((points[:, None] - points) ** 2).sum(2)
    width = np.median(distances[distances > 1e-12])
    assert kernel == pytest.approx(np.exp(-distances / width), abs=1e-5)
    inside = statistics.arrangements(sides(4, 7), np.arange(11), 6, 0)
    found = statistics.maximum_mean_discrepancy(inside, kernel)[:, 0]
    for row, value in zip(inside, found, strict=True):
        x, y = np.flatnonzero(row), np.flatnonzero(row == 0)
        xx = sum(kernel[i, j] for i in x for j in x if i != j) / (4 * 3)
        yy = sum(kernel[i, j] for i in y for j in y if i != j) / (7 * 6)
        xy = sum(kernel[i, j] for i in x for j in y) / (4 * 7)
        assert value == pytest.approx(xx + yy - 2 * xy, abs=1e-5)


def test_differences_of_shares() -> None:
    inside = np.array([[0, 0, 1, 1.0]], np.float32)
    counts = np.array([[1, 0], [1, 0], [1, 0], [0, 1]])
    assert statistics.share_differences(inside, counts).tolist() == [[0.5, 0.5]]


def test_few_arrangements_are_all_gone_through() -> None:
    values = np.array([0.3, 1.0, 2.0, 5.0, 6.0, 7.5])
    here = np.array([False, False, False, True, True, True])
    inside = statistics.arrangements(here, np.arange(6), 999, 0)
    assert inside.shape == (20, 6) and (inside[0] == here).all() and len(np.unique(inside, axis=0)) == 20
    (p,) = statistics.p_values(statistics.kolmogorov_smirnov(inside, values[:, None]))
    extreme = [
        c for c in combinations(range(6), 3) if stats.ks_2samp(values[list(c)], np.delete(values, c)).statistic == 1
    ]
    assert p == len(extreme) / 20 == 0.1


def test_units_move_as_a_whole() -> None:
    units = np.array([0, 0, 1, 2, 2, 2, 3, 4])
    inside = statistics.arrangements(units >= 3, units, 999, 0)
    assert len(inside) == 10
    for row in inside:
        assert all(len(set(row[units == unit])) == 1 for unit in range(5))
        assert len(set(units[row > 0])) == 2
    many = statistics.arrangements(sides(40, 60), np.arange(100), 50, 0)
    assert many.shape == (51, 100) and (many.sum(1) == 40).all() and len(np.unique(many, axis=0)) == 51


def test_p_value_agrees_with_the_chi_square_distribution() -> None:
    random = np.random.default_rng(2)
    y = np.concatenate([random.choice(3, 400, p=[0.4, 0.3, 0.3]), random.choice(3, 200, p=[0.36, 0.3, 0.34])])
    counts, here = np.eye(3)[y], sides(200, 400)
    inside = statistics.arrangements(here, np.arange(600), 1999, 0)
    (p,) = statistics.p_values(statistics.chi_square(inside, counts))
    expected = stats.chi2_contingency(np.stack([counts[here].sum(0), counts[~here].sum(0)]), correction=False).pvalue
    assert 0.01 < expected < 0.2 and p == pytest.approx(expected, abs=0.02)


def test_holm_is_that_of_statsmodels() -> None:
    random = np.random.default_rng(0)
    for size in range(1, 9):
        p = random.choice([0.001, 0.01, 0.02, 0.3, random.random()], size)
        assert statistics.holm(p) == pytest.approx(multipletests(p, method="holm")[1])


def null_p_values(make: object, units: np.ndarray, here: np.ndarray, trials: int) -> np.ndarray:
    found = []
    for seed in range(trials):
        inside = statistics.arrangements(here, units, 199, seed)
        columns = make(np.random.default_rng(seed))  # type: ignore[operator]
        found.append(statistics.p_values(statistics.kolmogorov_smirnov(inside, columns)).min())
    return np.array(found)


def test_p_values_of_many_columns_are_uniform_without_drift() -> None:
    p = null_p_values(lambda r: r.normal(size=(90, 6)), np.arange(90), sides(30, 60), 400)
    assert stats.kstest(p, "uniform").pvalue > 0.01
    assert 0.02 < (p <= 0.05).mean() < 0.08


def test_examples_that_hang_together_cry_wolf_unless_they_move_together() -> None:
    groups, here = np.repeat(np.arange(20), 6), np.repeat(np.arange(20), 6) >= 13

    def make(random: np.random.Generator) -> np.ndarray:
        return random.normal(size=(20, 1))[groups] + random.normal(size=(120, 1))

    apart = null_p_values(make, np.arange(120), here, 300)
    together = null_p_values(make, groups, here, 300)
    assert (apart <= 0.05).mean() > 0.2
    assert (together <= 0.05).mean() < 0.09 and stats.kstest(together, "uniform").pvalue > 0.01
