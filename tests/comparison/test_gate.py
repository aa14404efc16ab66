import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_runs import sharp, write_run

from stemma.gate import Candidate, Evidence, Predictions, Robustness, Rules, candidates, decide, evidence
from stemma.gate.checks import class_recalls

LABELS = np.arange(500) % 5
DIGEST = "t" * 64


def predictions(right: np.ndarray) -> Predictions:
    """A model that is right where `right` `[N]` says so."""
    return Predictions(DIGEST, LABELS, sharp(np.where(right, LABELS, (LABELS + 1) % 5), 5))


def candidate(told: Predictions) -> Candidate:
    return Candidate("grey", "mnist", "sample", "mnist-lenet5", 1, 0.9, 1000, 4000, 0.5, told)


def right(count: int) -> np.ndarray:
    return np.arange(len(LABELS)) < count


def test_first_candidate_is_promoted():
    found = decide(candidate(predictions(right(400))), None, Rules())
    assert (found.verdict, found.score, found.p_value) == ("promote", 0.8, None)
    json.dumps(found.to_dict(), allow_nan=False)


def test_clear_win_is_promoted():
    found = decide(candidate(predictions(right(460))), predictions(right(400)), Rules())
    assert found.verdict == "promote"
    assert found.difference == pytest.approx(0.12)
    assert found.p_value == pytest.approx(2 * 0.5**60)


def test_equal_models_keep_the_champion():
    found = decide(candidate(predictions(right(400))), predictions(right(400)), Rules())
    assert (found.verdict, found.difference, found.p_value) == ("keep", 0, 1)


def test_a_worse_model_keeps_the_champion():
    assert decide(candidate(predictions(right(300))), predictions(right(400)), Rules()).verdict == "keep"


def test_a_gain_that_chance_explains_keeps_the_champion():
    # 5 of 5 disagreements: exact p = 2 / 2^5 = 0.0625
    found = decide(candidate(predictions(right(405))), predictions(right(400)), Rules())
    assert (found.verdict, found.p_value) == ("keep", 0.0625)
    assert "chance explains it" in found.reasons[0]
    assert decide(candidate(predictions(right(406))), predictions(right(400)), Rules()).verdict == "promote"


def test_a_gain_below_the_least_effect_keeps_the_champion():
    found = decide(candidate(predictions(right(420))), predictions(right(400)), Rules(min_effect=0.05))
    assert found.verdict == "keep"
    assert "at least 5 count" in found.reasons[0]


def test_noise_is_rarely_promoted():
    rng = np.random.default_rng(0)
    pairs = [(rng.random(500) < 0.8, rng.random(500) < 0.8) for _ in range(1000)]
    verdicts = [decide(candidate(predictions(a)), predictions(b), Rules()).verdict for a, b in pairs]
    assert verdicts.count("promote") <= 40


@pytest.mark.parametrize("champion", [None, predictions(right(10))])
def test_a_collapsed_model_is_refused(champion: Predictions | None):
    found = decide(candidate(Predictions(DIGEST, LABELS, sharp(np.zeros(500, int), 5))), champion, Rules())
    assert (found.verdict, found.reasons) == ("refuse", ["The candidate predicts one class only."])


@pytest.mark.parametrize("champion", [None, predictions(right(10))])
def test_nan_is_refused(champion: Predictions | None):
    told = predictions(right(400))
    told.outputs[7, 2] = np.nan
    found = decide(candidate(told), champion, Rules())
    assert (found.verdict, found.score) == ("refuse", None)
    json.dumps(found.to_dict(), allow_nan=False)


def test_champions_that_cannot_be_compared_are_refused():
    good, told = candidate(predictions(right(450))), predictions(right(10))
    broken = told.outputs.copy()
    broken[0] = np.inf
    others = {
        "another test set": replace(told, test_digest="u" * 64),
        "differ in shape": replace(told, outputs=told.outputs[:, :4]),
        "labels differ": replace(told, targets=told.targets[::-1]),
        "not all finite": replace(told, outputs=broken),
    }
    for reason, other in others.items():
        found = decide(good, other, Rules())
        assert found.verdict == "refuse"
        assert reason in found.reasons[0]


def test_own_shapes_that_differ_are_refused():
    told = predictions(right(400))
    short = replace(told, outputs=told.outputs[:-1])
    assert decide(candidate(short), None, Rules()).verdict == "refuse"


def test_budgets_hold_for_every_candidate():
    found = decide(candidate(predictions(right(450))), None, Rules(max_latency_ms=0.4, max_model_bytes=3000))
    assert found.verdict == "refuse"
    assert ["0.5 ms" in found.reasons[0], "4,000 bytes" in found.reasons[1]] == [True, True]
    roomy = Rules(max_latency_ms=0.5, max_model_bytes=4000)
    assert decide(candidate(predictions(right(450))), None, roomy).verdict == "promote"


def test_candidates_are_chosen_on_validation(tmp_path: Path):
    told = [predictions(right(n)).outputs for n in (490, 480)]
    write_run(tmp_path, "best-on-test", LABELS, told, val_accuracy=[0.7, 0.7])
    write_run(tmp_path, "large", LABELS, told, val_accuracy=[0.9, 0.8], parameters=9)
    write_run(tmp_path, "small", LABELS, told, val_accuracy=[0.8, 0.9], parameters=5)
    write_run(tmp_path, "other", LABELS, told, slot="text", dataset="mr")
    grey, text = candidates(["best-on-test", "large", "small", "other"], tmp_path)
    assert (grey.experiment, grey.seed, grey.parameters) == ("small", 1, 5)
    assert grey.passed_over == {"large": pytest.approx(0.85), "best-on-test": 0.7}
    assert (text.slot, text.experiment, text.seed) == ("text", "other", 0)
    assert text.latency_ms == pytest.approx(0.1)


def test_calibration_error_is_a_budget_of_classes():
    # 80 % right at a confidence of 0.9
    found = decide(candidate(predictions(right(400))), None, Rules(max_calibration_error=0.09))
    assert found.verdict == "refuse"
    assert found.reasons == ["The candidate's calibration error is 10.00 points; at most 9 are allowed."]
    assert decide(candidate(predictions(right(400))), None, Rules(max_calibration_error=0.11)).verdict == "promote"


def test_the_worst_class_has_its_budget():
    good = np.where(LABELS == 3, np.arange(500) % 2 == 0, True)
    told = predictions(good)
    assert class_recalls(told.targets, told.outputs) == {0: 1, 1: 1, 2: 1, 3: 0.5, 4: 1}
    found = decide(candidate(told), predictions(right(300)), Rules(min_class_recall=0.6))
    assert found.verdict == "refuse"
    assert found.reasons == [
        "The candidate tells 50.0% of class number 3 right; at least 60.0% are asked for of every class."
    ]
    assert decide(candidate(told), predictions(right(300)), Rules(min_class_recall=0.5)).verdict == "promote"


def test_budgets_of_classes_leave_values_alone():
    values = Predictions(DIGEST, LABELS.astype(float), LABELS + 0.1 * (LABELS % 2))
    told = replace(candidate(values), task="regress")
    assert decide(told, None, Rules(max_calibration_error=1e-9, min_class_recall=1)).verdict == "promote"


def perturbed(right_: np.ndarray, score: float, space: str = "pixels") -> Predictions:
    return replace(predictions(right_), robustness=Robustness(space, {0.0: 0.9, 0.1: score}))


def test_robustness_has_a_bound():
    rules = Rules(robust_epsilon=0.1, robust_bound=0.5)
    found = decide(candidate(perturbed(right(400), 0.4)), None, rules)
    assert found.reasons == ["Perturbed by 0.1 the candidate's accuracy is 40.0%; no worse than 50.0% is allowed."]
    assert decide(candidate(perturbed(right(400), 0.5)), None, rules).verdict == "promote"
    unknown = decide(candidate(predictions(right(400))), None, rules)
    assert unknown.verdict == "refuse" and "its robustness is not known" in unknown.reasons[0]
    assert decide(candidate(perturbed(right(400), 0.5)), None, replace(rules, robust_epsilon=0.2)).verdict == "refuse"


def test_robustness_of_values_is_bounded_from_above():
    values = Predictions(DIGEST, LABELS.astype(float), LABELS + 0.1 * (LABELS % 2), Robustness("columns", {0.1: 60.0}))
    told = replace(candidate(values), task="regress")
    found = decide(told, None, Rules(robust_epsilon=0.1, robust_bound=50.0))
    assert found.reasons == ["Perturbed by 0.1 the candidate's RMSE is 60; no worse than 50 is allowed."]
    assert decide(told, None, Rules(robust_epsilon=0.1, robust_bound=60.0)).verdict == "promote"


def test_robustness_may_not_fall_far_behind_the_champion():
    rules = Rules(robust_epsilon=0.1, robust_margin=0.05)
    mine = candidate(perturbed(right(460), 0.4))
    found = decide(mine, perturbed(right(400), 0.5), rules)
    assert (found.verdict, found.p_value) == ("refuse", None)
    assert "10.00 points worse than the champion; at most 5.00 points are allowed" in found.reasons[0]
    for champion in (
        perturbed(right(400), 0.45),
        perturbed(right(400), 0.3),
        perturbed(right(400), 0.5, "embeddings"),
        predictions(right(400)),
    ):
        assert decide(mine, champion, rules).verdict == "promote"


def test_data_that_did_not_pass_or_leak_are_refused():
    rules = Rules(validation_passed=True, no_leakage=True)
    good = candidate(predictions(right(400)))
    cases: dict[str, Evidence | None] = {
        "did not pass validation (reports/validation/grey.json)": Evidence(False),
        "leak: 3 near repetitions": Evidence(True, ("3 near repetitions between train and test",)),
        "not known whether": None,
    }
    for words, known in cases.items():
        found = decide(replace(good, evidence=known), None, rules)
        assert found.verdict == "refuse" and len(found.reasons) == 1 and words in found.reasons[0]
        assert decide(replace(good, evidence=known), None, Rules()).verdict == "promote"
    sound = decide(replace(good, evidence=Evidence(True)), None, rules)
    assert sound.verdict == "promote" and sound.to_dict()["evidence"] == {"validated": True, "leaks": ()}


def test_evidence_of_a_validation_report():
    report = {
        "success": True,
        "expectations": [{"name": "no group in two parts", "success": False}],
        "leakage": {
            "pairs": {
                "train": {"exact": 4, "near": 5},
                "train, test": {"exact": 1, "near": 2},
                "train, validation": {"exact": 1, "near": 2},
                "validation, test": {"exact": 0, "near": 3},
                "test": {"exact": 7, "near": 0},
            }
        },
    }
    assert evidence(report, "separate") == Evidence(True, ())
    assert evidence({**report, "success": False}, "keep") == Evidence(
        False,
        (
            "1 exact and 2 near repetitions between train and test",
            "3 near repetitions between validation and test",
            "groups with examples in two parts",
        ),
    )


def test_a_champion_of_another_test_set_may_give_way():
    other = replace(predictions(right(499)), test_digest="u" * 64)
    found = decide(candidate(predictions(right(400))), other, Rules(same_test_digest=False))
    assert (found.verdict, found.p_value) == ("promote", None)
    assert "gives way uncompared" in found.reasons[0]
    collapsed = candidate(Predictions(DIGEST, LABELS, sharp(np.zeros(500, int), 5)))
    assert decide(collapsed, other, Rules(same_test_digest=False)).verdict == "refuse"
    worse = decide(candidate(predictions(right(300))), predictions(right(400)), Rules(same_test_digest=False))
    assert worse.verdict == "keep"


def test_confirmations_share_alpha_and_use_a_test_set_up():
    # 8 of 8 disagreements: exact p = 2 / 2^8 = 0.0078
    better, champion = candidate(predictions(right(408))), predictions(right(400))
    found = decide(better, champion, Rules(max_confirmations=5), confirmations=4)
    assert (found.verdict, found.level, found.confirmations) == ("promote", 0.01, 4)
    assert "beyond chance at 0.01" in found.reasons[0]
    assert decide(better, champion, Rules(max_confirmations=10)).verdict == "keep"
    found = decide(better, champion, Rules(max_confirmations=5), confirmations=5)
    assert (found.verdict, found.p_value) == ("refuse", None)
    assert "5 comparisons with a champion were made on it and max_confirmations allows 5" in found.reasons[0]
    assert decide(better, None, Rules(max_confirmations=5), confirmations=5).verdict == "promote"
    assert decide(better, champion, Rules(), confirmations=99).level == 0.05


def test_a_model_that_guesses_keeps_the_champion():
    rng = np.random.default_rng(3)
    guess = Predictions(DIGEST, LABELS, rng.dirichlet(np.ones(5), len(LABELS)))
    assert decide(candidate(guess), predictions(right(400)), Rules()).verdict == "keep"
