"""Rounds of promotion in a real registry: one experiment after the other is published and tries for champion."""

import shutil
from collections.abc import Callable
from dataclasses import asdict

from stemma import registry
from stemma.runs import RunFiles
from stemma.tracking import describe
from stemma.tracking.store import connect, experiment_id

LICENCES = {"mnist": "CC BY-SA 3.0"}
MNIST = ("mnist", "sample")
Round = Callable[..., registry.Outcome]


def publish_lightly(runs: RunFiles) -> None:
    """What promotion needs of a published experiment, without a model that loads, seeds and pictures."""
    client, summary, key = connect(), runs.summary(), describe.key(runs)
    into = experiment_id(client, "mnist@sample")
    if client.search_runs([into], f"tags.key = '{key}'"):
        return
    tags = {**describe.tags(asdict(summary), "aggregate", "evaluate"), "key": key}
    run = client.create_run(into, tags={**tags, "best_seed": str(runs.seeds()[-1])}).info.run_id
    model = client.create_logged_model(into, summary.architecture, run)
    path = runs.folder / "metrics.json"
    shutil.copy(path, path.with_name("MLmodel"))
    client.log_model_artifact(model.model_id, str(path.with_name("MLmodel")))
    path.with_name("MLmodel").unlink()
    client.set_tag(run, "model_id", model.model_id)
    client.log_artifacts(run, str(runs.folder), f"runs/{runs.experiment}")
    client.set_terminated(run)


def aliases() -> dict[str, str]:
    found = connect().get_registered_model("mnist-sample").aliases
    return {name: str(version) for name, version in found.items()}


def happened() -> list[tuple[str, str | None, str | None]]:
    return [(event.what, event.before, event.after) for event in registry.events_of(*MNIST)[1]]
