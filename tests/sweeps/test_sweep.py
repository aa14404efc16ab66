"""The search of a sweep over trainings that are made up: what it finds, prunes, averages."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from made_up_trials import ENTRY, EPOCHS, loss, made_up, put_aside, swept

from stemma import config, training
from stemma.config.sweep import load_sweep
from stemma.runs import RunFiles, SeedSummary
from stemma.sweeps.best import best_entry
from stemma.sweeps.record import SweepFiles, Trial
from stemma.sweeps.study import decoded


def test_it_comes_near_the_best_rate_and_says_what_it_was_chosen_from(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = list[float]()
    trials = swept(monkeypatch, made_up(trained), trials=18)
    assert trained[0] == 0.9 and trials[0].as_it_stands, "first the entry as it stands"
    best = min((trial for trial in trials if trial.value is not None), key=lambda trial: trial.value or 0)
    assert abs(best.values["learning_rate"] - 0.1) < 0.05
    assert best.value == loss(best.values["learning_rate"], EPOCHS)
    text = best_entry(SweepFiles("rate"), Path("params.yaml"))
    entry = yaml.safe_load(text)["rate"]
    assert entry == {**ENTRY, "learning_rate": best.values["learning_rate"], "tried": 18}
    pruned = sum(trial.state == "pruned" for trial in trials)
    comment = " ".join(line.removeprefix("# ") for line in text.splitlines() if line.startswith("#"))
    assert f"best of 18 trials ({18 - pruned} finished, {pruned} pruned): val_loss" in comment
    assert f"the entry as it stood had {trials[0].value:.4g}" in comment
    assert SweepFiles("rate").folder.joinpath("best.yaml").read_text() == text


def test_a_trial_is_pruned_if_it_is_worse_than_the_median_at_the_same_epoch(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trials = swept(monkeypatch, made_up([]), trials=12, startup=3, warmup=2, sampler="random")
    finished = list[Trial]()
    for trial in trials:
        curves = [
            sorted(row["val_loss"] for t in finished for row in t.rows if row["epoch"] == e) for e in (1, 2, 3, 4)
        ]
        ended = trial.rows[-1]["epoch"]
        assert [row["epoch"] for row in trial.rows] == list(range(1, ended + 1)) == list(range(1, trial.epochs + 1))
        if len(finished) >= 3:
            middle = curves[2][(len(finished) - 1) // 2], curves[2][len(finished) // 2]
            worse = loss(trial.values["learning_rate"], 3) > sum(middle) / 2
            assert (trial.state, ended) == (("pruned", 3) if worse else ("finished", 4))
        else:
            assert trial.state == "finished"
        finished += [trial] if trial.state == "finished" else []
    assert any(trial.state == "pruned" for trial in trials)


def test_pruner_none_and_a_closed_form_prune_nothing(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert {trial.state for trial in swept(monkeypatch, made_up([]), trials=8, pruner="none")} == {"finished"}
    solved = {**ENTRY, "architecture": "logistic_regression", "family": "baseline", "parameters": {"penalty": 1.0}}
    solved.pop("parameters")
    parameters = {"datasets": {"grey": {"use": "mnist@sample"}}, "experiments": {"x": solved}}
    Path("params.yaml").write_text(yaml.safe_dump(parameters))
    put_aside()
    assert {trial.state for trial in swept(monkeypatch, made_up([]), trials=8)} == {"finished"}


def test_several_seeds_are_averaged(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = list[tuple[int, ...]]()
    train = made_up([])

    def noted(name: str, experiment: Any, *arguments: Any) -> None:
        seeds.append(experiment.seeds)
        train(name, experiment, *arguments)
        runs = RunFiles(name, arguments[1])
        summary = runs.summary()
        rows = {name: SeedSummary(1, value, 0.5, 9, 9) for name, value in zip(summary.seeds, (0.2, 0.4), strict=True)}
        runs.write_summary(summary.__class__(**{**vars(summary), "seeds": rows}))

    trials = swept(monkeypatch, noted, trials=2, seeds=2)
    assert seeds == [(3, 4)] * 2 and [trial.value for trial in trials] == [pytest.approx(0.3)] * 2


def test_numbers_are_what_the_parameter_file_will_say(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained = list[float]()
    trials = swept(monkeypatch, made_up(trained), trials=9)
    assert [trial.values["learning_rate"] for trial in trials] == trained
    assert all(float(f"{rate:.4g}") == rate for rate in trained)
    where = load_sweep(Path("rate.yaml"), Path("params.yaml")).space["learning_rate"]
    assert (decoded(where, 0.00100049), decoded(where, 0.99999)) == (0.001, 1.0)


@pytest.mark.slow
def test_the_test_split_stays_closed(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a real training: it runs without the files of the test split."""
    for path in (project / "data/prepared/grey").glob("test*"):
        path.unlink()
    trials = swept(monkeypatch, training.train, {"batch_size": {"choices": [20, 50]}}, trials=2, pruner="none")
    assert [trial.state for trial in trials] == ["finished"] * 2 and trials[0].rows[0]["train_loss"] > 0
    assert config.load().experiment("x").batch_size == 64
    assert not list((project / "build/sweeps/rate/runs").iterdir()), "no run files are left"
