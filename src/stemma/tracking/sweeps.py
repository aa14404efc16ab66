"""Sweeps in MLflow: a parent run a sweep with a child run a trial, brought to the state of the files on disk."""

import hashlib
import json
import logging
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from stemma.errors import StemmaError
from stemma.sweeps.record import About, SweepFiles, Trial, best_of, counted
from stemma.tracking import describe, links
from stemma.tracking.failure import quick
from stemma.tracking.owner import BEAT, OWNER, me
from stemma.tracking.store import children_of, connect, experiment_id, first_line, locked, reaching, runs_of
from stemma.tracking.tasks import label

if TYPE_CHECKING:
    from mlflow import MlflowClient

log = logging.getLogger(__name__)
METRICS_A_CALL = 500
TIMES = ("began", "seconds", "attempts")
"""What of a trial is another each time that it is trained."""


class Showing:
    """Shows a sweep after each of its trials, until the store fails once; the sweep goes on whatever the store does."""

    failed = False

    def __call__(self, files: SweepFiles) -> None:
        if self.failed:
            return
        try:
            with quick():
                publish(files, over=False)
        except StemmaError as error:
            log.warning("MLflow: this sweep is not shown for now (%s)", first_line(error))
            self.failed = True


def publish(files: SweepFiles, over: bool = True) -> str:
    """Bring the store to the state of a sweep, adding what it lacks; the address of its run.

    A trial is known by its number and its result: published twice it adds nothing.

    Args:
        over: whether nobody works on the sweep any more; its run is RUNNING until then.

    Raises:
        StemmaError: the store cannot be reached.
    """
    about, trials = files.about(), files.trials()
    assert about is not None
    client = connect()
    with locked("sweep"), reaching(f"the sweep '{files.name}' is not published whole; `stemma publish` completes it"):
        into = experiment_id(client, label(about.info))
        parent = _parent(client, into, about, over)
        known = {run.data.tags["key"]: run for run in children_of(client, parent)}
        runs = {trial.number: _child(client, into, parent, about, trial, known) for trial in trials}
        for run in known.values():
            if run.data.tags["superseded"] != "yes":
                client.set_tag(run.info.run_id, "superseded", "yes")
        _conclude(client, parent, about, trials, runs, over)
    return links.run(into, parent.info.run_id)


def _parent(client: "MlflowClient", into: str, about: About, over: bool) -> Any:
    """The sweep's run, made if need be; those of earlier sweeps of the name leave the view."""
    found = runs_of(client, into, f"tags.kind = 'sweep' and tags.sweep = '{about.name}'")
    same = [run for run in found if run.data.tags["key"] == about.digest]
    for run in found:
        if run not in same and run.data.tags["superseded"] != "yes":
            client.set_tag(run.info.run_id, "superseded", "yes")
    if same:
        return same[0]
    tags = {**describe.tags(about.info, "sweep", "train"), "sweep": about.name, "key": about.digest}
    return client.create_run(into, tags=tags, run_name=f"sweep {about.name}")


def _child(client: "MlflowClient", into: str, parent: Any, about: About, trial: Trial, known: dict[str, Any]) -> str:
    """The run of a trial, written if it is not among the `known` ones, from which it is taken."""
    from mlflow.entities import Metric, Param

    key, end = key_of(trial), trial.began + int(1000 * trial.seconds)
    run = known.pop(key, None)
    if run is not None and run.info.status != "RUNNING":
        return str(run.info.run_id)
    info = {**about.info, "settings": trial.settings or trial.values}
    own = {
        "mlflow.parentRunId": parent.info.run_id,
        "sweep": about.name,
        "key": key,
        "trial": str(trial.number),
        "state": trial.state,
        "error": trial.error,
        "same_as": str(trial.same_as or ""),
    }
    tags = {**describe.tags(info, "trial", "train"), **{name: value for name, value in own.items() if value}}
    run = run or client.create_run(into, trial.began, tags, f"{about.name}-trial{trial.number}")
    points = list(describe.growing(trial.rows))
    points += [] if trial.value is None else [(f"best/{about.objective}", 0, trial.value)]
    client.log_batch(run.info.run_id, params=[Param(*item) for item in describe.parameters(info, "seed").items()])
    for start in range(0, len(points), METRICS_A_CALL):
        some = [Metric(name, value, end, step) for name, step, value in points[start : start + METRICS_A_CALL]]
        client.log_batch(run.info.run_id, metrics=some)
    client.set_terminated(run.info.run_id, "FAILED" if trial.state == "failed" else "FINISHED", end)
    return str(run.info.run_id)


def key_of(trial: Trial) -> str:
    """SHA-256 of a trial, its times left out."""
    told = {name: value for name, value in vars(trial).items() if name not in TIMES}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _conclude(
    client: "MlflowClient", parent: Any, about: About, trials: list[Trial], runs: Mapping[int, str], over: bool
) -> None:
    """What the sweep says of itself, and whether it goes on."""
    from mlflow.entities import Param, RunTag

    best, run, name = best_of(trials, about.higher), parent.info.run_id, f"best/{about.objective}"
    params = {"sweep": about.name, "objective": about.objective, **describe.parameters(about.info, "aggregate")}
    params |= {f"space.{key}": json.dumps(where) for key, where in about.space.items()}
    tags = {"trials": counted(trials), "mlflow.note.content": _note(parent.info.experiment_id, about, trials, runs)}
    tags |= {"superseded": "no"} if over else {"superseded": "live", OWNER: me(), BEAT: str(int(time.time()))}
    if best is not None and best.value is not None and parent.data.metrics.get(name) != best.value:
        client.log_metric(run, name, best.value, step=best.number)
    client.log_batch(
        run,
        params=[Param(key, value) for key, value in params.items()],
        tags=[RunTag(key, value) for key, value in tags.items()],
    )
    if over:
        client.set_terminated(run, "FINISHED" if len(trials) >= about.trials else "KILLED")
    else:
        client.update_run(run, status="RUNNING")


def _note(into: str, about: About, trials: list[Trial], runs: Mapping[int, str]) -> str:
    best, experiment = best_of(trials, about.higher), about.info["experiment"]
    lines = [f"{counted(trials)} of {about.trials}, over {experiment}, judged by {about.objective} on validation."]
    if best is not None:
        values = ", ".join(f"{key} {value}" for key, value in best.values.items())
        link = f"[trial {best.number}](#/experiments/{into}/runs/{runs[best.number]})"
        lines += ["", f"Best: {link}, {about.objective} {best.value:.4g} ({values}); of many the best looks too good."]
    return "\n".join(lines)
