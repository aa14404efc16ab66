"""Runs that a training or a publish that was interrupted left in the store, for `publish` to complete."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stemma.runs import RunFiles
from stemma.tracking import describe
from stemma.tracking.owner import lives
from stemma.tracking.store import children_of, runs_of

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Run


@dataclass(frozen=True)
class Begun:
    """The run of an experiment and, by seed, those of its seeds; None and empty if there is none to go on with."""

    parent: "Run | None" = None
    children: "dict[int, Run]" = field(default_factory=dict)


def begun(client: "MlflowClient", known: "Iterable[Run]", files: RunFiles, key: str) -> Begun:
    """Of the `known` runs of an experiment, newest first, the one that agrees with its run files so far."""
    for run in known:
        if _is_open(run, key):
            children = {int(child.data.tags["seed"]): child for child in children_of(client, run)}
            if _agree(client, run, children, files):
                return Begun(run, children)
    return Begun()


Place = tuple[str, int]
"""Name and step of a point."""


def left(client: "MlflowClient", into: str, info: Mapping[str, Any]) -> Begun:
    """Where the last training of the experiment was shown, if it was killed and had the settings and data of `info`."""
    wanted = f"tags.experiment = '{info['experiment']}' and tags.kind = 'aggregate' and tags.superseded = 'live'"
    settings = {kind: describe.parameters(info, kind).items() for kind in ("aggregate", "seed")}
    for run in runs_of(client, into, wanted)[:1]:
        children = {int(child.data.tags["seed"]): child for child in children_of(client, run)}
        known = [child.data.params.items() <= settings["seed"] | {("seed", str(s))} for s, child in children.items()]
        same = all(known) and run.data.params.items() <= settings["aggregate"]
        if same and run.data.tags["data_digest"] == info["digest"] and not lives(run.data.tags):
            return Begun(run, children)
    return Begun()


def _is_open(run: "Run", key: str) -> bool:
    """Whether a training was shown in it that is over, or a publish of the same results began it."""
    tags = run.data.tags
    trained = tags["superseded"] == "live" and not lives(tags)
    return trained or (run.info.status == "RUNNING" and tags.get("key") == key)


def _agree(client: "MlflowClient", run: "Run", children: "dict[int, Run]", files: RunFiles) -> bool:
    """Whether the runs have the settings of the run files, and no seed or point of a curve that those have not."""
    summary = vars(files.summary())
    whole, each = (describe.parameters(summary, kind).items() for kind in ("aggregate", "seed"))
    if not run.data.params.items() <= whole or not children.keys() <= set(files.seeds()):
        return False
    return all(
        child.data.params.items() <= each | {("seed", str(seed))} and _same_curves(client, child, files, seed)
        for seed, child in children.items()
    )


def _same_curves(client: "MlflowClient", child: "Run", files: RunFiles, seed: int) -> bool:
    ours = {(name, step): value for name, step, value in describe.curves(files.history(seed))}
    known = {name for name, _ in ours} | {name for name in child.data.metrics if name.startswith(describe.OF_EPOCHS)}
    theirs = points(client, child, known)
    return all(place in ours and math.isclose(ours[place], each.value) for place, each in theirs.items())


def drawn(client: "MlflowClient", run: "Run") -> "dict[Place, Metric]":
    """The points of a run's curves."""
    return points(client, run, [name for name in run.data.metrics if name.startswith(describe.OF_EPOCHS)])


def points(client: "MlflowClient", run: "Run", names: Iterable[str]) -> "dict[Place, Metric]":
    """What the store has of a run's metrics, by name and step."""
    there = [name for name in names if name in run.data.metrics]
    return {(name, each.step): each for name in there for each in client.get_metric_history(run.info.run_id, name)}
