import numpy as np
import pytest
from scipy import stats

from stemma.comparison import paired


def pair(both: int, only_a: int, only_b: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    """One seed each, from the four cells of McNemar's table."""
    a = np.repeat([True, True, False, False], [both, only_a, only_b, neither])
    b = np.repeat([True, False, True, False], [both, only_a, only_b, neither])
    return a[None], b[None]


def test_is_mcnemar_for_one_seed_each():
    # approval of the prime minister, twice asked (Agresti, 1990, table 10.1); Edwards: (|86 - 150| - 1)^2 / 236
    found = paired.difference(*pair(794, 86, 150, 570), 0.95)
    assert found.difference == pytest.approx((86 - 150) / 1600)
    assert found.p_value == pytest.approx(stats.chi2.sf(63**2 / 236, 1), rel=0.1)


def test_follows_the_exact_test_for_few_disagreements():
    for only_a, only_b in ((5, 0), (8, 2), (12, 4), (3, 3)):
        exact = stats.binomtest(only_a, only_a + only_b).pvalue
        assert paired.difference(*pair(900, only_a, only_b, 80), 0.95).p_value == pytest.approx(exact, abs=0.03)


def test_equal_predictions_have_no_difference():
    same = np.random.default_rng(0).random((3, 50)) < 0.7
    found = paired.difference(same, same, 0.95)
    assert (found.difference, found.p_value) == (0, 1)


def test_swapping_the_two_turns_the_sign():
    a, b = pair(50, 20, 5, 10)
    there, back = paired.difference(a, b, 0.95), paired.difference(b, a, 0.95)
    assert (there.difference, there.lo, there.hi) == pytest.approx((-back.difference, -back.hi, -back.lo))
    assert there.p_value == pytest.approx(back.p_value)


def test_equal_seeds_add_no_variance():
    one = np.random.default_rng(0).random((1, 200)) < 0.7
    assert paired.seed_variance(np.repeat(one, 3, axis=0)) == (0.0, 2)
    assert paired.seed_variance(one) == (0.0, 0)


def test_seed_variance_is_the_seeds_own():
    """Seeds whose accuracy differs by more than their examples explain: sd 0.1 of the mean of 4 seeds."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(200):
        accuracy = np.clip(rng.normal(0.5, 0.1, (4, 1)), 0, 1)
        found.append(paired.seed_variance(rng.random((4, 300)) < accuracy)[0])
    assert np.mean(found) == pytest.approx(0.1**2 / 4, rel=0.15)


@pytest.mark.parametrize("spread", [0.0, 0.05, 0.2, 0.5])
def test_false_alarms_are_rare_between_equal_architectures(spread: float):
    """Two experiments of 3 seeds whose seeds differ in skill by `spread`: no more than 6.5 % of 1,000 trials."""
    rng = np.random.default_rng(7)
    alarms = 0
    for _ in range(1000):
        ease = rng.normal(2, 1, 300)
        a, b = ((ease + rng.normal(0, spread, (3, 1)) + rng.normal(0, 0.5, (3, 300))) > 0 for _ in range(2))
        alarms += paired.difference(a, b, 0.95).p_value < 0.05
    assert alarms <= 65


def test_finds_the_detectable_difference_four_times_in_five():
    """1,000 examples of which 7 % are judged differently: 2.3 points; continuity costs a little power."""
    rng, share = np.random.default_rng(3), 0.07
    gain = paired.detectable(np.sqrt(share / 1000), 1000, 0.05)
    assert gain == pytest.approx(0.0234, abs=1e-4)
    cells = rng.multinomial(1000, [0.8, (share + gain) / 2, (share - gain) / 2, 0.2 - share], size=1000)
    found = np.mean([paired.difference(*pair(*row), 0.95).p_value < 0.05 for row in cells])
    assert 0.74 <= found <= 0.84


def test_holm_of_a_worked_example():
    # Holm (1979) steps: 4 x 0.005, 3 x 0.01, then 2 x 0.03, and never less than the step before
    assert paired.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert paired.holm([]) == []


def test_detectable_shrinks_with_the_error():
    # (1.96 + 0.84) standard errors for many examples
    assert paired.detectable(0.01, 100_000, 0.05) == pytest.approx(0.02802, rel=0.01)


def test_every_pair_is_the_difference_of_the_two():
    rng = np.random.default_rng(4)
    parts = [rng.random((seeds, 120)) < share for seeds, share in ((3, 0.9), (1, 0.8), (2, 0.5), (3, 0.5))]
    found = paired.differences(parts, 0.95)
    for n, (first, second) in enumerate(zip(found.first, found.second, strict=True)):
        one = paired.difference(parts[second], parts[first], 0.95)
        told = (found.difference[n], found.lo[n], found.hi[n], found.p_value[n], found.standard_error[n])
        assert told == pytest.approx((one.difference, one.lo, one.hi, one.p_value, one.standard_error))
    assert len(paired.differences(parts[:1], 0.95).p_value) == 0


def test_groups_of_one_are_examples():
    rng = np.random.default_rng(4)
    a, b = (rng.normal(size=(3, 60)) for _ in range(2))
    alone, plain = (vars(paired.difference(a, b, 0.95, groups)) for groups in (np.arange(60), None))
    assert alone == pytest.approx(plain)
    assert paired.seed_variance(a, np.arange(60)) == pytest.approx(paired.seed_variance(a))


def test_examples_that_repeat_count_once():
    """Each example five times over: with its groups known the standard error is that of the examples themselves."""
    rng = np.random.default_rng(6)
    a, b = (rng.random((1, 80)) < 0.7 for _ in range(2))
    once = paired.difference(a, b, 0.95)
    five = paired.difference(np.repeat(a, 5, 1), np.repeat(b, 5, 1), 0.95, np.repeat(np.arange(80), 5))
    assert five.standard_error == pytest.approx(once.standard_error)
    assert paired.difference(np.repeat(a, 5, 1), np.repeat(b, 5, 1), 0.95).standard_error < 0.6 * once.standard_error


def test_false_alarms_are_rare_where_examples_depend():
    """40 films of about 8 reviews that one of two equal models happens to suit better: 3 to 8 % of 400."""
    rng, alarms = np.random.default_rng(8), 0
    films = np.repeat(np.arange(40), rng.integers(4, 13, 40))
    for _ in range(400):
        suits = rng.normal(0, 1, (2, 40))[:, films]
        a, b = (((2 * rng.random(len(films)) + each) > 0)[None] for each in suits)
        alarms += paired.difference(a, b, 0.95, films).p_value < 0.05
    assert alarms <= 32
