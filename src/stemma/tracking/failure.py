"""A training that failed leaves a FAILED run; whatever the store does, the first error is the one told."""

import logging
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pandas as pd

from stemma.runs import RunFiles
from stemma.tracking.owner import OWNER, me
from stemma.tracking.store import connect, experiment_id, first_line, locked, runs_of

log = logging.getLogger(__name__)
QUICK = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "5"}


def record_failure(
    experiment: str,
    seed: int | None,
    history: Sequence[Mapping[str, Any]] | None,
    message: str,
    info: Mapping[str, Any],
) -> None:
    """Record that `experiment` failed, at `seed` or as a whole, as a FAILED run below a FAILED parent.

    Never raises and never waits for long: where the store cannot be used, one warning says so: the caller
    is about to report the error that matters. Only this, the streamer of a training and what shows a sweep
    swallow an error.

    Args:
        history: rows of the epochs so far, as in history.csv.
        message: the error, shown as the note of the runs.
        info: at least experiment, family, architecture, dataset, source, slot, digest, and settings
            (a mapping), as in `runs.Summary`.
    """
    try:
        with quick():
            _record(experiment, seed, history, message, info)
    except Exception as error:
        log.warning("MLflow: the failure of '%s' is not recorded (%s)", experiment, first_line(error))


@contextmanager
def quick() -> Iterator[None]:
    """MLflow's retries and time-outs cut short, for the duration of the block."""
    before = {name: os.environ.get(name) for name in QUICK}
    os.environ.update(QUICK)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def _record(
    experiment: str,
    seed: int | None,
    history: Sequence[Mapping[str, Any]] | None,
    message: str,
    info: Mapping[str, Any],
) -> None:
    from stemma.tracking import describe
    from stemma.tracking.begun import points
    from stemma.tracking.tasks import label

    client = connect()
    info = {**info, "experiment": experiment}
    with locked("failure"):
        into = experiment_id(client, label({"task": "classify", **info}))
        shown = {run.data.tags.get("seed", ""): run for run in runs_of(client, into, f"tags.{OWNER} = '{me()}'")}
        parent = _parent(client, into, experiment) if not shown else ""
        parent = parent or _failed(client, into, experiment, message, info, "aggregate", {}, shown.get(""))
        for other in shown.values():
            client.set_tag(other.info.run_id, "superseded", "no")
        if seed is None:
            return
        own, begun = {"mlflow.parentRunId": parent, "seed": str(seed)}, shown.get(str(seed))
        child = _failed(client, into, f"{experiment}-seed{seed}", message, info, "seed", own, begun)
        if history:
            from mlflow.entities import Metric

            now = int(time.time() * 1000)
            rows = RunFiles(experiment).live_rows(seed)
            values = list(describe.growing(rows) if rows else describe.curves(pd.DataFrame(list(history))))
            there = points(client, begun, {name for name, _, _ in values}) if begun else {}
            new = [Metric(name, value, now, step) for name, step, value in values if (name, step) not in there]
            client.log_batch(child, metrics=new[:1000])


def _parent(client: Any, into: str, experiment: str) -> str:
    """The experiment's failed run that no success has superseded; empty if there is none."""
    known = runs_of(
        client,
        into,
        f"tags.experiment = '{experiment}' and tags.kind = 'aggregate' and tags.superseded = 'no' "
        "and attributes.status = 'FAILED'",
    )
    return known[0].info.run_id if known else ""


def _failed(
    client: Any,
    into: str,
    name: str,
    message: str,
    info: Mapping[str, Any],
    kind: str,
    own: Mapping[str, str],
    begun: Any,
) -> str:
    """Write a failed run, or make it of the one that was `begun`, in which the training was shown."""
    from mlflow.entities import Param, RunTag

    from stemma.tracking import describe

    tags = {**describe.tags(info, kind, "train"), **own, "error": message, "mlflow.note.content": message}
    run = begun.info.run_id if begun else client.create_run(into, run_name=name).info.run_id
    settings = describe.parameters(info, kind)
    told = [RunTag(key, value) for key, value in tags.items()]
    client.log_batch(run, params=[Param(key, value) for key, value in settings.items()], tags=told)
    client.set_terminated(run, "FAILED")
    return run
