"""`dvc repro` killed at random within a CNN, an RNN and each phase of a DBN, and run again."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from stemma.files import read_json
from stemma.runs import RunFiles
from stemma.tracking import describe
from stemma.tracking.store import connect, runs_of

ROOT = Path(__file__).parents[2]
EXPERIMENTS = {
    "cnn": ("lenet5", {"form": "modern"}, ("fit", "fit")),
    "rnn": ("lstm", {"hidden": 32, "dropout": 0.2}, ("fit", "fit")),
    "dbn": ("dbn", {"hidden": [40, 30], "pretrain_epochs": 6}, ("rbm1", "rbm2", "fit")),
}
"""Family -> architecture, parameters, and the phases in which it is killed."""


def project(folder: Path) -> Path:
    for name in ("src", "pipelines", "dvc.yaml", ".dvcignore"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    entries = {
        family: {"dataset": "grey", "family": family, "architecture": architecture, "parameters": parameters}
        for family, (architecture, parameters, _) in EXPERIMENTS.items()
    }
    training = {"seeds": [0], "epochs": 8, "patience": None, "accelerator": "cpu", "checkpoint_seconds": 0,
                "augment": {"shift": 1, "flip": False}, "limit_train_batches": 20}  # fmt: skip
    parameters = {"datasets": {"grey": {"use": "mnist@sample"}}, "training": training, "experiments": entries,
                  "transfers": {}, "evaluation": {"epsilons": []}, "comparison": {"bootstrap": 100}, "gate": {}}  # fmt: skip
    (folder / "params.yaml").write_text(yaml.safe_dump(parameters))
    assert dvc(folder, "init", "--no-scm").wait() == 0 and dvc(folder, "repro", "preprocess").wait() == 0
    return folder


def dvc(folder: Path, *arguments: str) -> subprocess.Popen:
    own = {"PYTHONPATH": f"{folder / 'src'}:{os.environ.get('PYTHONPATH', '')}", "STEMMA_LIVE_AFTER": "0.1",
           "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db", "DVC_NO_ANALYTICS": "1"}  # fmt: skip
    command = [sys.executable, "-m", "dvc", *arguments]
    return subprocess.Popen(
        command, cwd=folder, env={**os.environ, **own}, stdout=subprocess.DEVNULL, start_new_session=True
    )


def kill_within(folder: Path, family: str, phase: str, rng: random.Random) -> None:
    """SIGKILL for `dvc repro` and all its processes, at a random step after the phase's next epoch."""
    runs = RunFiles(family, folder / "runs")
    before = len(runs.live_rows(0)) if runs.live(0).is_file() else 0
    shutil.rmtree(runs.live_folder, ignore_errors=True)
    process = dvc(folder, "repro", f"train@{family}")
    seen = list[dict[str, Any]]()
    while not (len(seen) > before and seen[-1]["phase"] == phase):
        assert process.poll() is None, (family, phase, seen)
        seen = runs.live_rows(0)
        time.sleep(0.01)
    time.sleep(rng.uniform(0, 0.3))
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.mark.slow
def test_killed_runs_end_as_if_nothing_had_been_in_the_same_mlflow_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng, killed, whole = random.Random(5), tmp_path / "killed", tmp_path / "whole"
    killed.mkdir()
    shutil.copytree(project(killed), whole)
    assert dvc(whole, "repro").wait() == 0
    for family, (_, _, phases) in EXPERIMENTS.items():
        for phase in phases:
            kill_within(killed, family, phase, rng)
    monkeypatch.chdir(killed)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{killed}/mlflow.db")
    first = {run.info.run_name: run.info.run_id for run in everything("tags.superseded = 'live'")}
    process = dvc(killed, "repro")
    assert process.wait() == 0
    for family in EXPERIMENTS:
        a, b = (RunFiles(family, folder / "runs") for folder in (killed, whole))
        assert describe.key(a) == describe.key(b), family
        assert a.read("metrics.json") == b.read("metrics.json")
        assert "goes on after phase" in (killed / f"logs/train/{family}.log").read_text()
    results = [read_json(folder / "reports/comparison.json")["rows"] for folder in (killed, whole)]
    assert [row["accuracy"] for row in results[0]] == [row["accuracy"] for row in results[1]]
    subprocess.run([sys.executable, "-m", "stemma.cli.main", "publish"], check=True)
    last = {run.info.run_name: run.info.run_id for run in everything("tags.superseded = 'no'")}
    assert len(first) > 3 and first.items() <= last.items()
    assert {run.info.status for run in everything("")} == {"FINISHED"} and len(everything("")) == len(last) == 6


def everything(where: str) -> list[Any]:
    client = connect()
    (into,) = [each.experiment_id for each in client.search_experiments() if each.name != "Default"]
    return runs_of(client, into, where)
