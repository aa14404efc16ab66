"""`publish`: bring a tracking store to the state of the run files, adding only what it lacks."""

import logging
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stemma.errors import StemmaError
from stemma.runs import ROOT, RunFiles
from stemma.tracking import describe, orphans, views
from stemma.tracking.begun import Begun, begun
from stemma.tracking.owner import lives
from stemma.tracking.store import children_of, connect, experiment_id, locked, reaching, runs_of
from stemma.tracking.tasks import label

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

log = logging.getLogger(__name__)
LogModel = Callable[[str, Path], str]
"""(run id, model folder) -> id of the logged model; `stemma.serving.package.log_model`."""


TOGETHER = ("test_digest", "task", "unit")
"""What the experiments of one group of the comparison have in common."""


@dataclass
class Published:
    """Keys of the experiments that were added to the store and of those that were there already."""

    added: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)


def publish(
    experiments: Iterable[str], comparison: dict[str, Any], log_model: LogModel, root: Path = ROOT
) -> Published:
    """Publish `experiments`, each with its seeds, model and pictures, and the saved views that show them.

    An experiment is known by the digest of its output files (`describe.key`): published twice it adds
    nothing; changed, it adds a new run and retires the old one, which keeps its place, tagged
    `superseded`.
    Runs in which the training was shown, or which a publish that was interrupted left half made, are completed.

    Args:
        comparison: content of `reports/comparison.json`.
        root: folder of the run files.

    Raises:
        StemmaError: the store cannot be reached, run files are missing, or the comparison does not know
            an experiment.
    """
    rows = {row["experiment"]: row for row in comparison["rows"]}
    client, published = connect(), Published()
    with reaching("its runs cannot be read"):
        orphans.close(client)
    with locked("publish"):
        for name in experiments:
            if name not in rows:
                raise StemmaError(f"experiment '{name}': not in the comparison; run `dvc repro`")
            with reaching(f"'{name}' is not published whole; `stemma publish` completes it"):
                added = _bring(client, RunFiles(name, root), rows[name], log_model)
            (published.added if added else published.unchanged).append(name)
        for dataset in comparison["datasets"]:
            same = [row for row in comparison["rows"] if all(row[key] == dataset[key] for key in TOGETHER)]
            _introduce(client, dataset, [row[dataset["primary"]]["mean"] for row in same])
    return published


def _bring(client: "MlflowClient", runs: RunFiles, row: dict[str, Any], log_model: LogModel) -> bool:
    """Make one experiment's current state the one that the views show; whether it had to be added."""
    from stemma.tracking.record import Recorder

    key, into = describe.key(runs), experiment_id(client, label(row))
    known = runs_of(client, into, f"tags.experiment = '{runs.experiment}' and tags.kind = 'aggregate'")
    finished = [run for run in known if run.info.status == "FINISHED"]
    same = [run for run in finished if run.data.tags.get("key") == key]
    started = time.perf_counter()
    open_one = Begun() if same else begun(client, known, runs, key)
    if not same:
        with tempfile.TemporaryDirectory() as scratch:
            Recorder(client, into, runs, row, log_model, Path(scratch), open_one).record(key)
    for run in known:
        if run in same[:1]:
            _restore(client, run, row)
        elif run is not open_one.parent:
            _retire(client, run)
    if not same:
        log.info("%s: published to %s in %.1f s", runs.experiment, label(row), time.perf_counter() - started)
    return not same


def _restore(client: "MlflowClient", run: "Run", row: dict[str, Any]) -> None:
    """Un-retire a run whose results are the current ones again, and renew aggregates (timings may differ)."""
    if run.data.tags["superseded"] == "yes":
        _mark(client, run, "no")
    for name, value in describe.aggregates(row).items():
        if run.data.metrics.get(name) != value:
            client.log_metric(run.info.run_id, name, value)


def _retire(client: "MlflowClient", run: "Run") -> None:
    """Delete a run that was never completed; tag any other as superseded, unless it is a training that goes on."""
    if lives(run.data.tags):
        return
    if run.info.status == "RUNNING":
        for each in [*children_of(client, run), run]:
            outputs = client.get_run(each.info.run_id).outputs
            for model in outputs.model_outputs if outputs else []:
                client.delete_logged_model(model.model_id)
            client.delete_run(each.info.run_id)
    elif run.data.tags["superseded"] != "yes":
        _mark(client, run, "yes")


def _mark(client: "MlflowClient", run: "Run", superseded: str) -> None:
    for each in [run, *children_of(client, run)]:
        client.set_tag(each.info.run_id, "superseded", superseded)


def _introduce(client: "MlflowClient", dataset: dict[str, Any], means: list[float]) -> None:
    """Note, tags and saved views of a group of the comparison, `means` being the experiments' primary scores there.

    What is there already stays untouched.
    """
    into = experiment_id(client, label(dataset))
    present = client.get_experiment(into).tags
    wanted = {
        "stemma.kind": "dataset",
        "dataset": dataset["dataset"],
        "source": dataset["source"],
        "mlflow.note.content": views.note(into, dataset),
    }
    for name, value in {**wanted, **views.tags(present, dataset["task"], means)}.items():
        if present.get(name) != value:
            client.set_experiment_tag(into, name, value)
