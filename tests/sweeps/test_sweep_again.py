"""A sweep that is broken off, fails or is begun again, over trainings that are made up."""

from pathlib import Path
from typing import Any

import optuna
import pytest
import yaml
from made_up_trials import ENTRY, RATE, Killed, made_up, put_aside, swept

from made_up import GREY, prepare
from stemma.errors import StemmaError, TrainingFailed
from stemma.files import Unwritable
from stemma.sweeps import search
from stemma.sweeps.best import best_entry
from stemma.sweeps.record import SweepFiles
from stemma.sweeps.study import Study


@pytest.mark.parametrize(
    "where",
    [
        "within a trial",
        pytest.param("before it is told", marks=pytest.mark.slow),
        pytest.param("while it is asked for", marks=pytest.mark.slow),
    ],
)
def test_killed_it_goes_on_and_tries_nothing_twice(where: str, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = swept(monkeypatch, made_up([]), trials=9)
    put_aside()
    count, trained = [0], list[float]()

    def die(*arguments: Any) -> None:
        count[0] += 1
        if count[0] in (4, 11, 18):
            raise Killed

    for _ in range(6):
        with monkeypatch.context() as patch:
            if where == "before it is told":
                tell = Study.tell
                patch.setattr(Study, "tell", lambda *a, tell=tell: (die(), tell(*a)))
            elif where == "while it is asked for":
                suggest = optuna.Trial.set_user_attr
                patch.setattr(optuna.Trial, "set_user_attr", lambda *a, s=suggest: (die(), s(*a)))
            try:
                within = die if where == "within a trial" else lambda rate, epoch: None
                trials = swept(monkeypatch, made_up(trained, within), trials=9)
                break
            except Killed:
                continue
    same = [{**vars(trial), "attempts": 1, "began": 0, "seconds": 0} for trial in (*whole, *trials)]
    assert same[:9] == same[9:]
    more = sum(trial.attempts - 1 for trial in trials)
    assert len(trained) == (9 + more if where == "within a trial" else 9)
    assert (more == 0) == (where == "before it is told")
    study = optuna.load_study(study_name="rate", storage="sqlite:///build/sweeps/rate/study.db")
    over = [trial.user_attrs["number"] for trial in study.trials if trial.state.name in ("COMPLETE", "PRUNED")]
    assert sorted(over) == list(range(1, 10))
    assert not study.get_trials(states=[optuna.trial.TrialState.RUNNING, optuna.trial.TrialState.WAITING])
    assert swept(monkeypatch, made_up(trained), trials=9) == trials and len(trained) <= 9 + more


def test_a_trial_that_ends_its_process_again_and_again_is_given_up(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(rate: float, epoch: int) -> None:
        if rate == 0.9:
            raise Killed

    for _ in range(search.ATTEMPTS):
        with pytest.raises(Killed):
            swept(monkeypatch, made_up([], die), trials=3)
    first, *others = swept(monkeypatch, made_up([], die), trials=3)
    assert (first.state, first.error, first.attempts) == ("failed", "the process ended in it 3 times", 3)
    assert [trial.state for trial in others] == ["finished"] * 2


def test_a_failed_trial_is_told_of_and_the_sweep_goes_on(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(rate: float, epoch: int) -> None:
        if rate > 0.1 and epoch == 2:
            raise TrainingFailed("train_loss is not finite")

    trials = swept(monkeypatch, made_up([], fail), trials=8, sampler="random", pruner="none")
    failed = [trial for trial in trials if trial.values["learning_rate"] > 0.1]
    assert failed and {(trial.state, trial.error, trial.value) for trial in failed} == {
        ("failed", "train_loss is not finite", None)
    }
    assert all([row["epoch"] for row in trial.rows] == [1] for trial in failed)
    assert yaml.safe_load(best_entry(SweepFiles("rate"), Path("params.yaml")))["rate"]["learning_rate"] <= 0.1


def test_where_all_fail_there_is_no_entry(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(rate: float, epoch: int) -> None:
        raise TrainingFailed("too fast")

    swept(monkeypatch, made_up([], fail), trials=2)
    with pytest.raises(StemmaError, match=r"none of 2 trials \(2 failed\) finished; the first: too fast"):
        best_entry(SweepFiles("rate"), Path("params.yaml"))


def test_a_full_disk_ends_the_sweep_and_the_trial_begins_again(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(rate: float, epoch: int) -> None:
        raise Unwritable(Path("x"), "No space left on device")

    with pytest.raises(Unwritable):
        swept(monkeypatch, made_up([], full), trials=2)
    first, _ = swept(monkeypatch, made_up([]), trials=2)
    assert (first.state, first.attempts) == ("finished", 2)


def test_equal_values_are_not_trained_again(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained = list[float]()
    space = {"learning_rate": {"choices": [0.9, 0.5, 0.1]}}
    trials = swept(monkeypatch, made_up(trained), space, trials=6)
    assert len(trained) == len(set(trained)) <= 3
    for trial in trials:
        if trial.same_as is not None:
            other = trials[trial.same_as - 1]
            assert other.same_as is None
            assert (other.values, other.value, other.state) == (trial.values, trial.value, trial.state)


@pytest.mark.parametrize("change", ["space", "experiment", "data", "seed"])
def test_trials_that_cannot_be_compared_are_not_put_together(
    change: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    swept(monkeypatch, made_up([]), trials=2)
    space, more = {"learning_rate": RATE}, dict[str, Any]()
    if change == "space":
        space = {"learning_rate": {**RATE, "high": 0.5}}
    elif change == "experiment":
        text = yaml.safe_load(Path("params.yaml").read_text())
        text["experiments"]["x"]["parameters"] = {"hidden": [9]}
        Path("params.yaml").write_text(yaml.safe_dump(text))
    elif change == "data":
        prepare(Path("data/prepared/grey"), GREY, train=60)
    else:
        more = {"seed": 1}
    with pytest.raises(StemmaError, match=r"rate: holds 2 trials .* of another space, experiment or data; rename"):
        swept(monkeypatch, made_up([]), space, trials=3, **more)
    assert len(SweepFiles("rate").trials()) == 2


def test_a_parameter_file_that_changes_meanwhile_changes_no_trial(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change(rate: float, epoch: int) -> None:
        entry = {**ENTRY, "parameters": {"hidden": [9]}}
        Path("params.yaml").write_text(
            yaml.safe_dump({"datasets": {"grey": {"use": "mnist@sample"}}, "experiments": {"x": entry}})
        )

    trials = swept(monkeypatch, made_up([], change), trials=3)
    assert [trial.settings["parameters"]["hidden"] for trial in trials] == [[8]] * 3
    assert yaml.safe_load(best_entry(SweepFiles("rate"), SweepFiles("rate").params))["rate"]["parameters"] == {
        "hidden": [8]
    }


def test_what_it_starts_from_must_have_been_trained(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = yaml.safe_load(Path("params.yaml").read_text())
    values["transfers"] = {"x": {**ENTRY, "start": {"experiment": "first"}}}
    values["experiments"] = {"first": ENTRY}
    Path("params.yaml").write_text(yaml.safe_dump(values))
    trained = list[float]()
    with pytest.raises(StemmaError, match=r"runs/first/train/summary\.json: missing"):
        swept(monkeypatch, made_up(trained), trials=2)
    assert not trained


def test_more_trials_may_be_asked_for_later(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained = list[float]()
    few = swept(monkeypatch, made_up(trained), trials=3)
    assert swept(monkeypatch, made_up(trained), trials=6)[:3] == few and len(trained) == 6


def test_one_process_at_a_time(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with SweepFiles("rate").alone(), pytest.raises(StemmaError, match="another process runs this sweep"):
        swept(monkeypatch, made_up([]), trials=2)


def test_data_that_are_not_prepared_are_told_before_a_trial(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "data/prepared/grey/spec.json").unlink()
    trained = list[float]()
    with pytest.raises(StemmaError, match="data/prepared/grey: missing; run `dvc repro preprocess@grey`"):
        swept(monkeypatch, made_up(trained), trials=2)
    assert not trained
