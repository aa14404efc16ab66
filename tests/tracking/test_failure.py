"""A failed training in the store, and a store that fails itself."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stemma.tracking import record_failure
from stemma.tracking.store import connect, runs_of

INFO: dict[str, Any] = {
    "family": "cnn",
    "architecture": "lenet5",
    "dataset": "mnist",
    "source": "sample",
    "slot": "grey",
    "digest": "a" * 64,
    "settings": {"epochs": 3, "parameters": {"form": "modern"}},
}
HISTORY = [
    {"phase": "fit", "epoch": 1, "train_loss": 2.0, "val_loss": 2.5},
    {"phase": "fit", "epoch": 2, "train_loss": float("nan"), "val_loss": 9.0},
]


def test_failed_runs_with_their_history(project: Path) -> None:
    record_failure("mnist-lenet5", 1, HISTORY, "val_loss is not finite", INFO)
    record_failure("mnist-lenet5", 2, None, "val_loss is not finite", INFO)
    client = connect()
    found = {run.info.run_name: run for run in runs_of(client, "1", "attributes.status = 'FAILED'")}
    assert set(found) == {"mnist-lenet5", "mnist-lenet5-seed1", "mnist-lenet5-seed2"}
    child = found["mnist-lenet5-seed1"]
    assert child.data.tags["mlflow.parentRunId"] == found["mnist-lenet5"].info.run_id
    assert child.data.tags["error"] == "val_loss is not finite"
    assert child.data.metrics == {"train/loss": 2.0, "val/loss": 9.0}
    assert child.data.params["form"] == "modern"


def test_success_supersedes_the_failure(publishing: Callable[..., Any]) -> None:
    record_failure("mnist-mlp", 1, None, "val_loss is not finite", INFO)
    publishing("mnist-mlp")
    found = runs_of(connect(), "1", "tags.kind = 'aggregate'")
    assert {run.info.status: run.data.tags["superseded"] for run in found} == {"FAILED": "yes", "FINISHED": "no"}


def test_store_that_cannot_be_reached_costs_a_warning(
    project: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    started = time.perf_counter()
    with caplog.at_level(logging.WARNING, logger="stemma"):
        record_failure("mnist-lenet5", 1, HISTORY, "val_loss is not finite", INFO)
    assert time.perf_counter() - started < 30
    (record,) = [record for record in caplog.records if record.name == "stemma.tracking.failure"]
    assert "not recorded" in record.message and "\n" not in record.message
