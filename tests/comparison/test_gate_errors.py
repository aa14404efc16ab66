"""How often the gate errs: 1,000 simulated pairs, one seed, and the limits that hold at 99 %."""

import numpy as np
import pytest

from stemma.gate import Rules
from stemma.gate.simulation import Rate, Setting, classifiers, on_one_test_set, promotions

RULES = Rules(alpha=0.05)


def test_limits_are_those_of_clopper_and_pearson():
    """Of none in n the upper limit p at 99 % solves (1 - p)^n = 0.01; of all the lower one p^n = 0.01."""
    assert Rate(0, 100).upper == pytest.approx(1 - 0.01**0.01)
    assert Rate(100, 100).lower == pytest.approx(0.01**0.01)
    assert Rate(50, 1000).share == 0.05 and Rate(48, 1000).upper < 0.068 < Rate(52, 1000).upper


def test_simulated_models_are_what_the_setting_says():
    setting = Setting(200_000, gain=0.03, disagreement=0.1)
    mine, theirs = (
        told.outputs.argmax(axis=1) == told.targets for told in classifiers(setting, np.random.default_rng(1))
    )
    assert theirs.mean() == pytest.approx(0.9, abs=0.003)
    assert mine.mean() - theirs.mean() == pytest.approx(0.03, abs=0.003)
    assert (mine != theirs).mean() == pytest.approx(0.1, abs=0.003)


@pytest.mark.parametrize("task", ["classify", "regress"])
def test_equal_models_are_promoted_within_alpha(task: str):
    assert promotions(RULES, Setting(1000), task=task).upper <= 0.065


def test_small_test_sets_are_no_exception():
    assert promotions(RULES, Setting(100, disagreement=0.15)).upper <= 0.065


def test_three_points_are_found_four_times_in_five():
    """With 1,000 test examples of which the models disagree on a tenth; a third of the gain is mostly missed."""
    assert promotions(RULES, Setting(1000, gain=0.03)).share >= 0.8
    assert promotions(RULES, Setting(1000, gain=0.01)).share < 0.5
    assert promotions(RULES, Setting(1000, gain=0.08), task="regress").share >= 0.8


def test_confirmations_share_alpha():
    """Ten equal candidates on one test set: one is promoted far more often than alpha, unless they share it."""
    equal = Setting(1000)
    assert on_one_test_set(RULES, equal, 10, trials=200).share > 0.1
    assert on_one_test_set(Rules(alpha=0.05, max_confirmations=10), equal, 10, trials=400).upper <= 0.065


def test_a_worse_model_is_never_promoted():
    assert promotions(RULES, Setting(1000, gain=-0.03)).promoted == 0
