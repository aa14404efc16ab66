"""A training that was killed goes on: in the middle of each kind of phase, between phases, and equal to the bit."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from made_up import GREY, TEXT, prepare
from stemma import training
from stemma.config import Experiment
from stemma.families.dbn import layerwise
from stemma.nn.names import OPTIMIZERS
from stemma.runs import RunFiles
from stemma.training import bookmark
from stemma.training.callbacks import SeedSteps
from stemma.training.loop import train_seed

ROOT = Path(__file__).parents[1]
SMALL = {"pretrain_epochs": 3, "pretrain_batch_size": 20}
DENSITY = {"ais_chains": 5, "ais_temperatures": 10}
CASES: dict[str, tuple[str, str, dict, dict]] = {
    "cnn": (
        "cnn",
        "convnet",
        {},
        {"augment": {"shift": 1, "flip": True}, "weight_average": "ema", "schedule": "cosine"},
    ),
    "rnn": ("rnn", "lstm", {"hidden": 6, "dropout": 0.2}, {"dataset": "text", "optimizer": "rmsprop", "momentum": 0.5}),
    "mlp": ("mlp", "mlp", {"hidden": (8,)}, {"companion": "centre", "companion_weight": 0.5, "refit": True}),
    "swa": ("mlp", "mlp", {"hidden": (8,)}, {"weight_average": "swa", "average_from": 0.25, "patience": None}),
    "dbn": ("dbn", "dbn", {"hidden": (9, 7), **SMALL}, {}),
    "pcd": ("dbn", "rbm", {"hidden": 9, "persistent": True, "chains": 6, **SMALL}, {}),
    "density": ("dbn", "rbm", {"hidden": 30, **DENSITY, **SMALL}, {"task": "density"}),
    "generative_dbn": ("dbn", "generative_dbn", {"hidden": (9, 7), "persistent": True, "chains": 6, **SMALL}, {}),
    "dbm": ("dbn", "dbm", {"hidden": (9, 7), "chains": 6, "joint_epochs": 3, **SMALL}, {}),
    "stacked_ae": ("dbn", "stacked_ae", {"hidden": (9, 7), **SMALL}, {"optimizer": "sgd", "momentum": 0.9}),
    "dsn": ("dbn", "dsn", {"blocks": 2, "hidden": 9, "lower": "rbm", "pretrain_epochs": 2, "tune_epochs": 2}, {}),
    "som": ("dbn", "som", {"rows": 3, "columns": 3, "passes": 2}, {}),
}


class Killed(Exception):
    """What stands for a kill: nothing of ours handles it."""


def experiment(case: str, **settings: Any) -> Experiment:
    family, architecture, parameters, more = CASES[case]
    return Experiment(**{
        "dataset": "grey", "family": family, "architecture": architecture, "parameters": parameters, "epochs": 3,
        "batch_size": 20, "seeds": (4,), "accelerator": "cpu", "checkpoint_seconds": 0, **more, **settings,
    })  # fmt: skip


Place = tuple[int, int]
"""Phase and step in it, both from 0."""


def before_steps(monkeypatch: pytest.MonkeyPatch, action: Callable[[Place], None]) -> None:
    """Call `action` before each training step."""
    seed = SeedSteps.on_train_batch_start

    def acting(self: SeedSteps, trainer: Any, *arguments: Any) -> None:
        action((self.phase, trainer.fit_loop.total_batch_idx))
        seed(self, trainer, *arguments)

    monkeypatch.setattr(SeedSteps, "on_train_batch_start", acting)


def files(runs: RunFiles) -> dict[str, bytes]:
    folder = runs.folder / "train"
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("case", CASES)
def test_killed_in_the_middle_and_at_the_end_of_every_phase_it_ends_as_if_nothing_had_been(
    case: str, prepared: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layerwise, "TOGETHER", 2)
    settings, taken = experiment(case), list[Place]()
    data, whole, killed = prepared[settings.dataset], *(RunFiles("x", tmp_path / name / "runs") for name in "ab")
    with monkeypatch.context() as patch:
        before_steps(patch, taken.append)
        train_seed(whole, settings, 4, data)
    for place in sites(taken):
        with monkeypatch.context() as patch:
            before_steps(patch, lambda here, place=place: die(here == place))
            with pytest.raises(Killed):
                train_seed(killed, settings, 4, data)
    again = list[Place]()
    before_steps(monkeypatch, again.append)
    train_seed(killed, settings, 4, data)
    assert len(again) < max(len(taken), 1) and files(killed) == files(whole)
    again.clear()
    train_seed(killed, settings, 4, data)
    assert not again and files(killed) == files(whole), "a seed that is done waits for the others"


def sites(taken: list[Place]) -> list[Place]:
    """Of each phase a step after its first epoch, and its last one."""
    last = dict(sorted(taken))
    return [(phase, step) for phase, end in last.items() for step in sorted({end * 2 // 3, end})]


def die(when: bool) -> None:
    if when:
        raise Killed


@pytest.mark.parametrize(
    "other", [{"learning_rate": 0.5}, {"batch_size": 30}, {"parameters": {"hidden": (7,)}}, "data", "code"]
)
def test_no_other_training_takes_a_bookmark_up(
    other: Any, prepared: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, data, runs = experiment("mlp", refit=False), prepared["grey"], RunFiles("x", tmp_path / "runs")
    with monkeypatch.context() as patch:
        before_steps(patch, lambda here: die(here == (0, 13)))
        with pytest.raises(Killed):
            train_seed(runs, settings, 4, data)
    (mark,) = (tmp_path / "checkpoints/x").iterdir()
    if other == "data":
        data = tmp_path / "data"
        prepare(data, GREY, train=100)
    elif other == "code":
        monkeypatch.setattr(bookmark, "CODE", ("errors.py",))
    else:
        settings = settings.model_copy(update=other)
    taken = list[Place]()
    before_steps(monkeypatch, taken.append)
    train_seed(runs, settings, 4, data)
    assert taken[0] == (0, 0)
    assert not mark.exists() and len(list(mark.parent.iterdir())) == 1


def test_a_kill_while_the_bookmark_is_written_leaves_the_one_before(
    prepared: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, settings, save, count = RunFiles("x", tmp_path / "runs"), experiment("mlp", refit=False), torch.save, [0]

    def half(content: Any, file: Any) -> None:
        count[0] += 1
        if count[0] == 2:
            file.write(b"half")
            raise Killed
        save(content, file)

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", half)
        with pytest.raises(Killed):
            train_seed(runs, settings, 4, prepared["grey"])
    (mark,) = (tmp_path / "checkpoints/x").glob("*.ckpt")
    assert torch.load(mark, weights_only=True)["epoch"] == 0
    taken = list[Place]()
    before_steps(monkeypatch, taken.append)
    train_seed(runs, settings, 4, prepared["grey"])
    assert taken[0] == (0, 6)


def test_a_bookmark_is_written_when_it_is_time_and_goes_with_success(prepared: dict[str, Path], tmp_path: Path) -> None:
    for seconds, there in ((1000, False), (0, True)):
        runs = RunFiles(f"every{seconds}", tmp_path / "runs")
        settings = experiment("dbn", checkpoint_seconds=seconds)
        train_seed(runs, settings, 4, prepared["grey"])
        assert training.checkpoints(runs).exists() == there
        training.train(runs.experiment, settings, prepared["grey"], runs.root)
        assert not training.checkpoints(runs).exists() and runs.summary().seeds


def test_early_stopping_goes_on_counting(
    prepared: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = experiment(
        "mlp", optimizer="sgd", learning_rate=1e-9, patience=3, epochs=30, companion="none", refit=False
    )
    whole, killed = (RunFiles("x", tmp_path / name / "runs") for name in "ab")
    train_seed(whole, settings, 4, prepared["grey"])
    last = 6 * len(whole.history(4)) - 1
    with monkeypatch.context() as patch:
        before_steps(patch, lambda here: die(here == (0, last)))
        with pytest.raises(Killed):
            train_seed(killed, settings, 4, prepared["grey"])
    train_seed(killed, settings, 4, prepared["grey"])
    assert last < 90 and files(killed) == files(whole)


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", sorted(OPTIMIZERS))
def test_every_optimiser_has_its_state_back(
    optimizer: str, prepared: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    momentum = 0.9 if optimizer in ("momentum", "nesterov") else 0.0
    settings = experiment(
        "mlp",
        momentum=momentum,
        dataset="table",
        companion="none",
        refit=False,
        optimizer=optimizer,
        batch_size=60,
        learning_rate=0.01,
    )
    whole, killed = (RunFiles("x", tmp_path / name / "runs") for name in "ab")
    train_seed(whole, settings, 4, prepared["table"])
    with monkeypatch.context() as patch:
        before_steps(patch, lambda here: die(here == (0, 5)))
        with pytest.raises(Killed):
            train_seed(killed, settings, 4, prepared["table"])
    train_seed(killed, settings, 4, prepared["table"])
    assert files(killed) == files(whole)


KILLS = {
    "cnn": ("convnet", {}, 1, ["fit 1/", "fit 3/"]),
    "rnn": ("lstm", {"hidden": 6}, 1, ["fit 2/"]),
    "dbn": ("dbn", {"hidden": [9, 7], "pretrain_epochs": 3}, 1, ["rbm1 2/", "rbm2 1/", "rbm2 3/", "fit 2/"]),
    "dbm": ("dbm", {"hidden": [9, 7], "chains": 6, "joint_epochs": 3, "pretrain_epochs": 2}, 2, ["rbm2 1/", "joint 2/", "fit 2/"]),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("case", KILLS)
def test_the_stage_killed_in_each_phase_ends_as_if_nothing_had_been(case: str, tmp_path: Path) -> None:
    """SIGKILL for all its processes, then, as `dvc repro` does, outputs deleted and the same command again."""
    architecture, parameters, devices, kills = KILLS[case]
    slot = "text" if case == "rnn" else "grey"
    settings = {"architecture": architecture, "family": "dbn" if case == "dbm" else case, "parameters": parameters,
                "devices": devices, "dataset": slot, "epochs": 4, "batch_size": 20, "checkpoint_seconds": 0}  # fmt: skip
    for name in ("whole", "killed"):
        project(tmp_path / name, slot, settings)
    assert stage(tmp_path / "whole").wait(1800) == 0
    for line in kills:
        process = stage(tmp_path / "killed")
        assert process.stderr is not None
        assert any(f" {line}" in told for told in process.stderr), line
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)
        shutil.rmtree(tmp_path / "killed/runs/x/train", ignore_errors=True)
    last = stage(tmp_path / "killed")
    _, told = last.communicate(timeout=1800)
    assert last.returncode == 0 and "goes on after phase" in told, told
    whole, killed = (RunFiles("x", tmp_path / name / "runs") for name in ("whole", "killed"))
    assert files(killed) == files(whole)
    assert not training.checkpoints(killed).exists()


def project(folder: Path, slot: str, settings: dict[str, Any]) -> None:
    prepare(folder / "data/prepared" / slot, {"grey": GREY, "text": TEXT}[slot], train=400)
    entry = {"seeds": [0], "accelerator": "cpu", "patience": None, **settings}
    use = {"grey": "mnist@sample", "text": "rotten_tomatoes@sample"}[slot]
    (folder / "params.yaml").write_text(yaml.safe_dump({"datasets": {slot: {"use": use}}, "experiments": {"x": entry}}))


def stage(folder: Path) -> subprocess.Popen:
    command = [sys.executable, str(ROOT / "pipelines/train.py"), "x"]
    return subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True, start_new_session=True)


@pytest.mark.slow
def test_workers_end_with_a_process_that_is_killed(tmp_path: Path) -> None:
    settings = {"architecture": "mlp", "family": "mlp", "dataset": "grey", "epochs": 10_000}
    project(tmp_path, "grey", settings)
    process = stage(tmp_path)
    assert process.stderr is not None and any("fit 2/" in line for line in process.stderr)
    children = subprocess.run(["pgrep", "-s", str(process.pid)], capture_output=True, text=True).stdout.split()
    process.kill()
    process.wait(30)
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{child}/exe").exists() for child in children) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert len(children) > 2 and not any(Path(f"/proc/{child}/exe").exists() for child in children)
