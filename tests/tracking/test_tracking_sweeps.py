"""Sweeps in the store: what runs say, that nothing is written twice, and that a sweep waits for no store."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from faults import Faulty, stored
from made_up_results import IMAGES

from stemma.cli.sweep import _table
from stemma.errors import StemmaError
from stemma.sweeps.record import About, SweepFiles, Trial
from stemma.tracking import orphans, store, sweeps
from stemma.tracking.owner import OWNER, me
from stemma.tracking.store import connect, runs_of

RATES = (0.9, 0.1, 0.3, 0.1)


def row(epoch: int, value: float) -> dict[str, Any]:
    return {"phase": "fit", "epoch": epoch, "train_loss": 2 * value, "val_loss": value, "last": True}


def trial(number: int, state: str = "finished", **more: Any) -> Trial:
    rate = RATES[number - 1]
    rows = [row(epoch, rate / epoch) for epoch in (1, 2)]
    value = rate / 2 if state == "finished" else None
    settings = {"dataset": "grey", "seeds": [0], "learning_rate": rate, "parameters": {"hidden": [8]}}
    return Trial(number, state, value, {"learning_rate": rate}, settings, 2, 1000 * number, 0.5, 1, rows, **more)


TRIALS = [trial(1, as_it_stands=True), trial(2), trial(3, "pruned"), trial(4, "failed", error="loss is not finite")]


@pytest.fixture
def files(tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> SweepFiles:
    """A sweep of four trials, and an empty store."""
    shutil.copy(empty_store, tmp_path / store.DATABASE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    info = {"experiment": "net", "family": "mlp", "architecture": "mlp", "dataset": IMAGES.dataset, "slot": "grey",
            "source": IMAGES.source, "digest": "d", "task": "classify", "settings": TRIALS[0].settings}  # fmt: skip
    made = SweepFiles("rate", tmp_path / "build/sweeps")
    made.write_about(About("rate", 4, "val_loss", False, {"learning_rate": {"low": 0.1, "high": 1.0}}, info, "key"))
    return made


def write(files: SweepFiles, trials: list[Trial]) -> None:
    for each in trials:
        files.write_trial(each)


def by_kind(kind: str) -> list[Any]:
    return sorted(runs_of(connect(), "1", f"tags.kind = '{kind}'"), key=lambda run: run.info.run_name)


def test_a_trial_is_a_run_below_the_sweeps(files: SweepFiles) -> None:
    write(files, TRIALS)
    address = sweeps.publish(files)
    (parent,), trials = by_kind("sweep"), by_kind("trial")
    assert address.partition("?")[0].endswith(f"/experiments/1/runs/{parent.info.run_id}")
    assert [run.info.run_name for run in trials] == [f"rate-trial{n}" for n in (1, 2, 3, 4)]
    assert {run.data.tags["mlflow.parentRunId"] for run in trials} == {parent.info.run_id}
    assert [run.info.status for run in trials] == ["FINISHED", "FINISHED", "FINISHED", "FAILED"]
    assert [run.data.tags["state"] for run in trials] == ["finished", "finished", "pruned", "failed"]
    assert [run.data.params["learning_rate"] for run in trials] == [str(rate) for rate in RATES]
    assert [run.data.metrics.get("best/val_loss") for run in trials] == [0.45, 0.05, None, None]
    assert trials[3].data.tags["error"] == "loss is not finite"
    curve = connect().get_metric_history(trials[2].info.run_id, "val/loss")
    assert [(point.step, point.value) for point in curve] == [(1, 0.3), (2, 0.15)]
    assert (trials[0].info.start_time, trials[0].info.end_time) == (1000, 1500)
    assert parent.info.status == "FINISHED" and parent.data.metrics["best/val_loss"] == 0.05
    assert parent.data.tags["trials"] == "4 trials (2 finished, 1 pruned, 1 failed)"
    assert f"[trial 2](#/experiments/1/runs/{trials[1].info.run_id})" in parent.data.tags["mlflow.note.content"]
    assert parent.data.params["space.learning_rate"] == '{"high": 1.0, "low": 0.1}'


def test_published_twice_or_piece_by_piece_it_is_the_same(files: SweepFiles) -> None:
    show = sweeps.Showing()
    for count in range(1, 5):
        write(files, TRIALS[:count])
        show(files)
        (parent,) = by_kind("sweep")
        assert parent.info.status == "RUNNING" and len(by_kind("trial")) == count
    sweeps.publish(files)
    once = stored()
    points = connect().get_metric_history(by_kind("sweep")[0].info.run_id, "best/val_loss")
    assert [(point.step, point.value) for point in points] == [(1, 0.45), (2, 0.05)]
    sweeps.publish(files)
    assert stored() == once


def test_a_sweep_that_was_killed_is_no_longer_running(files: SweepFiles) -> None:
    write(files, TRIALS[:2])
    sweeps.publish(files, over=False)
    assert orphans.close(connect()) == 0, "this process lives"
    connect().set_tag(by_kind("sweep")[0].info.run_id, OWNER, me().partition("/")[0] + "/1/none")
    assert orphans.close(connect()) == 1 and by_kind("sweep")[0].info.status == "KILLED"
    write(files, TRIALS[2:])
    sweeps.publish(files)
    (parent,) = by_kind("sweep")
    assert parent.info.status == "FINISHED" and len(by_kind("trial")) == 4


def test_a_sweep_stopped_short_is_killed_in_the_store(files: SweepFiles) -> None:
    write(files, TRIALS[:2])
    sweeps.publish(files)
    assert by_kind("sweep")[0].info.status == "KILLED"


def test_another_sweep_of_the_name_and_another_result_supersede(files: SweepFiles) -> None:
    write(files, TRIALS)
    sweeps.publish(files)
    write(files, [replace(TRIALS[1], value=0.04), replace(TRIALS[0], began=7, seconds=9.0)])
    sweeps.publish(files)
    now = runs_of(connect(), "1", "tags.kind = 'trial' and tags.superseded = 'no'")
    assert len(now) == 4 and len(by_kind("trial")) == 5, "times make no other result"
    about = files.about()
    assert about is not None
    files.write_about(replace(about, digest="other"))
    sweeps.publish(files)
    assert [run.data.tags["superseded"] for run in by_kind("sweep")].count("yes") == 1
    assert len(by_kind("sweep")) == 2


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", range(2, 15, 4))
def test_a_store_that_fails_in_any_call_is_completed_by_the_next(
    call: int, when: str, files: SweepFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(files, TRIALS[:2])
    faulty = Faulty(connect(), lambda number: when if number == call else "")
    with monkeypatch.context() as patch:
        patch.setattr(sweeps, "connect", lambda: faulty)
        with pytest.raises(StemmaError, match="not published whole; `stemma publish` completes it"):
            sweeps.publish(files)
    sweeps.publish(files)
    assert len(by_kind("trial")) == 2 and {run.info.status for run in by_kind("trial")} == {"FINISHED"}
    for run in by_kind("trial"):
        curve = connect().get_metric_history(run.info.run_id, "val/loss")
        assert [point.step for point in curve] == [1, 2]


def test_a_sweep_waits_for_no_store(files: SweepFiles, monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    write(files, TRIALS)
    show = sweeps.Showing()
    for _ in range(20):
        show(files)
    assert len([each for each in caplog.records if "not shown for now" in each.message]) == 1
    with pytest.raises(StemmaError, match=r"127\.0\.0\.1:9"):
        sweeps.publish(files)


def test_the_table_says_what_became_of_each(files: SweepFiles) -> None:
    about = files.about()
    assert about is not None
    table = _table(about, [*TRIALS[:3], replace(TRIALS[1], number=4, same_as=2)], "title")
    columns = [list(column.cells) for column in table.columns]
    assert [column.header for column in table.columns] == ["trial", "state", "val_loss", "epochs", "s", "learning_rate"]
    assert columns[1] == ["finished, the entry", "finished", "pruned", "finished, as 2"]
    assert columns[2] == ["0.4500", "0.0500", "", "0.0500"]
    assert [row.style for row in table.rows] == [None, "bold", None, None]
