"""A sweep that is killed at random goes on as if nothing had been: the command with all that it starts."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import optuna
import pytest
import yaml

from made_up import GREY, prepare
from stemma.sweeps.record import SweepFiles, Trial
from stemma.tracking.store import connect, runs_of
from stemma.tracking.sweeps import TIMES

SWEEP = {
    "experiment": "x",
    "space": {
        "learning_rate": {"low": 1e-4, "high": 1.0, "log": True},
        "batch_size": {"choices": [20, 50]},
        "parameters.dropout": {"low": 0.0, "high": 0.5, "step": 0.1},
    },
    "trials": 14,
}
ENTRY = {"architecture": "mlp", "family": "mlp", "dataset": "grey", "epochs": 30, "patience": None, "batch_size": 20,
         "parameters": {"hidden": [8], "dropout": 0.1}, "accelerator": "cpu", "checkpoint_seconds": 0}  # fmt: skip


def project(folder: Path) -> Path:
    prepare(folder / "data/prepared/grey", GREY, train=1000)
    parameters = {"datasets": {"grey": {"use": "mnist@sample"}}, "experiments": {"x": ENTRY}}
    (folder / "params.yaml").write_text(yaml.safe_dump(parameters))
    (folder / "rate.yaml").write_text(yaml.safe_dump(SWEEP))
    return folder


def start(folder: Path) -> subprocess.Popen:
    command = [sys.executable, "-m", "stemma.cli.main", "sweep", "rate.yaml"]
    environment = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip


def results(folder: Path) -> list[dict[str, Any]]:
    return [without_times(trial) for trial in SweepFiles("rate", folder / "build/sweeps").trials()]


def without_times(trial: Trial) -> dict[str, Any]:
    return {name: value for name, value in vars(trial).items() if name not in TIMES}


@pytest.mark.slow
def test_a_sweep_killed_at_random_ends_as_the_one_that_was_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, killed, rng = project(tmp_path / "whole"), project(tmp_path / "killed"), random.Random(3)
    process = start(whole)
    told, _ = process.communicate(timeout=600)
    assert process.returncode == 0, told
    waits = [rng.uniform(0, 4) for _ in range(7)]
    for wait in waits:
        process = start(killed)
        assert process.stdout is not None and any(" fit " in line for line in process.stdout)
        time.sleep(wait)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    process = start(killed)
    told, _ = process.communicate(timeout=600)
    assert process.returncode == 0, told
    assert results(killed) == results(whole) and len(results(whole)) == SWEEP["trials"]
    assert {trial["state"] for trial in results(whole)} >= {"finished", "pruned"}
    (study,) = optuna.get_all_study_names(f"sqlite:///{killed}/build/sweeps/rate/study.db")
    left = optuna.load_study(study_name=study, storage=f"sqlite:///{killed}/build/sweeps/rate/study.db").trials
    over = [trial.user_attrs["number"] for trial in left if trial.state.name in ("COMPLETE", "PRUNED")]
    assert sorted(over) == list(range(1, 15)) and {trial.state.name for trial in left} <= {"COMPLETE", "PRUNED", "FAIL"}
    monkeypatch.chdir(killed)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    client = connect()
    (into,) = [each.experiment_id for each in client.search_experiments() if each.name != "Default"]
    trials, (parent,) = (runs_of(client, into, f"tags.kind = '{kind}'") for kind in ("trial", "sweep"))
    assert parent.info.status == "FINISHED" and sorted(int(run.data.tags["trial"]) for run in trials) == list(
        range(1, 15)
    )
    assert {run.info.status for run in trials} == {"FINISHED"}
    assert len(left) > 14, "some trial was broken off"
