"""A training shown on real servers on loopback: dead, silent, killed midway and started again; the process is real."""

import os
import socket
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from faults import model_without_files
from servers import free_port, server, wait_for
from test_live import grow

from stemma.runs import RunFiles
from stemma.tracking import live, owner, store
from stemma.tracking.publish import Published
from stemma.tracking.store import connect, runs_of

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("answers", [False, True])
def test_a_server_that_is_dead_or_silent_costs_the_grace_at_most(
    project: Path, monkeypatch: pytest.MonkeyPatch, answers: bool
) -> None:
    """`answers`: it takes connections and says nothing."""
    files = RunFiles("mnist-dbn", project / "runs")
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        if answers:
            silent.listen(100)
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setenv(live.AFTER, "0")
        with live.shown(files, files.summary()):
            grow(files, 0, 3)
            time.sleep(8)
            began = time.perf_counter()
        print(f"the end of training waited {time.perf_counter() - began:.2f} s")
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    assert not [pid for pid in children if "streamer" in Path(f"/proc/{pid}/cmdline").read_text()]


def test_a_server_that_dies_and_comes_back(
    publishing: Callable[..., Published], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, files = free_port(), RunFiles("mnist-dbn", project / "runs")
    here = f"sqlite:///{project}/{store.DATABASE}"
    uri = f"http://127.0.0.1:{port}"

    def points(name: str) -> Counter[int]:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", here)
        found = runs_of(connect(), "1", f"attributes.run_name = '{name}'")
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        return Counter(p.step for run in found for p in connect_here.get_metric_history(run.info.run_id, "val/loss"))

    connect_here = connect()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv(live.AFTER, "0")
    with live.shown(files, files.summary()):
        with server(here, project, port):
            grow(files, 1, 3)
            wait_for(lambda: points("mnist-dbn-seed1") == {1: 1})
        grow(files, 1, 5)
        grow(files, 0, 5)
        time.sleep(5)
        assert points("mnist-dbn-seed1") == {1: 1}
        with server(here, project, port):
            wait_for(lambda: points("mnist-dbn-seed1") == points("mnist-dbn-seed0") == {1: 1, 2: 1, 3: 1})
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with server(here, project, port):
        shown = {run.info.run_id for run in runs_of(connect(), "1", f"tags.{owner.OWNER} = '{owner.me()}'")}
        monkeypatch.setattr(owner, "me", lambda: "")
        monkeypatch.setattr("stemma.tracking.begun.lives", lambda tags: False)
        monkeypatch.setattr("stemma.tracking.publish.lives", lambda tags: False)
        assert publishing("mnist-dbn", log_model=model_without_files).added == ["mnist-dbn"]
        assert publishing("mnist-dbn", log_model=model_without_files).added == []
        done = runs_of(connect(), "1", "")
        assert {run.info.run_id for run in done} == shown and {run.info.status for run in done} == {"FINISHED"}
    assert points("mnist-dbn-seed0") == points("mnist-dbn-seed1") == {1: 1, 2: 1, 3: 1, 4: 1}
