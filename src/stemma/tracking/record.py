"""One experiment and its seeds written into the store: a parent run with a child run a seed."""

import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from mlflow.entities import Dataset, DatasetInput, InputTag, LoggedModelOutput, Metric, Param
from PIL import Image

from stemma.files import read_json
from stemma.runs import RunFiles
from stemma.scores import scoring
from stemma.tracking import describe, figures
from stemma.tracking.tasks import TOLD

if TYPE_CHECKING:
    from mlflow import MlflowClient

Predictions = tuple[np.ndarray, np.ndarray]
"""What `RunFiles.predictions` gives of a seed."""
METRICS_A_CALL = 500
DIGEST_LENGTH = 36
"""Characters that the store keeps of a dataset's digest."""
NEEDED = ("train/summary.json", "train_time.json", "test_time.json", "metrics.json")
"""Run files that, with the predictions, let a later promotion compare with this experiment."""


class Recorder:
    """Writes one experiment. `row` is its row of the comparison, `scratch` an empty folder for pictures."""

    def __init__(
        self,
        client: "MlflowClient",
        into: str,
        runs: RunFiles,
        row: dict[str, Any],
        log_model: Any,
        scratch: Path,
    ) -> None:
        self.client, self.into, self.runs, self.row = client, into, runs, row
        self.log_model, self.scratch = log_model, scratch
        self.now = int(time.time() * 1000)
        self.summary = runs.summary()
        self.best = self.summary.best_seed(scoring(self.summary.task).key)
        self.dataset = self._dataset()

    def record(self, key: str) -> None:
        """The parent, its children, and last the parent's end, which tells that all is there."""
        tags = {**describe.tags(vars(self.summary), "aggregate", "evaluate"), "key": key, "best_seed": str(self.best)}
        parent = self._start(self.runs.experiment, tags, sum(self.row["train_seconds"]["values"]))
        self._write(parent, describe.parameters(vars(self.summary), "aggregate"), describe.aggregates(self.row))
        predictions = {seed: self.runs.predictions(seed) for seed in self.runs.seeds()}
        models = {seed: self._child(parent, key, seed, predictions[seed]) for seed in predictions}
        self._figures(parent, predictions)
        self._pictures(parent)
        self._run_files(parent)
        self.client.log_outputs(parent, [LoggedModelOutput(models[self.best], step=0)])
        self.client.set_tag(parent, "model_id", models[self.best])
        self.client.set_tag(parent, "mlflow.note.content", self._note(models[self.best]))
        self.client.set_logged_model_tags(models[self.best], {"mlflow.note.content": self._model_note(parent)})
        self.client.set_terminated(parent, end_time=self.now)

    def _child(self, parent: str, key: str, seed: int, predictions: Predictions) -> str:
        """The run of one seed; returns the id of its logged model, which only the best seed has."""
        own = {"mlflow.parentRunId": parent, "seed": str(seed), "key": f"{key}-{seed}"}
        once, primary = describe.seed_metrics(self.row, seed), self.row["primary"]
        score = scoring(self.summary.task).score
        tags = {**describe.tags(vars(self.summary), "seed", "evaluate"), **own}
        run = self._start(f"{self.runs.experiment}-seed{seed}", tags, once["train_s"])
        model = self.log_model(run, self.runs.model_folder(seed)) if seed == self.best else ""
        self._write(run, {**describe.parameters(vars(self.summary), "seed"), "seed": str(seed)}, {})
        points = [(name, 0, value) for name, value in once.items()]
        points += describe.perturbed(self.row, seed)
        self._log(run, [*describe.curves(self.runs.history(seed)), *points], model)
        self._figures(run, {seed: predictions})
        self.client.set_tag(
            run,
            "mlflow.note.content",
            f"Seed {seed} of {self.runs.experiment}, test {score.noun} {score.shown(once[f'test/{primary}'])}.",
        )
        self.client.set_terminated(run, end_time=self.now)
        return model

    def _start(self, name: str, tags: dict[str, str], seconds: float) -> str:
        """A new run that began `seconds` ago, so that the UI's duration is the time that training took."""
        began = self.now - int(seconds * 1000)
        run = self.client.create_run(self.into, start_time=began, tags=tags, run_name=name)
        self.client.log_inputs(run.info.run_id, [self.dataset])
        return run.info.run_id

    def _write(self, run: str, parameters: dict[str, str], metrics: dict[str, float]) -> None:
        self.client.log_batch(
            run,
            params=[Param(name, value) for name, value in parameters.items()],
            metrics=[Metric(name, value, self.now, 0) for name, value in metrics.items()],
        )

    def _log(self, run: str, points: Iterable[tuple[str, int, float]], model: str) -> None:
        """Metric points of a seed, linked to the dataset and, where there is one, the logged model."""
        data = self.dataset.dataset
        metrics = [
            Metric(name, value, self.now, step, model or None, data.name, data.digest, run)
            for name, step, value in points
        ]
        for start in range(0, len(metrics), METRICS_A_CALL):
            self.client.log_batch(run, metrics=metrics[start : start + METRICS_A_CALL])

    def _figures(self, run: str, predictions: dict[int, Predictions]) -> None:
        """Where the seeds err and their learning curves, under the same paths in every run of a task."""
        folder = self.scratch / run
        folder.mkdir()
        targets, outputs = (np.concatenate(parts) for parts in zip(*predictions.values(), strict=True))
        task = self.summary.task
        figures.ERRORS.get(task, figures.by_example)(targets, outputs, self.summary, folder / f"{TOLD[task].card}.png")
        histories = {f"seed{seed}": self.runs.history(seed) for seed in predictions}
        figures.learning_curves(histories, self.row["primary"], folder / "learning_curves.png")
        self.client.log_artifacts(run, str(folder), "figures")

    def _pictures(self, parent: str) -> None:
        """Pictures as cards of the UI: where it errs, filters, samples, mistakes."""
        card = TOLD[self.summary.task].card
        errors = Image.open(self.scratch / parent / f"{card}.png").convert("RGB")
        self.client.log_image(parent, errors, key=card, step=0)
        if (self.runs.folder / "test" / "pictures.npz").is_file():
            pictures = {name: each for name, each in self.runs.pictures().items() if len(each)}
            for name, each in pictures.items():
                self.client.log_image(parent, figures.sheet(each), key=name, step=0)

    def _run_files(self, parent: str) -> None:
        """Run files as artifacts, in the folders that `RunFiles` expects."""
        test = self.runs.folder / "test"
        files = [self.runs.folder / name for name in NEEDED]
        for path in [*files, *sorted(test.glob("*.parquet")), *test.glob("robustness.json")]:
            below = path.parent.relative_to(self.runs.folder.parent)
            self.client.log_artifact(parent, str(path), f"runs/{below.as_posix()}")

    def _dataset(self) -> DatasetInput:
        summary = self.summary
        spec = read_json(self.runs.model_folder(self.best) / "model.json")["spec"]
        profile = {
            "classes": len(summary.classes),
            "sizes": spec["sizes"],
            "shape": spec["shape"],
            "kind": spec["kind"],
        }
        data = Dataset(
            name=f"{summary.dataset}@{summary.source}",
            digest=summary.digest[:DIGEST_LENGTH],
            source_type="stemma",
            source=json.dumps({"dataset": summary.dataset, "source": summary.source, "digest": summary.digest}),
            profile=json.dumps(profile),
        )
        return DatasetInput(data, [InputTag("mlflow.data.context", "train, validation, test")])

    def _model_note(self, parent: str) -> str:
        origin = f"[{self.runs.experiment}](#/experiments/{self.into}/runs/{parent})"
        took = f"It takes raw input and answers with {TOLD[self.summary.task].answer}."
        return f"{describe.sentence(self.row)}\n\nSeed {self.best} of {origin}, the best on validation. {took}"

    def _note(self, model: str) -> str:
        row, link = self.row, f"#/experiments/{self.into}/models/{model}"
        lines = [describe.sentence(row), "", "| | mean | from | to |", "|---|---|---|---|"]
        for name in (*scoring(self.summary.task).scores, "train_seconds", "predict_ms"):
            cells = [row[name][end] for end in ("mean", "lo", "hi")]
            lines.append(f"| {name} | " + " | ".join("" if c is None else f"{c:.4g}" for c in cells) + " |")
        lines += [
            "",
            f"Model of seed {self.best}, the best on validation: [{model}]({link}).",
        ]
        return "\n".join(lines)
