"""A training on several processes, by Lightning, torchrun and on two nodes: who writes, and how all of them end."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import yaml
from safetensors.numpy import load_file

from made_up import GREY, prepare
from stemma.runs import RunFiles

ROOT = Path(__file__).parents[1]
STAGE = [str(ROOT / "pipelines/train.py"), "x"]
TORCHRUN = [sys.executable, "-m", "torch.distributed.run"]
LIMIT = 30
"""Seconds in which all processes end when one is killed."""

pytestmark = pytest.mark.slow


def project(folder: Path, **settings: object) -> Path:
    """A folder with params.yaml and a prepared set, in which the stage script can run."""
    prepare(folder / "data/prepared/grey", GREY, train=400)
    entry = {"dataset": "grey", "family": "mlp", "architecture": "mlp", "seeds": [0, 1], "epochs": 2, "batch_size": 20}
    entry |= {"accelerator": "cpu", "devices": 2, "patience": None, "parameters": {"hidden": [12]}, **settings}
    values = {"datasets": {"grey": {"use": "mnist@sample"}}, "experiments": {"x": entry}}
    (folder / "params.yaml").write_text(yaml.safe_dump(values))
    return folder


def start(folder: Path, *command: str) -> subprocess.Popen:
    """A process in `folder`; it and all that it starts carry FOLDER in their environment."""
    store = {"MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db", "STEMMA_LIVE_AFTER": "never"}
    environment = {**os.environ, **store, "FOLDER": str(folder)}
    return subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True)


def of(folder: Path) -> list[psutil.Process]:
    """Living processes that were started in `folder`."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("FOLDER") == str(folder) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def finished(process: subprocess.Popen) -> str:
    _, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors
    return errors


def weights(folder: Path) -> dict[str, bytes]:
    found = load_file(RunFiles("x", folder / "runs").model_folder(1) / "weights.safetensors")
    return {name: value.tobytes() for name, value in found.items()}


@pytest.fixture(scope="module")
def by_lightning(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = project(tmp_path_factory.mktemp("lightning"))
    return folder, finished(start(folder, sys.executable, *STAGE))


def test_the_first_process_alone_tells_and_writes(by_lightning: tuple[Path, str]) -> None:
    folder, errors = by_lightning
    for told in (errors, (folder / "logs/train/x.log").read_text(), (folder / "logs/live/x/seed1.jsonl").read_text()):
        assert told.count("x seed 1: fit 2/2") == 1 or told.count('"epoch": 2') == 1
    assert len(RunFiles("x", folder / "runs").history(1)) == 2 and not of(folder)


def test_torchrun_trains_as_lightning_does(by_lightning: tuple[Path, str], tmp_path: Path) -> None:
    finished(start(project(tmp_path), *TORCHRUN, "--standalone", "--nproc-per-node", "2", *STAGE))
    assert weights(tmp_path) == weights(by_lightning[0])


def test_two_nodes_train_as_two_devices_do(by_lightning: tuple[Path, str], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    project(tmp_path, devices=1, num_nodes=2)
    nodes = ["--nnodes", "2", "--rdzv-backend", "c10d", "--rdzv-id", "two", "--rdzv-endpoint", f"127.0.0.1:{port}"]
    both = [start(tmp_path, *TORCHRUN, *nodes, "--local-addr", "127.0.0.1", *STAGE) for _ in range(2)]
    for process in both:
        finished(process)
    assert weights(tmp_path) == weights(by_lightning[0])


def test_processes_that_do_not_fit_the_devices_are_refused(tmp_path: Path) -> None:
    process = start(project(tmp_path, devices=1), *TORCHRUN, "--standalone", "--nproc-per-node", "2", *STAGE)
    _, errors = process.communicate(timeout=240)
    assert process.returncode != 0 and "devices: 1 in all (devices 1 x num_nodes 1), but 2 processes" in errors


def test_a_failure_on_two_processes_is_recorded_once(tmp_path: Path) -> None:
    from mlflow import MlflowClient

    process = start(project(tmp_path, optimizer="sgd", learning_rate=1e30), sys.executable, *STAGE)
    _, errors = process.communicate(timeout=240)
    assert process.returncode != 0 and "is not finite" in errors
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    runs = client.search_runs([client.get_experiment_by_name("made_up@grey").experiment_id])
    assert {run.info.status for run in runs} == {"FAILED"} and len(runs) == 2


def rank(folder: Path, number: int) -> psutil.Process:
    """The stage of that rank; torchrun starts each with `python -u`."""
    stages = [process for process in of(folder) if process.cmdline()[1:] in (STAGE, ["-u", *STAGE])]
    return next(process for process in stages if int(process.environ().get("LOCAL_RANK", 0)) == number)


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("launcher", [[sys.executable], [*TORCHRUN, "--standalone", "--nproc-per-node", "2"]])
def test_all_end_when_one_is_killed(launcher: list[str], number: int, tmp_path: Path) -> None:
    process = start(project(tmp_path, epochs=10_000), *launcher, *STAGE)
    assert process.stderr is not None
    for line in process.stderr:
        if "fit 3/" in line:
            break
    killed = time.monotonic()
    rank(tmp_path, number).send_signal(signal.SIGKILL)
    process.stderr.read()
    assert process.wait(timeout=LIMIT) != 0
    while of(tmp_path) and time.monotonic() < killed + LIMIT:
        time.sleep(0.2)
    assert not of(tmp_path) and time.monotonic() < killed + LIMIT
    assert not (tmp_path / "runs/x/train/summary.json").exists()
