import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_runs import sharp, write_run

from stemma.gate import Candidate, Predictions, Rules, candidates, decide

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
