"""A store whose calls fail, and what a store holds, to compare two of them."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stemma.tracking.store import connect, runs_of


class Faulty:
    """A client whose calls fail `before` or `after` they are carried out, as `verdict(number of the call)` says."""

    def __init__(self, client: Any, verdict: Callable[[int], str]) -> None:
        self.client, self.verdict, self.calls, self.failures = client, verdict, 0, 0

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            self.calls += 1
            verdict = self.verdict(self.calls)
            self.failures += bool(verdict)
            if verdict == "before":
                raise ConnectionError(f"{name}: refused")
            result = getattr(self.client, name)(*arguments, **named)
            if verdict == "after":
                raise ConnectionError(f"{name}: no answer")
            return result

        return call


def stored(experiment: str = "1") -> dict[str, Any]:
    """Of each run by name, its state, points and files; ids, times and the time of points left out."""
    client = connect()
    found = {}
    for run in runs_of(client, experiment, "tags.superseded = 'no'"):
        history = {name: client.get_metric_history(run.info.run_id, name) for name in run.data.metrics}
        own = {**run.data.tags, "mlflow.note.content": "", "model_id": ""}
        parent = own.pop("mlflow.parentRunId", "")
        tags = {name: value for name, value in own.items() if not name.startswith("live")}
        models = client.search_logged_models([experiment], f"source_run_id = '{run.info.run_id}'")
        found[run.info.run_name] = {
            "status": run.info.status,
            "points": {name: Counter((p.step, p.value) for p in points) for name, points in history.items()},
            "params": run.data.params,
            "tags": tags,
            "parent": client.get_run(parent).info.run_name if parent else "",
            "files": Counter(_stem(path) for path in _files(client, run.info.run_id, "")),
            "models": [{metric.key for metric in model.metrics or []} for model in models],
            "datasets": len(run.inputs.dataset_inputs),
            "outputs": len(run.outputs.model_outputs) if run.outputs else 0,
        }
    return found


def _files(client: Any, run: str, folder: str) -> list[str]:
    items = client.list_artifacts(run, folder)
    return [path for item in items for path in (_files(client, run, item.path) if item.is_dir else [item.path])]


def _stem(path: str) -> str:
    """A path without the time and the id that pictures have in their names."""
    name = Path(path).name
    return str(Path(path).with_name(f"{name.partition('+')[0]}{Path(name).suffix}"))


def model_without_files(run: str, folder: Path) -> str:
    """Instead of `log_model`, which takes seconds."""
    client = connect()
    into = client.get_run(run).info.experiment_id
    model = client.create_logged_model(into, name="model", source_run_id=run)
    client.finalize_logged_model(model.model_id, "READY")
    return str(model.model_id)
