"""The training loop: the same bits again, the best epoch kept, failures that are told, signals that stop."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from safetensors.torch import load_file

from made_up import GREY, prepare
from stemma import training
from stemma.config import Experiment
from stemma.data.store import Split, load_spec, load_split
from stemma.errors import TrainingFailed
from stemma.runs import RunFiles
from stemma.training.datamodule import ArrayData, Batch, BatchPositions, Examples, to_batch
from stemma.training.loop import SeedRun

ROOT = Path(__file__).parents[1]


def experiment(architecture: str = "mlp", family: str = "mlp", **settings) -> Experiment:
    common = {"dataset": "grey", "family": family, "architecture": architecture, "accelerator": "cpu"}
    return Experiment(**{**common, "epochs": 2, "batch_size": 32, "seeds": (0, 1), **settings})


def bits(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize(
    ("architecture", "family", "parameters"),
    [
        ("convnet", "cnn", {}),
        ("lstm", "rnn", {"hidden": 8, "dropout": 0.2}),
        ("dbn", "dbn", {"hidden": (12, 8), "pretrain_epochs": 1}),
    ],
)
def test_the_same_training_twice_gives_the_same_bits(
    architecture: str, family: str, parameters: dict, prepared: dict[str, Path], tmp_path: Path
) -> None:
    settings = experiment(
        architecture, family, seeds=(0, 1, 2), parameters=parameters, augment={"shift": 1, "flip": True}
    )
    for name in ("one", "two"):
        training.train("same", settings, prepared["grey"], tmp_path / name)
    assert bits(tmp_path / "one/same/train") == bits(tmp_path / "two/same/train")
    seeds = [(tmp_path / f"one/same/train/seed{seed}/model/weights.safetensors").read_bytes() for seed in (0, 1)]
    assert seeds[0] != seeds[1]


def test_run_files_of_a_training(prepared: dict[str, Path], tmp_path: Path) -> None:
    training.train("plain", experiment(), prepared["grey"], tmp_path)
    runs, spec = RunFiles("plain", tmp_path), load_spec(prepared["grey"])
    summary = runs.summary()
    assert (summary.digest, summary.family, runs.seeds()) == (spec.digest, "mlp", [0, 1])
    history = runs.history(0)
    assert list(history["epoch"]) == [1, 2] and set(history["phase"]) == {"fit"}
    best = history.loc[history["val_loss"].idxmin()]
    row = summary.seeds["seed0"]
    assert (row.epochs, row.val_loss, row.val_score) == (
        best["epoch"],
        best["val_loss"],
        best["val_accuracy"],
    )
    seconds, epochs = runs.read("train_time.json"), runs.read("train_epochs_time.json")
    assert set(seconds) == set(epochs) == {"seed0", "seed1"}
    for seed, ends in epochs.items():
        assert len(ends) == 2 and 0 < ends[0] <= ends[1] <= seconds[seed] + 0.001


def test_refit_leaves_the_times_of_the_first_fit(prepared: dict[str, Path], tmp_path: Path) -> None:
    training.train("again", experiment(seeds=(0,), epochs=3, refit=True), prepared["grey"], tmp_path)
    runs = RunFiles("again", tmp_path)
    assert len(runs.read("train_epochs_time.json")["seed0"]) == len(runs.history(0)) == 3


def test_the_best_epoch_is_the_one_that_is_kept(prepared: dict[str, Path]) -> None:
    """Labels shuffled: what is learnt by heart of them makes each later epoch worse on validation."""
    settings = experiment(learning_rate=0.003, patience=None)
    train, validation = load_split(prepared["grey"], "train"), load_split(prepared["grey"], "validation")
    wrong = Split(train.x, np.random.default_rng(0).permutation(train.y))
    rows: list[dict] = []
    model, best = SeedRun("x", settings, 3, load_spec(prepared["grey"]).to_dict()).fit(wrong, validation, 15, rows)
    assert best["val_loss"] == min(row["val_loss"] for row in rows) < rows[-1]["val_loss"]
    probabilities = model.predict(validation.x)
    loss = -np.log(probabilities[np.arange(len(validation)), validation.y]).mean()
    assert loss == pytest.approx(best["val_loss"], rel=1e-4)


def test_without_a_monitor_the_last_epoch_stands(prepared: dict[str, Path]) -> None:
    """The same wrong labels, where the last epoch is not the best."""
    settings = experiment(learning_rate=0.003, monitor=None, patience=None)
    train, validation = load_split(prepared["grey"], "train"), load_split(prepared["grey"], "validation")
    wrong = Split(train.x, np.random.default_rng(0).permutation(train.y))
    rows: list[dict] = []
    model, last = SeedRun("x", settings, 3, load_spec(prepared["grey"]).to_dict()).fit(wrong, validation, 15, rows)
    assert last == rows[-1] and last["epoch"] == 15 and last["val_loss"] > min(row["val_loss"] for row in rows)
    probabilities = model.predict(validation.x)
    loss = -np.log(probabilities[np.arange(len(validation)), validation.y]).mean()
    assert loss == pytest.approx(last["val_loss"], rel=1e-4)


def test_early_stopping_counts_epochs_without_improvement(prepared: dict[str, Path]) -> None:
    settings = experiment(optimizer="sgd", learning_rate=1e-9, patience=2)
    train, validation = load_split(prepared["grey"], "train"), load_split(prepared["grey"], "validation")
    rows: list[dict] = []
    SeedRun("x", settings, 0, load_spec(prepared["grey"]).to_dict()).fit(train, validation, 50, rows)
    assert len(rows) < 10


def test_refit_trains_on_train_and_validation_for_the_chosen_epochs(prepared: dict[str, Path], tmp_path: Path) -> None:
    settings = experiment(seeds=(0,), epochs=3)
    training.train("once", settings, prepared["grey"], tmp_path)
    training.train("again", settings.model_copy(update={"refit": True}), prepared["grey"], tmp_path)
    once, again = RunFiles("once", tmp_path), RunFiles("again", tmp_path)
    assert once.summary().seeds == again.summary().seeds
    assert bits(once.model_folder(0)) != bits(again.model_folder(0))


def test_a_phase_that_solves_sees_every_training_example(prepared: dict[str, Path], tmp_path: Path) -> None:
    settings = experiment("logistic_regression", "baseline")
    training.train("solved", settings, prepared["grey"], tmp_path)
    history = RunFiles("solved", tmp_path).history(0)
    assert len(history) == 1 and history["train_accuracy"][0] == 1.0 and history["val_accuracy"][0] > 0.9


def test_fast_dev_run_is_one_batch(prepared: dict[str, Path]) -> None:
    rows: list[dict] = []
    settings = experiment(fast_dev_run=True)
    train, validation = load_split(prepared["grey"], "train"), load_split(prepared["grey"], "validation")
    SeedRun("x", settings, 0, load_spec(prepared["grey"]).to_dict()).fit(train, validation, 5, rows)
    assert len(rows) == 1


def test_a_loss_that_is_not_finite_fails_the_training(prepared: dict[str, Path], tmp_path: Path) -> None:
    settings = experiment(optimizer="sgd", learning_rate=1e30, seeds=(5,))
    with pytest.raises(TrainingFailed, match=r"train_loss.* is not finite in epoch 1 of phase 'fit'") as failure:
        training.train("nan", settings, prepared["grey"], tmp_path)
    assert failure.value.seed == 5 and len(failure.value.history) == 1
    assert not (tmp_path / "nan/train/summary.json").exists()


def _project(folder: Path, **settings: object) -> Path:
    """A folder with params.yaml and a prepared set, in which the stage script can run."""
    import yaml

    prepare(folder / "data/prepared/grey", GREY, train=2000)
    entry = {
        "dataset": "grey",
        "family": "mlp",
        "architecture": "mlp",
        "seeds": [0],
        "accelerator": "cpu",
        **settings,
    }
    parameters = {"datasets": {"grey": {"use": "mnist@sample"}}, "experiments": {"x": entry}}
    (folder / "params.yaml").write_text(yaml.safe_dump(parameters))
    return folder


def _stage(folder: Path, **environment: str) -> subprocess.Popen:
    command = [sys.executable, str(ROOT / "pipelines/train.py"), "x"]
    store = {"MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db"}
    return subprocess.Popen(
        command, cwd=folder, env={**os.environ, **store, **environment}, stderr=subprocess.PIPE, text=True
    )


def test_sigterm_ends_with_143_and_no_worker_left(tmp_path: Path) -> None:
    process = _stage(_project(tmp_path, epochs=10_000, patience=None))
    assert process.stderr is not None
    for line in process.stderr:
        if "fit 2/" in line:
            break
    children = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True).stdout.split()
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 143
    assert children and not (tmp_path / "runs/x/train/summary.json").exists()
    deadline = time.monotonic() + 10
    while any(map(_runs, children)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(map(_runs, children))


def _runs(process: str) -> bool:
    """Whether there is such a process that has not ended, though nobody may have asked for its exit code yet."""
    try:
        return psutil.Process(int(process)).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_failed_stage_tells_one_line_and_leaves_a_failed_run(tmp_path: Path) -> None:
    from mlflow import MlflowClient

    process = _stage(_project(tmp_path, optimizer="sgd", learning_rate=1e30, epochs=2))
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "Traceback" not in errors and "train x: x seed 0: " in errors and "is not finite" in errors
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    runs = client.search_runs([client.get_experiment_by_name("made_up@grey").experiment_id])
    assert {run.info.status for run in runs} == {"FAILED"} and len(runs) == 2


def test_positions_of_ranks_share_each_global_batch() -> None:
    one = list(BatchPositions(23, 8, 4, True))
    two = [list(BatchPositions(23, 8, 4, True, rank, 2)) for rank in range(2)]
    for whole, first, second in zip(one, *two, strict=True):
        shares = torch.stack([first, second], 1).flatten()
        assert len(first) == len(second) and shares[: len(whole)].tolist() == whole.tolist()
    assert sorted(torch.cat(one).tolist()) == list(range(23))


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    positions = BatchPositions(50, 16, 1, True)
    first = torch.cat(list(positions))
    positions.set_epoch(1)
    assert not torch.equal(torch.cat(list(positions)), first)
    positions.set_epoch(0)
    assert torch.equal(torch.cat(list(positions)), first)


def test_texts_are_cut_to_the_longest_of_the_batch() -> None:
    data = Batch(torch.arange(12).view(3, 4), torch.zeros(3), torch.tensor([1, 2, 4]))
    assert Examples(data)[torch.tensor([0, 1])].x.tolist() == [[0, 1], [4, 5]]


def test_mapped_inputs_are_those_of_the_function(prepared: dict[str, Path]) -> None:
    data = to_batch(load_split(prepared["grey"], "train"))
    mapped = ArrayData(data, None, 8, 0).mapped(lambda batch: batch.x.float().mean((2, 3)), batch=50)
    torch.testing.assert_close(mapped.train.x, data.x.float().mean((2, 3)))


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["mlp", "dbn"])
def test_two_processes_train_by_ddp(architecture: str, tmp_path: Path) -> None:
    parameters = {"hidden": [12, 8], "pretrain_epochs": 1} if architecture == "dbn" else {"hidden": [12]}
    folder = _project(
        tmp_path, architecture=architecture, family=architecture, parameters=parameters, devices=2, epochs=2
    )
    process = _stage(folder)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    assert len(RunFiles("x", tmp_path / "runs").history(0)) >= 2


@pytest.mark.slow
def test_two_processes_average_and_move_centres_as_one_does(tmp_path: Path) -> None:
    """Batches of 20 in one process are shares of 10 in two: the same steps, averages and centres."""
    found = []
    for devices in (1, 2):
        folder = tmp_path / str(devices)
        common = {"batch_size": 20, "epochs": 2, "patience": None, "parameters": {"hidden": [12]}}
        companion = {"companion": "centre", "companion_weight": 0.5}
        process = _stage(_project(folder, devices=devices, weight_average="ema", **common, **companion))
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
        found.append(load_file(RunFiles("x", folder / "runs").model_folder(0) / "weights.safetensors"))
    for name, value in found[0].items():
        torch.testing.assert_close(found[1][name], value, atol=1e-3, rtol=1e-3)
