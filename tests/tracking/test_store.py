"""A store that several processes open first, all at once."""

import multiprocessing
import sqlite3
from pathlib import Path

import pytest

TRIALS, PROCESSES = 20, 8


def _write(uri: str, name: str, gate) -> None:
    """Open the store at the same moment as the others and record a point in it."""
    import os

    os.environ["MLFLOW_TRACKING_URI"] = uri
    from mlflow.entities import Metric

    from stemma.tracking.store import connect, experiment_id, locked

    gate.wait()
    client = connect()
    with locked("publish"):
        into = experiment_id(client, "mnist@sample")
    run = client.create_run(into, run_name=name).info.run_id
    client.log_batch(run, metrics=[Metric("val/loss", 0.5, 0, step) for step in range(10)])
    client.set_terminated(run)


@pytest.mark.slow
def test_eight_processes_open_a_new_store_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["mlflow", "stemma.tracking.store"])
    for trial in range(TRIALS):
        path = tmp_path / f"{trial}" / "mlflow.db"
        path.parent.mkdir()
        gate = context.Barrier(PROCESSES)
        workers = [
            context.Process(target=_write, args=(f"sqlite:///{path}", f"run{number}", gate))
            for number in range(PROCESSES)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert [worker.exitcode for worker in workers] == [0] * PROCESSES, f"trial {trial}"
        with sqlite3.connect(path) as database:
            runs = database.execute("select count(*), min(status), max(status) from runs").fetchone()
            points = database.execute("select count(*) from metrics").fetchone()
            experiments = database.execute("select count(*) from experiments where name = 'mnist@sample'").fetchone()
        assert (runs, points, experiments) == ((PROCESSES, "FINISHED", "FINISHED"), (80,), (1,)), f"trial {trial}"
