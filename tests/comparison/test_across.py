"""Families over datasets: the worked examples of Demšar (2006) and of Hollander and Wolfe, cliques, and too few."""

import numpy as np
import pytest

from stemma.comparison.across import across, cliques, critical_difference, friedman_nemenyi

VARIANTS = ["C4.5", "C4.5+m", "C4.5+cf", "C4.5+m+cf"]
AUC = np.array(
    [
        [0.763, 0.768, 0.771, 0.798],
        [0.599, 0.591, 0.590, 0.569],
        [0.954, 0.971, 0.968, 0.967],
        [0.628, 0.661, 0.654, 0.657],
        [0.882, 0.888, 0.886, 0.898],
        [0.936, 0.931, 0.916, 0.931],
        [0.661, 0.668, 0.609, 0.685],
        [0.583, 0.583, 0.563, 0.625],
        [0.775, 0.838, 0.866, 0.875],
        [1.000, 1.000, 1.000, 1.000],
        [0.940, 0.962, 0.965, 0.962],
        [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.9751, 0.975],  # printed as equal, ranked 2 and 3
        [0.957, 0.978, 0.946, 0.970],
    ]
)
"""Demšar's table 6."""
ROUNDING_FIRST_BASE = np.array(
    [
        *([5.40, 5.50, 5.55], [5.85, 5.70, 5.75], [5.20, 5.60, 5.50], [5.55, 5.50, 5.40], [5.90, 5.85, 5.70]),
        *([5.45, 5.55, 5.60], [5.40, 5.40, 5.35], [5.45, 5.50, 5.35], [5.25, 5.15, 5.00], [5.85, 5.80, 5.70]),
        *([5.25, 5.20, 5.10], [5.65, 5.55, 5.45], [5.60, 5.35, 5.45], [5.05, 5.00, 4.95], [5.50, 5.50, 5.40]),
        *([5.45, 5.55, 5.50], [5.55, 5.55, 5.35], [5.45, 5.50, 5.55], [5.50, 5.45, 5.25], [5.65, 5.60, 5.40]),
        *([5.70, 5.65, 5.55], [6.30, 6.30, 6.25]),
    ]
)
"""Hollander and Wolfe (1973), pages 140-144; R's help on friedman.test has it."""


def test_demsar_s_example():
    """Mean ranks as printed, CD 1.25, and his verdict: Nemenyi's test finds no difference, the best and the worst lie
    within it.
    """
    found = friedman_nemenyi(-AUC, VARIANTS, 0.05)
    ranks = {row["name"]: round(row["mean_rank"], 3) for row in found["treatments"]}
    assert ranks == {"C4.5+m+cf": 1.964, "C4.5+m": 2.0, "C4.5+cf": 2.893, "C4.5": 3.143}
    assert list(ranks) == ["C4.5+m+cf", "C4.5+m", "C4.5+cf", "C4.5"]
    assert found["critical_difference"] == pytest.approx(1.25, abs=0.005)
    assert found["cliques"] == [list(ranks)]
    # he prints 9.28 without the correction for ties, which makes it larger
    plain = 12 * 14 / (4 * 5) * (sum(row["mean_rank"] ** 2 for row in found["treatments"]) - 4 * 5**2 / 4)
    assert plain == pytest.approx(9.28, abs=0.005) and 9.28 < found["statistic"] < 11 and found["p_value"] < 0.05


def test_hollander_and_wolfe_s_example():
    found = friedman_nemenyi(ROUNDING_FIRST_BASE, ["round out", "narrow", "wide"], 0.05)
    assert found["statistic"] == pytest.approx(11.143, abs=5e-4)
    assert found["p_value"] == pytest.approx(0.003805, abs=5e-7)
    assert found["f_statistic"] == pytest.approx(21 * 11.1429 / (44 - 11.1429), rel=1e-4)
    assert found["cliques"] == [["wide", "narrow"], ["narrow", "round out"]]


@pytest.mark.parametrize(
    ("treatments", "quantile"),
    [(2, 1.960), (3, 2.343), (4, 2.569), (5, 2.728), (6, 2.850), (7, 2.949), (8, 3.031), (9, 3.102), (10, 3.164)],
)
def test_demsar_s_table_of_nemenyi_s_quantiles(treatments: int, quantile: float):
    found = critical_difference(treatments, 10, 0.05) / np.sqrt(treatments * (treatments + 1) / 60)
    assert found == pytest.approx(quantile, abs=1e-3)


def test_cliques_are_the_longest_runs():
    ranks = np.array([1.0, 1.5, 2.4, 4.0, 4.2])
    assert cliques(ranks, 1.0) == [(0, 2), (1, 3), (3, 5)]
    assert cliques(ranks, 0.1) == [] and cliques(ranks, 9.0) == [(0, 5)]


def test_datasets_that_all_rank_alike_are_infinitely_sure_and_equal_ones_not_at_all():
    sure = friedman_nemenyi(np.tile([1.0, 2.0, 3.0], (6, 1)), list("abc"), 0.05)
    assert (sure["f_statistic"], sure["f_p_value"]) == (None, 0.0) and sure["p_value"] < 0.01
    equal = friedman_nemenyi(np.ones((6, 3)), list("abc"), 0.05)
    assert (equal["p_value"], equal["f_p_value"]) == (1.0, 1.0) and equal["cliques"] == [["a", "b", "c"]]


def blocks(count: int, names: str) -> dict[str, dict[str, float]]:
    rng = np.random.default_rng(0)
    return {f"set{n}": {name: rng.random() for name in names} for n in range(count)}


def test_below_five_datasets_the_number_is_told():
    found = across(blocks(4, "abc"), "family", 0.05)
    assert (found["words"], found["test"]) == ("too few datasets: 4 of at least 5", None)
    assert across({}, "family", 0.05)["words"] == "too few datasets: 0 of at least 5"
    spread_out = {f"set{n}": {"abcdef"[n]: 0.5} for n in range(6)}
    assert across(spread_out, "family", 0.05)["words"] == "too few datasets: 1 of at least 5"


def test_what_is_not_everywhere_is_left_out_as_long_as_five_remain():
    found = blocks(6, "abc")
    found["set5"].pop("c")
    found["set0"]["d"] = 0.3
    told = across(found, "family", 0.05)
    assert told["datasets"] == ["set0", "set1", "set2", "set3", "set4"] and told["left_out"] == ["d"]
    assert {row["name"] for row in told["test"]["treatments"]} == {"a", "b", "c"}
    pair = across(blocks(5, "ab"), "architecture", 0.05)
    assert pair["words"] == "too few architectures on the same 5 datasets: 2 of at least 3" and pair["test"] is None


def test_false_alarms_of_friedman_s_test_are_at_most_as_announced():
    rng = np.random.default_rng(0)
    alarms = sum(friedman_nemenyi(rng.random((8, 4)), list("abcd"), 0.05)["p_value"] < 0.05 for _ in range(300))
    assert alarms <= 24  # upper 99 % limit of 5 % of 300
