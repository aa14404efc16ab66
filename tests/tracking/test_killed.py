"""Trainings that are shown by the real process and come to an end: killed, stopped, or failed."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from faults import model_without_files
from servers import wait_for

from stemma.runs import RunFiles
from stemma.tracking import live
from stemma.tracking.publish import Published
from stemma.tracking.store import connect, runs_of

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
PROGRAM = """
import signal, sys, time
from types import SimpleNamespace
sys.path[:0] = [{pipelines!r}, {tests!r}, {beside!r}]
import train
from stemma.cli import stage
from stemma.errors import TrainingFailed
from stemma.runs import RunFiles
from test_live import grow

def training(*_):
    grow(files, 0, 2)
    while "fail" not in sys.argv:
        time.sleep(0.1)
    time.sleep(float(sys.argv[2]))
    raise TrainingFailed("val_loss is nan", 0, [])

files = RunFiles("mnist-mlp")
train.training = SimpleNamespace(train=training, describe=lambda *_: files.summary())
signal.signal(signal.SIGTERM, stage._terminated)
train.main(SimpleNamespace(experiment=lambda name: SimpleNamespace(dataset="grey")), "mnist-mlp")
"""


def started(*arguments: str) -> subprocess.Popen[bytes]:
    """The stage `train` of which only the training itself is made up, with a session of its own."""
    tests = ROOT / "tests"
    program = PROGRAM.format(pipelines=str(ROOT / "pipelines"), tests=str(tests), beside=str(tests / "tracking"))
    return subprocess.Popen([sys.executable, "-c", program, *arguments], env={**os.environ, live.AFTER: "0"})


def shown() -> bool:
    found = runs_of(connect(), "1", "attributes.run_name = 'mnist-mlp-seed0'") if connect().get_experiment("1") else []
    return any("val/loss" in run.data.metrics for run in found)


def states() -> set[str]:
    return {run.info.status for run in runs_of(connect(), "1", "")}


@pytest.fixture
def into(project: Path) -> None:
    from stemma.tracking.store import experiment_id

    assert experiment_id(connect(), "mnist@sample") == "1"


@pytest.mark.parametrize("how", ["SIGTERM", "SIGKILL", "SIGKILL, and who shows it"])
def test_nothing_stays_running_of_a_training_that_was_killed(
    into: None, publishing: Callable[..., Published], project: Path, how: str
) -> None:
    with started() as process:
        wait_for(shown)
        assert states() == {"RUNNING"}
        streamers = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        if how.endswith("it"):
            for pid in streamers:
                os.kill(int(pid), signal.SIGKILL)
        process.send_signal(signal.SIGTERM if how == "SIGTERM" else signal.SIGKILL)
    assert process.returncode == (143 if how == "SIGTERM" else -signal.SIGKILL)
    if how.endswith("it"):
        assert states() == {"RUNNING"}, "there is nobody to tell"
    assert publishing("mnist-mlp", log_model=model_without_files).added == ["mnist-mlp"]
    assert "RUNNING" not in states()
    (seed,) = runs_of(connect(), "1", "attributes.run_name = 'mnist-mlp-seed0' and tags.superseded = 'no'")
    points = [point.step for point in connect().get_metric_history(seed.info.run_id, "val/loss")]
    assert points == list(range(1, len(RunFiles("mnist-mlp", project / "runs").history(0)) + 1))


def test_a_training_that_fails_is_failed_at_once_and_says_why(into: None, project: Path) -> None:
    with started("fail", "20") as process:
        wait_for(shown)
        assert states() == {"RUNNING"}
    assert process.returncode == 1
    found = {run.info.run_name: run for run in runs_of(connect(), "1", "")}
    assert len(found) == len(runs_of(connect(), "1", "")) == 3, "the runs that were shown, no others"
    for name in ("mnist-mlp", "mnist-mlp-seed0"):
        assert found[name].info.status == "FAILED"
        assert found[name].data.tags["mlflow.note.content"] == "val_loss is nan"
    assert found["mnist-mlp-seed1"].info.status == "KILLED", "it was stopped"
