import numpy as np
import pytest

from stemma.comparison import intervals


def test_t_interval_of_known_values():
    # mean 2, sd 1, t(0.975, 2) = 4.3027: half-width 4.3027 / sqrt(3) = 2.4841
    found = intervals.over_seeds([1.0, 2.0, 3.0], 0.95)
    assert (found["mean"], found["sd"], found["interval"]) == (2.0, 1.0, "t")
    assert (found["lo"], found["hi"]) == pytest.approx((2 - 2.4841, 2 + 2.4841), abs=1e-4)


def test_ends_stay_among_possible_values():
    assert intervals.over_seeds([0.9, 1.0, 1.0], 0.95, (0, 1))["hi"] == 1


def test_one_seed_has_no_interval():
    found = intervals.over_seeds([0.5], 0.95)
    assert found == {"mean": 0.5, "sd": None, "lo": None, "hi": None, "interval": "none", "values": [0.5]}


def test_equal_seeds_are_labelled():
    found = intervals.over_seeds([0.1 + 0.2] * 3, 0.95)
    assert found["interval"] == "deterministic"
    assert found["lo"] == found["mean"] == found["hi"] == 0.1 + 0.2


def test_bootstrap_covers_the_true_mean():
    rng = np.random.default_rng(0)
    scores = (rng.random((300, 400)) < 0.8).astype(float)  # 400 test sets of 300 examples
    lows, highs = intervals.over_examples(scores, 0.95, 400, seed=1)
    coverage = ((lows <= 0.8) & (highs >= 0.8)).mean()
    assert 0.91 <= coverage <= 0.98


def test_bootstrap_repeats_itself_with_its_seed():
    scores = np.random.default_rng(0).random((50, 2))
    first, again = (intervals.over_examples(scores, 0.95, 250, seed=3) for _ in range(2))
    assert np.array_equal(first, again)


def test_t_interval_covers_at_three_seeds():
    rng = np.random.default_rng(0)
    found = [intervals.over_seeds(rng.normal(0, 1, 3), 0.95) for _ in range(1000)]
    assert 0.93 <= np.mean([f["lo"] <= 0 <= f["hi"] for f in found]) <= 0.97
