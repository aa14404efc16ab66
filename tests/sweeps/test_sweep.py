"""The loop of a sweep over trainings that are made up: a value that is known of each rate, without a network."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest
import yaml

from made_up import GREY, prepare
from stemma import config, sweeps, training
from stemma.config.sweep import load_sweep
from stemma.errors import StemmaError, TrainingFailed
from stemma.files import Unwritable
from stemma.runs import RunFiles, SeedSummary
from stemma.sweeps import search
from stemma.sweeps.best import best_entry
from stemma.sweeps.record import SweepFiles, Trial
from stemma.sweeps.study import Study, decoded

EPOCHS = 4
RATE = {"low": 0.001, "high": 1.0, "log": True}
ENTRY = {"architecture": "mlp", "family": "mlp", "dataset": "grey", "epochs": EPOCHS, "parameters": {"hidden": [8]},
         "learning_rate": 0.9, "seeds": [3, 4], "accelerator": "cpu"}  # fmt: skip
Fake = Callable[..., None]


class Killed(BaseException):
    """What stands for a kill: nothing of ours handles it."""


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of Optuna's without a study, which takes half a second to make."""
    path = tmp_path_factory.mktemp("optuna") / "study.db"
    optuna.storages.RDBStorage(f"sqlite:///{path}")
    return path


@pytest.fixture
def project(tmp_path: Path, empty: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    prepare(tmp_path / "data/prepared/grey", GREY)
    for name in ("rate", "other"):
        (tmp_path / "build/sweeps" / name).mkdir(parents=True)
        shutil.copy(empty, tmp_path / "build/sweeps" / name)
    parameters = {"datasets": {"grey": {"use": "mnist@sample"}}, "experiments": {"x": ENTRY}}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(parameters))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def put_aside() -> None:
    """Let the next sweep begin anew."""
    Path("build/sweeps/rate").rename("build/sweeps/before")
    Path("build/sweeps/other").rename("build/sweeps/rate")


def loss(rate: float, epoch: int) -> float:
    """Least at a rate of 0.1, and less with every epoch."""
    return abs(rate - 0.1) + 1 / epoch


def made_up(trained: list[float], at: Callable[[float, int], None] = lambda rate, epoch: None) -> Fake:
    """What stands for `training.train`; `at` is called before each epoch."""

    def train(name: str, experiment: Any, prepared: Path, root: Path, watch: Callable[[], None]) -> None:
        trained.append(experiment.learning_rate)
        runs = RunFiles(name, root)
        for epoch in range(1, experiment.epochs + 1):
            at(experiment.learning_rate, epoch)
            for seed in experiment.seeds:
                runs.live(seed).parent.mkdir(parents=True, exist_ok=True)
                row = {"phase": "fit", "epoch": epoch, "val_loss": loss(experiment.learning_rate, epoch), "last": True}
                with runs.live(seed).open("a") as file:
                    file.write(json.dumps(row) + "\n")
            watch()
        summary = training.describe(name, experiment, prepared)
        scores = {
            f"seed{s}": SeedSummary(EPOCHS, loss(experiment.learning_rate, EPOCHS), 0.5, 9, 9) for s in experiment.seeds
        }
        runs.write_summary(summary.__class__(**{**vars(summary), "seeds": scores}))

    return train


def swept(monkeypatch: pytest.MonkeyPatch, train: Fake, space: Any = None, **more: Any) -> list[Trial]:
    """Run a sweep of the name `rate` with `train` for training; its trials."""
    Path("rate.yaml").write_text(yaml.safe_dump({"experiment": "x", "space": space or {"learning_rate": RATE}, **more}))
    monkeypatch.setattr(training, "train", train)
    params, path = Path("params.yaml"), Path("rate.yaml")
    sweeps.run(path, load_sweep(path, params), params, Path("data/prepared"))
    return SweepFiles("rate").trials()


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
