"""McNemar's exact test, odds ratios and effect sizes against worked examples."""

import numpy as np
import pytest
from statsmodels.stats.contingency_tables import mcnemar

from stemma.comparison import effects


def pair(both: int, only_a: int, only_b: int, neither: int) -> np.ndarray:
    """Two models `[2, N]` from the four cells of McNemar's table."""
    cells = [both, only_a, only_b, neither]
    return np.stack([np.repeat([True, True, False, False], cells), np.repeat([True, False, True, False], cells)])


@pytest.mark.parametrize(
    ("cells", "p_value"),
    [
        ((1, 1, 7, 12), 0.0703),  # airway hyper-responsiveness before and after transplantation
        ((59, 6, 16, 80), 0.0525),  # complete response before and after consolidation therapy
    ],
)
def test_fagerland_lydersen_and_laake_s_examples(cells: tuple[int, ...], p_value: float):
    """Fagerland, Lydersen, Laake (2013), The McNemar test for binary matched-pairs data, table of exact p values."""
    found = effects.discordant(pair(*cells), np.array([0]), np.array([1]))
    assert (found.first_only[0], found.second_only[0]) == cells[1:3]
    assert found.p_value[0] == pytest.approx(p_value, abs=5e-5)


def test_every_pair_is_what_statsmodels_says_of_it():
    right = np.random.default_rng(0).random((6, 200)) < np.linspace(0.5, 0.9, 6)[:, None]
    first, second = np.triu_indices(6, 1)
    found = effects.discordant(right, first, second)
    for n, (a, b) in enumerate(zip(first, second, strict=True)):
        x, y = right[a], right[b]
        table = [[(x & y).sum(), (x & ~y).sum()], [(~x & y).sum(), (~x & ~y).sum()]]
        assert found.p_value[n] == pytest.approx(min(1, mcnemar(table, exact=True).pvalue))


def test_equal_models_do_not_differ():
    same = np.ones((2, 30), bool)
    assert effects.discordant(same, np.array([0]), np.array([1])).p_value[0] == 1
    assert effects.odds_ratio(0, 0, 0.95) == (None, None, None)


def test_odds_ratio_with_its_exact_interval():
    ratio, lo, hi = effects.odds_ratio(1, 7, 0.95)
    # Clopper and Pearson for 1 of 8: 0.0032 to 0.5265
    assert (ratio, lo, hi) == (
        pytest.approx(1 / 7),
        pytest.approx(0.0032 / 0.9968, abs=5e-5),
        pytest.approx(1.112, abs=1e-3),
    )
    back = effects.odds_ratio(7, 1, 0.95)
    assert back == pytest.approx((7.0, 1 / hi, 1 / lo))
    ratio, lo, hi = effects.odds_ratio(5, 0, 0.95)
    assert ratio is None and hi is None and lo == pytest.approx(0.4782 / 0.5218, abs=1e-3)


def test_cohen_s_h_of_his_table():
    # Cohen (1988), table 6.2.2: phi(0.65) = 1.875, phi(0.45) = 1.471
    right = [np.arange(100)[None] < count for count in (65, 45)]
    found = effects.effect(*right)
    assert found["name"] == "cohen_h" and found["value"] == pytest.approx(1.875 - 1.471, abs=1e-3)


def test_cohen_s_d_z_by_hand():
    this, other = np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 3.0]]), np.array([[1.0, 1.0, 1.0]])
    # gains 1, 1, 2: mean 4/3, deviation sqrt(1/3)
    assert effects.effect(this, other) == {"name": "cohen_dz", "value": pytest.approx(4 / 3 * np.sqrt(3))}
    assert effects.effect(other, other)["value"] is None
