import numpy as np
import pytest

from stemma.comparison import intervals, paired


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


def grouped(rng: np.random.Generator, groups: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores `[N]` of groups whose members are alike, true mean 0, and the groups' numbers."""
    sizes = rng.integers(1, 2 * size, groups)
    number = np.repeat(np.arange(groups), sizes)
    return rng.normal(0, 1, groups)[number] + rng.normal(0, 0.5, len(number)), number


def test_bootstrap_by_group_covers_where_examples_depend_and_by_example_does_not():
    rng, covered = np.random.default_rng(2), np.zeros(2)
    for _ in range(200):
        scores, groups = grouped(rng, 40, 6)
        for n, each in enumerate((groups, None)):
            low, high = intervals.over_examples(scores[:, None], 0.95, 200, 1, groups=each)[:, 0]
            covered[n] += low <= 0 <= high
    by_group, by_example = covered / 200
    assert 0.89 <= by_group <= 0.98 and by_example < 0.7


def test_groups_of_one_are_examples():
    scores = np.random.default_rng(0).random((50, 2))
    plain, alone = (intervals.over_examples(scores, 0.95, 250, 3, groups=g) for g in (None, np.arange(50)))
    assert alone == pytest.approx(plain)
    assert intervals.by_group(scores, np.arange(50) // 25) == pytest.approx(scores.reshape(2, 25, 2).sum(1))


@pytest.mark.parametrize(
    ("seed_sd", "shared_sd", "own_sd"), [(0.2, 1.0, 0.5), (0.05, 1.0, 0.5), (0.0, 1.0, 1.0), (0.5, 0.1, 0.1)]
)
def test_the_interval_over_both_covers_whatever_the_chance_comes_from(seed_sd: float, shared_sd: float, own_sd: float):
    """3 seeds on 100 examples: the mean over other seeds and other examples is 0."""
    rng, covered = np.random.default_rng(5), 0
    for trial in range(300):
        scores = rng.normal(0, seed_sd, (3, 1)) + rng.normal(0, shared_sd, 100) + rng.normal(0, own_sd, (3, 100))
        variance, freedom = paired.seed_variance(scores)
        drawn = intervals.resampled(scores.mean(axis=0)[:, None], 400, trial)
        low, high = intervals.ends(drawn + intervals.of_seeds([variance], [freedom], 400, trial), 0.95)[:, 0]
        covered += low <= 0 <= high
    assert 0.90 <= covered / 300 <= 0.985


def test_seeds_that_agree_add_nothing():
    added = intervals.of_seeds([0.0, 0.04], [2, 2], 1000, 0)
    assert not added[:, 0].any()
    assert intervals.ends(added, 0.95)[:, 1] == pytest.approx([-0.2 * 4.303, 0.2 * 4.303], rel=0.05)


def test_each_experiment_has_seeds_of_its_own():
    added = intervals.of_seeds([1.0, 1.0], [4, 4], 1000, 0)
    assert abs(np.corrcoef(added.T)[0, 1]) < 0.1
