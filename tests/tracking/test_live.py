"""Trainings that are shown while they run: the process, its points, its end, and what `publish` makes of its runs."""

import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from faults import Faulty, model_without_files, stored
from made_up_results import EPOCHS

from stemma.runs import RunFiles
from stemma.tracking import live, orphans, owner, streamer
from stemma.tracking.begun import begun
from stemma.tracking.publish import Published
from stemma.tracking.store import connect, runs_of
from stemma.training.live import Live

Publishing = Callable[..., Published]
GONE = owner.me().partition("/")[0] + "/1/none"
ELSEWHERE = "elsewhere/1/1"


def order(files: RunFiles, by: str = GONE) -> dict[str, Any]:
    return {"info": json.loads(json.dumps(vars(files.summary()), default=vars)), "root": str(files.root), "owner": by,
            "began": 1000}  # fmt: skip


def grow(files: RunFiles, seed: int, rows: int) -> None:
    """The live file of a seed after so many rows of its history."""
    history = files.history(seed)
    last, known = history["phase"].iloc[-1], history.astype(object).where(history.notna(), None)
    told = Live(files.live(seed))
    told.last = last
    told.tell([{k: v for k, v in row.items() if v is not None} for row in known.to_dict("records")[:rows]])


def shown(files: RunFiles, rows: int, by: str = GONE, outcome: str = "FINISHED") -> None:
    """A training whose first rows were shown."""
    process = streamer.Streamer(order(files, by))
    for seed in files.seeds():
        grow(files, seed, rows)
    process.push()
    if outcome:
        process.end(outcome)


def by_name(where: str = "") -> dict[str, Any]:
    return {run.info.run_name: run for run in runs_of(connect(), "1", where)}


def test_a_training_grows_in_its_runs(project: Path) -> None:
    files = RunFiles("mnist-dbn", project / "runs")
    process = streamer.Streamer(order(files))
    process.push()
    assert {run.info.status for run in by_name().values()} == {"RUNNING"}
    grow(files, 1, 1)
    process.push()
    found = by_name()
    assert found["mnist-dbn-seed1"].data.metrics == {"z_pretrain/rbm1_reconstruction": 1.0}
    assert found["mnist-dbn-seed0"].data.metrics == {}
    grow(files, 1, 4)
    process.push()
    process.push()
    steps = Counter(
        point.step for point in connect().get_metric_history(found["mnist-dbn-seed1"].info.run_id, "val/loss")
    )
    assert steps == {1: 1, 2: 1}
    process.end("FINISHED")
    found = by_name("tags.superseded = 'live'")
    assert set(found) == {"mnist-dbn", "mnist-dbn-seed0", "mnist-dbn-seed1"}
    assert {run.info.status for run in found.values()} == {"FINISHED"}
    assert found["mnist-dbn-seed0"].data.tags["mlflow.parentRunId"] == found["mnist-dbn"].info.run_id
    assert connect().get_experiment("1").tags["mlflow.sharedViewState.live"]


@pytest.mark.parametrize("rows", [0, 3])
def test_publish_completes_the_runs_that_were_shown(publishing: Publishing, project: Path, rows: int) -> None:
    publishing("mnist-dbn", log_model=model_without_files)
    clean = stored()
    for run in runs_of(connect(), "1", ""):
        connect().delete_run(run.info.run_id)
    shown(RunFiles("mnist-dbn", project / "runs"), rows)
    before = {name: run.info.run_id for name, run in by_name().items()}
    publishing("mnist-dbn", log_model=model_without_files)
    assert {name: run.info.run_id for name, run in by_name().items()} == before
    assert stored() == clean
    assert publishing("mnist-dbn") == Published(unchanged=["mnist-dbn"])


def test_a_model_has_the_points_that_were_there_before_it(publishing: Publishing, project: Path) -> None:
    shown(RunFiles("mnist-mlp", project / "runs"), EPOCHS)
    publishing("mnist-mlp")
    (model,) = connect().search_logged_models(["1"])
    linked = {metric.key for metric in model.metrics}
    assert {"train/loss", "val/loss", "val/accuracy", "test/accuracy"} <= linked


def test_other_results_are_published_beside_what_was_shown(publishing: Publishing, project: Path) -> None:
    files = RunFiles("mnist-mlp", project / "runs")
    history = files.history(0)
    files.write_history(0, history.assign(val_loss=history.val_loss + 1).to_dict("records"))
    shown(files, 2, outcome="")
    before = by_name()["mnist-mlp"].info.run_id
    files.write_history(0, history.to_dict("records"))
    publishing("mnist-mlp", log_model=model_without_files)
    assert connect().get_run(before).info.status == "KILLED"
    assert connect().get_run(before).data.tags["superseded"] == "yes"
    (current,) = runs_of(connect(), "1", "tags.superseded = 'no' and tags.kind = 'aggregate'")
    assert current.info.run_id != before and current.info.status == "FINISHED"


@pytest.mark.parametrize("killed_at", [0, 2, 4])
def test_a_training_that_was_killed_goes_on_in_its_runs(publishing: Publishing, project: Path, killed_at: int) -> None:
    """The store ends up as if it had not been killed, with the runs of its first start."""
    files = RunFiles("mnist-dbn", project / "runs")
    publishing("mnist-dbn", log_model=model_without_files)
    clean = stored()
    for run in runs_of(connect(), "1", ""):
        connect().delete_run(run.info.run_id)
    shown(files, killed_at, outcome="KILLED" if killed_at else "")
    before = {name: run.info.run_id for name, run in by_name().items()}
    again = streamer.Streamer(order(files, f"{GONE}2"))
    for seed in files.seeds():
        files.live(seed).unlink(missing_ok=True)
    again.push()
    assert {run.data.tags[owner.OWNER] for run in by_name().values()} == {GONE}, "nothing is known yet"
    for rows in (3, 5):
        for seed in files.seeds():
            grow(files, seed, rows)
        again.push()
    found = by_name()
    assert {name: run.info.run_id for name, run in found.items()} == before
    assert {(run.info.status, run.data.tags["superseded"]) for run in found.values()} == {("RUNNING", "live")}
    again.end("FINISHED")
    publishing("mnist-dbn", log_model=model_without_files)
    assert {name: run.info.run_id for name, run in by_name().items()} == before and stored() == clean


@pytest.mark.parametrize("other", ["settings", "data", "results", "alive"])
def test_another_training_has_runs_of_its_own(project: Path, other: str) -> None:
    files = RunFiles("mnist-dbn", project / "runs")
    shown(files, 3, ELSEWHERE if other == "alive" else GONE, outcome="" if other == "alive" else "KILLED")
    before = by_name()["mnist-dbn"].info.run_id
    changed = order(files, f"{GONE}2")
    if other == "settings":
        changed["info"]["settings"]["epochs"] = 99
    elif other == "data":
        changed["info"]["digest"] = "other"
    elif other == "results":
        history = files.history(1)
        files.write_history(1, history.assign(val_loss=history.val_loss + 1).to_dict("records"))
    for seed in files.seeds():
        grow(files, seed, 5)
    again = streamer.Streamer(changed)
    again.push()
    mine = {run.info.run_id for run in runs_of(connect(), "1", f"tags.live = '{GONE}2'")}
    assert len(mine) == 3 and before not in mine
    assert connect().get_run(before).data.tags["superseded"] == ("live" if other == "alive" else "yes")


def test_publish_leaves_a_training_that_goes_on_alone(publishing: Publishing, project: Path) -> None:
    files = RunFiles("mnist-mlp", project / "runs")
    shown(files, 2, owner.me(), outcome="")
    going_on = by_name()["mnist-mlp"]
    assert begun(connect(), [going_on], files, "key").parent is None
    publishing("mnist-mlp", log_model=model_without_files)
    assert connect().get_run(going_on.info.run_id).to_dictionary() == going_on.to_dictionary()


@pytest.mark.parametrize("seed", range(3))
def test_no_point_is_lost_or_doubled_however_the_store_fails(project: Path, seed: int) -> None:
    """Each call fails with a chance of a third, half of those after it was carried out."""
    chance = random.Random(seed)
    files = RunFiles("mnist-dbn", project / "runs")
    process = streamer.Streamer(order(files))
    process.client = Faulty(connect(), lambda call: chance.choice(["before", "after", "", "", "", ""]))
    for rows in range(1, 3 + EPOCHS):
        for each in files.seeds():
            grow(files, each, rows)
        _until_done(process.push)
    _until_done(lambda: process.end("FINISHED"))
    assert process.client.failures > 3
    assert len(runs_of(connect(), "1", "")) == 3
    for name in ("mnist-dbn-seed0", "mnist-dbn-seed1"):
        history = connect().get_metric_history(by_name()[name].info.run_id, "val/accuracy")
        assert [point.step for point in history] == list(range(1, EPOCHS + 1))


def _until_done(attempt: Callable[[], None]) -> None:
    for _ in range(500):
        try:
            return attempt()
        except ConnectionError:
            continue
    raise AssertionError("never done")


def test_a_failing_store_is_told_of_once(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing:
        looks = 0

        def push(self) -> None:
            self.looks += 1
            if self.looks == 4:
                over.set()
            raise ConnectionError("refused")

        def end(self, outcome: str) -> None:
            raise ConnectionError("refused at the end")

    over = streamer.threading.Event()
    monkeypatch.setattr(streamer, "EVERY", 0.001)
    refusing = Refusing()
    streamer.follow(refusing, over, lambda: "FINISHED")  # type: ignore[arg-type]
    told = [record.message for record in caplog.records]
    assert refusing.looks == 4 and len(told) == 2
    assert "(refused)" in told[0] and "publishing completes it" in told[1]


def test_orphans_are_closed_and_retired(project: Path) -> None:
    client = connect()
    shown(RunFiles("mnist-mlp", project / "runs"), 2, ELSEWHERE, outcome="")
    shown(RunFiles("mnist-dbn", project / "runs"), 2, owner.me(), outcome="")
    assert orphans.close(client) == 0, "heard of just now"
    for run in runs_of(client, "1", "tags.experiment = 'mnist-mlp'"):
        client.set_tag(run.info.run_id, owner.BEAT, "1700000000")
    assert orphans.close(client) == 3
    status = {name: run.info.status for name, run in by_name().items()}
    assert status["mnist-mlp"] == status["mnist-mlp-seed1"] == "KILLED"
    assert status["mnist-dbn"] == status["mnist-dbn-seed0"] == "RUNNING"
    assert by_name()["mnist-mlp"].info.end_time == 1700000000000
    shown(RunFiles("mnist-mlp", project / "runs"), 1)
    assert len(runs_of(client, "1", "tags.experiment = 'mnist-mlp' and tags.superseded = 'live'")) == 3


def test_whether_a_process_lives() -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        started = owner._start(process.pid)
        here = owner.me().split("/")[0]
        name = f"{here}/{process.pid}/{started}"
        assert started and owner.lives({owner.OWNER: name})
        assert not owner.lives({owner.OWNER: f"{here}/{process.pid}/1-{started}"}), "another one of that number"
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert not owner.lives({owner.OWNER: name}), "a zombie"
    assert not owner.lives({owner.OWNER: name})
    assert owner.lives({owner.OWNER: owner.me()}) and not owner.lives({})
    assert owner.lives({owner.OWNER: ELSEWHERE, owner.BEAT: "1000"}, now=1000 + owner.SILENT_SECONDS - 1)
    assert not owner.lives({owner.OWNER: ELSEWHERE, owner.BEAT: "1000"}, now=1000 + owner.SILENT_SECONDS)


def _told(project: Path, monkeypatch: pytest.MonkeyPatch, block: Callable[[], None]) -> list[str]:
    """What the process is told of a training that is `block`."""
    heard = project / "heard"
    script = f"import sys; print('on', file=open('{project}/on', 'w')); open('{heard}', 'w').write(sys.stdin.read())"
    monkeypatch.setattr(live, "COMMAND", [sys.executable, "-S", "-c", script])
    monkeypatch.setattr(live, "GRACE", 30)
    monkeypatch.setenv(live.AFTER, "0")
    files = RunFiles("mnist-mlp", project / "runs")
    try:
        with live.shown(files, files.summary()):
            while not (project / "on").is_file() and "RANK" not in os.environ:
                pass
            block()
    except (SystemExit, ValueError):
        pass
    return heard.read_text().splitlines() if heard.is_file() else []


def _raise(error: BaseException) -> None:
    raise error


@pytest.mark.parametrize(
    ("block", "outcome"),
    [
        (lambda: None, "FINISHED"),
        (lambda: _raise(ValueError()), "FAILED"),
        (lambda: _raise(SystemExit(128 + signal.SIGTERM)), "KILLED"),
    ],
)
def test_the_process_is_told_how_it_ended(
    project: Path, monkeypatch: pytest.MonkeyPatch, block: Callable[[], None], outcome: str
) -> None:
    first, last = _told(project, monkeypatch, block)
    assert last == outcome
    assert json.loads(first)["info"]["settings"]["seeds"] == [0, 1]
    assert json.loads(first)["owner"] == owner.me()


def test_of_several_devices_one_shows_the_training(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    assert _told(project, monkeypatch, lambda: None) == []


def test_a_process_that_hangs_is_killed(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "COMMAND", ["sleep", "600"])
    monkeypatch.setattr(live, "GRACE", 0.1)
    monkeypatch.setenv(live.AFTER, "0")
    files = RunFiles("mnist-mlp", project / "runs")
    streaming = live.Streaming(files, files.summary())
    assert streaming.timer
    streaming.timer.join()
    streaming.end("FINISHED")
    assert streaming.process and streaming.process.returncode == -signal.SIGKILL


def test_a_short_training_starts_no_process(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = RunFiles("mnist-mlp", project / "runs")
    for after in ("", "never", "600"):
        monkeypatch.setenv(live.AFTER, after)
        streaming = live.Streaming(files, files.summary())
        streaming.end("FINISHED")
        assert streaming.process is None
