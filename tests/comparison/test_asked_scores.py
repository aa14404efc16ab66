"""Tasks that an experiment asks for: scores by hand, what stands beside what, and paired tests on them."""

from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from small_runs import write_kept, write_run

from stemma.comparison import compare, learning_curves
from stemma.config.fits import MONITORS
from stemma.config.training import MonitorName
from stemma.errors import StemmaError
from stemma.gate import candidates
from stemma.runs import RunFiles
from stemma.scores import SCORING
from stemma.spec import Asked
from stemma.training.callbacks import RISING

SPREAD = np.array([1.0, 3.0, 2.0, 2.0])
KEPT = {
    "reconstruct": np.array([[0.5], [0.5], [0.25], [0.75]]),
    "density": np.array([[-90.0], [-100.0], [-95.0], [-99.0]]),
    "map": np.array([[2.0, 0.0], [1.0, 1.0], [4.0, 0.0], [1.0, 0.0]]),
    "recall": np.array([[1.0, 1.0, 0.9], [0.5, 0.0, 0.7], [1.0, 1.0, 0.8], [0.9, 0.0, 0.8]]),
}
BY_HAND = {
    "reconstruct": {"reconstruction_error": 0.5, "explained": 0.75},
    "density": {"log_likelihood": -96.0},
    "map": {"quantisation_error": 2.0, "topographic_error": 0.25},
    "recall": {"bits_right": 0.85, "patterns_right": 0.5, "bits_right_before": 0.8},
}

UNIT = {"recall": "variance 2, 80% right before"}


@pytest.mark.parametrize("task", KEPT)
def test_scores_by_hand(task: str):
    judged = SCORING[task]
    assert judged.measure(SPREAD, KEPT[task]) == pytest.approx(BY_HAND[task])
    assert judged.facts(SPREAD) == {"target_variance": 2.0} and judged.unit(SPREAD, KEPT[task]) == UNIT.get(
        task, "variance 2"
    )
    examples = judged.per_example(SPREAD, np.stack([KEPT[task]] * 2))
    assert judged.contributions(examples).mean(axis=1) == pytest.approx(BY_HAND[task][judged.primary])


def test_answering_with_the_mean_explains_nothing():
    assert SCORING["reconstruct"].measure(SPREAD, SPREAD[:, None])["explained"] == 0
    assert SCORING["reconstruct"].measure(SPREAD, 0 * SPREAD[:, None])["explained"] == 1


def test_what_is_asked_for_is_known_wherever_it_is_told():
    asked = {task for task, judged in SCORING.items() if judged.asked}
    assert asked == set(get_args(Asked)) == set(KEPT)
    assert {task: ("val_loss", f"val_{judged.primary}") for task, judged in SCORING.items()} == MONITORS
    assert set(get_args(MonitorName)) == set(sum(MONITORS.values(), ()))
    assert {"val_accuracy", "val_log_likelihood", "val_bits_right"} == RISING
    assert SCORING["regress"].unit(SPREAD, SPREAD) == ""


def errors(mean: float, seed: int, count: int = 400) -> np.ndarray:
    """Errors of examples that are hard for everyone, and a part of one's own."""
    hard = np.random.default_rng(99).gamma(2, 0.01, count)
    return (mean * hard / hard.mean() + np.random.default_rng(seed).normal(0, 0.001, count))[:, None]


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    spread = np.random.default_rng(7).uniform(0, 0.2, 400)
    write_kept(tmp_path, "pca", "reconstruct", spread, [errors(0.0300, s) for s in range(3)], [0.03] * 3, "baseline")
    write_kept(tmp_path, "ae", "reconstruct", spread, [errors(0.0200, s + 5) for s in range(3)], [0.02] * 3)
    write_kept(tmp_path, "twin", "reconstruct", spread, [errors(0.0200, s + 9) for s in range(3)], [0.02] * 3)
    write_kept(tmp_path, "scaled", "reconstruct", 10 * spread, [errors(0.2, 8)], [0.2])
    likely = [np.random.default_rng(s).normal(-90, 9, (400, 1)) for s in (1, 2)]
    write_kept(tmp_path, "rbm", "density", spread, likely, [-91.0, -89.5], log_z=[(450.0, 449.5, 451.0)] * 2)
    labels = np.arange(400) % 4
    write_run(tmp_path, "net", labels, [np.eye(4)[labels] * 0.9 + 0.025], test_digest="t" * 64)
    return tmp_path


ALL = ("pca", "ae", "twin", "scaled", "rbm", "net")


def test_only_what_is_judged_on_the_same_stands_together(runs: Path):
    found = compare(ALL, runs, bootstrap=100)
    groups = [(group["task"], group["unit"], group["best"]) for group in found["datasets"]]
    assert [task for task, _, _ in groups] == ["classify", "reconstruct", "reconstruct", "density"]
    assert len({unit for task, unit, _ in groups if task == "reconstruct"}) == 2
    members = [
        row["experiment"] for row in found["rows"] if row["unit"] == groups[1][1] and row["task"] == "reconstruct"
    ]
    assert sorted(members) == ["ae", "pca", "twin"] and found["datasets"][1]["best"] in ("ae", "twin")
    assert {(row["task"], row["family"]) for row in found["families"]} == {
        ("classify", "cnn"), ("density", "dbn"), ("reconstruct", "dbn"), ("reconstruct", "baseline"),
    }  # fmt: skip


def test_a_planted_difference_is_found_and_none_where_there_is_none(runs: Path):
    rows = {row["experiment"]: row for row in compare(("pca", "ae", "twin"), runs, bootstrap=100)["rows"]}
    assert rows["pca"]["rank"] == 3
    worse = rows["pca"]["to_best"]
    assert worse["beyond_chance"] and worse["difference"] == pytest.approx(0.01, abs=2e-4)
    assert worse["lo"] < 0.01 < worse["hi"] and worse["hi"] - worse["lo"] < 0.004
    second = next(row for row in rows.values() if row["rank"] == 2)
    assert not second["to_best"]["beyond_chance"]
    over = rows["pca"]["reconstruction_error_over_examples"]
    assert over["lo"] < rows["pca"]["reconstruction_error"]["mean"] < over["hi"]


def test_networks_that_are_given_more_do_not_stand_beside_those_that_are_given_less(tmp_path: Path):
    for name, before in (("noisy", 0.7), ("quiet", 0.9), ("still", 0.9)):
        kept = np.tile([0.95, 0.5, before], (50, 1))
        write_kept(tmp_path, name, "recall", np.ones(50), [kept], [0.9])
    found = compare(("noisy", "quiet", "still"), tmp_path, bootstrap=100)
    groups = {row["experiment"]: row["unit"] for row in found["rows"]}
    assert groups["quiet"] == groups["still"] == "variance 1, 90% right before" != groups["noisy"]


def test_log_z_stands_beside_its_log_likelihood(runs: Path):
    (row,) = compare(("rbm",), runs, bootstrap=100)["rows"]
    assert row["beside"] == {"log_z": [450.0] * 2, "log_z_low": [449.5] * 2, "log_z_high": [451.0] * 2}
    assert row["log_likelihood"]["hi"] > row["log_likelihood"]["mean"] and row["log_likelihood"]["mean"] < 0


def test_the_gate_looks_at_the_slots_own_task_alone(runs: Path):
    assert [candidate.experiment for candidate in candidates(list(ALL), runs)] == ["net"]
    assert candidates(["ae", "rbm"], runs) == []


def test_curves_have_a_column_a_task(runs: Path):
    frame = learning_curves(ALL, runs)
    assert {"val_accuracy", "val_reconstruction_error", "val_log_likelihood"} <= set(frame)
    assert frame[frame["experiment"] == "rbm"]["val_log_likelihood"].notna().all()


def test_predictions_of_another_task_are_refused(runs: Path):
    RunFiles("ae", runs).write_predictions(1, np.arange(400.0), np.zeros((400, 2)), ("a", "b"))
    with pytest.raises(StemmaError, match="differ from those of the first seed"):
        compare(["ae"], runs)
    spread, _ = RunFiles("ae", runs).predictions(0)
    RunFiles("ae", runs).write_predictions(1, spread, np.zeros((400, 2)), ("a", "b"))
    with pytest.raises(StemmaError, match="experiment 'ae', seed 1: 2 numbers kept of an example, expected 1"):
        compare(["ae"], runs)


@pytest.mark.parametrize("task", KEPT)
def test_kept_numbers_come_back_as_they_were_written(task: str, tmp_path: Path):
    runs = RunFiles("one", tmp_path)
    runs.write_predictions(0, SPREAD, KEPT[task], SCORING[task].columns)
    spread, kept = runs.predictions(0)
    assert np.array_equal(spread, SPREAD) and np.array_equal(kept, KEPT[task])
