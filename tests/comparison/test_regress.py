"""Values instead of classes: scores, ranking from the least error, paired tests on squared errors, the gate."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_runs import write_values

from stemma.comparison import compare, paired
from stemma.comparison.curves import learning_curves
from stemma.errors import StemmaError
from stemma.gate import Candidate, Predictions, Rules, candidates, decide
from stemma.scores import SCORING, scoring

REGRESS = SCORING["regress"]
TARGETS = 150 + 70 * np.random.default_rng(0).normal(size=300)
DIGEST = "v" * 64


def answers(error: float, seed: int) -> np.ndarray:
    return TARGETS + error * np.random.default_rng(seed).normal(size=len(TARGETS))


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    write_values(tmp_path, "good", TARGETS, [answers(40, s) for s in range(3)], "mlp", [41, 40, 42])
    write_values(tmp_path, "bad", TARGETS, [answers(60, s + 9) for s in range(3)], "rnn", [60, 61, 62])
    write_values(tmp_path, "same", TARGETS, [answers(50, 5)] * 3, "baseline", [50, 50, 50])
    return tmp_path


def test_scores_by_hand():
    targets, values = np.array([1.0, 2.0, 3.0, 6.0]), np.array([1.0, 4.0, 3.0, 4.0])
    found = REGRESS.measure(targets, values)
    assert found == pytest.approx({"rmse": 2**0.5, "mae": 1.0, "r2": 1 - 8 / 14})
    assert REGRESS.measure(targets, np.full(4, targets.mean()))["r2"] == 0
    assert REGRESS.facts(targets)["target_sd"] == pytest.approx(np.sqrt(14 / 4))


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(2, 50))
def test_contributions_add_up_to_the_score(seed: int, seeds: int, examples: int):
    errors = np.random.default_rng(seed).gamma(0.5, 100, (seeds, examples))
    means = REGRESS.contributions(errors).mean(axis=1)
    np.testing.assert_allclose(means, np.sqrt(errors.mean(axis=1)))
    right = errors > 50
    assert SCORING["classify"].contributions(right) is right


def test_perfect_values_contribute_nothing():
    assert np.array_equal(REGRESS.contributions(np.zeros((1, 5))), np.zeros((1, 5)))


def test_variance_of_contributions_is_that_of_the_score():
    rng = np.random.default_rng(1)
    samples = rng.normal(0, 10, (4000, 200)) ** 2
    told = REGRESS.contributions(samples[:1])[0].var(ddof=1) / 200
    assert told == pytest.approx(np.sqrt(samples.mean(axis=1)).var(), rel=0.2)


def test_the_least_error_ranks_first(runs: Path):
    found = compare(["bad", "good", "same"], runs, bootstrap=400)
    good, same, bad = found["rows"]
    assert [row["experiment"] for row in (good, same, bad)] == ["good", "same", "bad"]
    assert good["to_best"] is None and bad["to_best"]["beyond_chance"] is True
    assert bad["to_best"]["difference"] == pytest.approx(bad["rmse"]["mean"] - good["rmse"]["mean"])
    assert bad["to_best"]["lo"] > 0
    over = good["rmse_over_examples"]
    assert over["lo"] < good["rmse"]["mean"] < over["hi"]
    assert good["validation_rmse"]["mean"] == 41
    group = found["datasets"][0]
    assert (group["task"], group["primary"], group["best"], group["classes"]) == ("regress", "rmse", "good", [])
    assert group["target_sd"] == pytest.approx(TARGETS.std()) and 0 < group["detectable"] < 20
    json.dumps(found, allow_nan=False)


def test_bootstrap_is_of_the_root_mean_over_the_seeds(tmp_path: Path):
    """One number apart in each seed: the interval is that of the mean of the seeds' RMSE, not of a pooled one."""
    write_values(tmp_path, "two", TARGETS, [TARGETS + 10, TARGETS + 30])
    write_values(tmp_path, "one", TARGETS, [TARGETS + 25])
    two, one = compare(["one", "two"], tmp_path, bootstrap=100)["rows"]
    assert (two["experiment"], two["rmse_over_examples"]) == ("two", {"lo": pytest.approx(20), "hi": pytest.approx(20)})
    assert one["rmse_over_examples"]["lo"] == pytest.approx(25)


def test_a_family_is_represented_by_its_least_validation_error(runs: Path):
    write_values(runs, "lucky", TARGETS, [answers(20, s) for s in range(3)], "mlp", [55, 55, 55])
    found = compare(["good", "lucky"], runs, bootstrap=100)
    assert found["datasets"][0]["best"] == "lucky"
    assert [row["experiment"] for row in found["families"]] == ["good"]


def test_tasks_are_never_ranked_together(runs: Path):
    from small_runs import sharp, write_run

    labels = np.arange(300) % 2
    write_run(runs, "classes", labels, [sharp(labels, 2)], dataset="values", test_digest=DIGEST)
    found = compare(["classes", "good"], runs, bootstrap=100)
    assert [group["task"] for group in found["datasets"]] == ["classify", "regress"]
    assert [row["to_best"] for row in found["rows"]] == [None, None]
    curves = learning_curves(["classes", "good"], runs)
    assert list(curves.columns[-3:]) == ["val_accuracy", "val_rmse", "val_loss"]
    assert curves["val_rmse"].isna().tolist() == [True, True, False, False]


def test_values_that_are_not_finite_are_named(tmp_path: Path):
    broken = answers(40, 0)
    broken[3] = np.nan
    write_values(tmp_path, "broken", TARGETS, [answers(40, 0), broken])
    with pytest.raises(StemmaError, match=r"'broken', seed 1: .*not finite"):
        compare(["broken"], tmp_path)
    with pytest.raises(StemmaError, match="scores of the task: unknown name 'transduce'"):
        scoring("transduce")


@pytest.mark.parametrize("spread", [0.0, 0.05, 0.2])
def test_false_alarms_are_rare_between_equal_models(spread: float):
    """Two experiments of 3 seeds on 90 examples whose noise is as hard for both: 3 to 7 % of 1,000.

    The seeds of an experiment differ in their RMSE by `spread`; at 0.05 chance among seeds and examples are alike.
    """
    rng = np.random.default_rng(3)
    alarms = 0
    for _ in range(1000):
        hard = rng.gamma(2, 20, 90)
        both = (hard * rng.normal(size=90))[None]
        a, b = (
            (both + 0.5 * hard * rng.normal(size=(3, 90))) * (1 + spread * rng.normal(size=(3, 1))) for _ in range(2)
        )
        found = paired.difference(REGRESS.contributions(a**2), REGRESS.contributions(b**2), 0.95)
        alarms += found.p_value < 0.05
    assert alarms <= 80


def told(errors: np.ndarray) -> Predictions:
    targets = np.resize(TARGETS, len(errors))
    return Predictions(DIGEST, targets, targets + errors)


def candidate(predictions: Predictions) -> Candidate:
    return Candidate(
        "values", "diabetes", "package", "diabetes-mlp", 1, 50.0, 100, 4000, 0.5, predictions, {}, "regress"
    )


def errors(scale: float, seed: int) -> np.ndarray:
    return scale * np.random.default_rng(seed).normal(size=len(TARGETS))


def test_the_gate_promotes_a_clearly_smaller_error():
    found = decide(candidate(told(errors(30, 1))), told(errors(50, 2)), Rules())
    assert found.verdict == "promote" and found.difference < -15 and found.p_value < 0.001
    assert "of RMSE, beyond chance" in found.reasons[0]
    written = found.to_dict()
    assert written["rmse"] == pytest.approx(30, rel=0.1) and written["champion_rmse"] == pytest.approx(50, rel=0.1)
    assert written["val_rmse"] == 50 and (written["task"], written["primary"]) == ("regress", "rmse")
    json.dumps(written, allow_nan=False)


def test_the_gate_keeps_what_is_not_better():
    one, other = told(errors(40, 1)), told(errors(40.2, 2))
    verdicts = [decide(candidate(a), b, Rules()) for a, b in ((one, other), (other, one))]
    assert [found.verdict for found in verdicts] == ["keep", "keep"]
    assert sum("chance explains it" in found.reasons[-1] for found in verdicts) == 1
    worse = decide(candidate(told(errors(50, 2))), told(errors(30, 1)), Rules())
    assert worse.verdict == "keep" and "not better" in worse.reasons[0]
    same = decide(candidate(one), one, Rules())
    assert (same.verdict, same.difference, same.p_value) == ("keep", 0, 1)
    small = decide(candidate(told(errors(30, 1))), told(errors(50, 2)), Rules(min_effect=25))
    assert small.verdict == "keep" and "at least 25 count" in small.reasons[0]


def test_the_gate_refuses_unfit_values():
    constant = replace(told(errors(1, 1)), outputs=np.full(len(TARGETS), 7.0))
    assert decide(candidate(constant), None, Rules()).reasons == ["The candidate predicts one value only."]
    broken = told(errors(1, 1))
    broken.outputs[4] = np.inf
    found = decide(candidate(broken), None, Rules())
    assert (found.verdict, found.score) == ("refuse", None)
    assert decide(candidate(told(errors(1, 1))), None, Rules()).verdict == "promote"
    short = replace(told(errors(1, 1)), outputs=np.ones(3))
    assert decide(candidate(short), None, Rules()).verdict == "refuse"


@pytest.mark.parametrize(("skewed", "count"), [(False, 90), (True, 2000)])
def test_a_candidate_that_is_no_better_is_rarely_promoted(skewed: bool, count: int):
    """Equal mean squared errors; `skewed`: the candidate errs much on a tenth of the examples and little on the rest.

    At most alpha in 1,000 trials. Wilcoxon's test on the same pairs promotes in half of the skewed ones: it judges
    the median difference, and the RMSE is about the mean.
    """
    rng = np.random.default_rng(5)
    promoted = 0
    for _ in range(1000):
        mine = rng.normal(0, 40, count)
        if skewed:
            far = np.where(rng.random(count) < 0.1, rng.normal(0, np.sqrt(0.5 * 1600 / 0.1), count), 0)
            mine = far + rng.normal(0, np.sqrt(0.5 * 1600), count)
        promoted += decide(candidate(told(mine)), told(rng.normal(0, 40, count)), Rules()).verdict == "promote"
    assert promoted <= 50


def test_candidates_have_the_least_validation_error(runs: Path):
    (chosen,) = candidates(["bad", "good", "same"], runs)
    assert (chosen.experiment, chosen.seed, chosen.val_score, chosen.task) == ("good", 1, 40, "regress")
    assert chosen.passed_over == {"same": 50, "bad": 61}
