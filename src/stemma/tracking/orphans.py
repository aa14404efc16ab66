"""Runs of trainings that were shown while they ran: an end to those that nothing stands behind any more."""

from typing import TYPE_CHECKING

from stemma.tracking.owner import BEAT, OWNER, lives
from stemma.tracking.store import runs_of

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

LIVE = "tags.superseded = 'live'"


def close(client: "MlflowClient") -> int:
    """End as KILLED what is RUNNING in the whole store though its process is gone; how many runs those were."""
    into = [str(each.experiment_id) for each in client.search_experiments()]
    runs = [run for each in into for run in runs_of(client, each, f"{LIVE} and attributes.status = 'RUNNING'")]
    dead = [run for run in runs if not lives(run.data.tags)]
    for run in dead:
        _kill(client, run)
    return len(dead)


def retire(client: "MlflowClient", into: str, experiment: str, owner: str) -> None:
    """Take the runs of earlier trainings of an experiment out of the view of those that go on and of the `owner`'s."""
    for run in runs_of(client, into, f"tags.experiment = '{experiment}' and {LIVE}"):
        if run.data.tags[OWNER] != owner and not lives(run.data.tags):
            if run.info.status == "RUNNING":
                _kill(client, run)
            client.set_tag(run.info.run_id, "superseded", "yes")


def _kill(client: "MlflowClient", run: "Run") -> None:
    """End a run when it was last heard of."""
    client.set_terminated(run.info.run_id, "KILLED", 1000 * int(run.data.tags[BEAT]))
