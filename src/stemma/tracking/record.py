"""One experiment and its seeds written into the store: a parent run with a child run a seed."""

import json
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from mlflow.entities import Dataset, DatasetInput, InputTag, LoggedModelOutput, Metric, Param, Run, RunTag
from PIL import Image

from stemma.files import read_json
from stemma.runs import RunFiles
from stemma.scores import scoring
from stemma.tracking import describe, figures
from stemma.tracking.begun import Begun, points
from stemma.tracking.tasks import TOLD

if TYPE_CHECKING:
    from mlflow import MlflowClient

Predictions = tuple[np.ndarray, np.ndarray]
"""What `RunFiles.predictions` gives of a seed."""
METRICS_A_CALL = 500
FILES_A_PICTURE = 2
"""Files that `log_image` writes: the picture and a smaller copy for the UI."""
DIGEST_LENGTH = 36
"""Characters that the store keeps of a dataset's digest."""
NEEDED = ("train/summary.json", "train_time.json", "test_time.json", "metrics.json")
"""Run files that, with the predictions, let a later promotion compare with this experiment."""


class Recorder:
    """Writes one experiment; into runs that were `begun` what they lack.

    `row` is its row of the comparison, `scratch` an empty folder for pictures.
    """

    def __init__(
        self,
        client: "MlflowClient",
        into: str,
        runs: RunFiles,
        row: dict[str, Any],
        log_model: Any,
        scratch: Path,
        begun: Begun,
    ) -> None:
        self.client, self.into, self.runs, self.row = client, into, runs, row
        self.log_model, self.scratch, self.begun = log_model, scratch, begun
        self.now = int(time.time() * 1000)
        self.summary = runs.summary()
        self.best = self.summary.best_seed(scoring(self.summary.task).key)
        self.dataset = self._dataset()

    def record(self, key: str) -> None:
        """The parent, its children, and last the parent's end, which tells that all is there."""
        tags = {**describe.tags(vars(self.summary), "aggregate", "evaluate"), "key": key, "best_seed": str(self.best)}
        begun, seconds = self.begun.parent, sum(self.row["train_seconds"]["values"])
        parent = self._start(self.runs.experiment, tags, seconds, begun)
        self._write(parent, describe.parameters(vars(self.summary), "aggregate"))
        self._log(parent, [(name, 0, value) for name, value in describe.aggregates(self.row).items()], "", begun)
        predictions = {seed: self.runs.predictions(seed) for seed in self.runs.seeds()}
        models = {seed: self._child(parent, key, seed) for seed in predictions}
        self._figures(parent, predictions)
        self._pictures(parent)
        self._run_files(parent)
        if begun is None or not begun.outputs or not begun.outputs.model_outputs:
            self.client.log_outputs(parent, [LoggedModelOutput(models[self.best], step=0)])
        self.client.set_tag(parent, "model_id", models[self.best])
        self.client.set_tag(parent, "mlflow.note.content", self._note(models[self.best]))
        self.client.set_logged_model_tags(models[self.best], {"mlflow.note.content": self._model_note(parent)})
        self.client.set_terminated(parent, end_time=self._end(begun, seconds))

    def _child(self, parent: str, key: str, seed: int) -> str:
        """The run of one seed; returns the id of its logged model, which only the best seed has."""
        own = {"mlflow.parentRunId": parent, "seed": str(seed), "key": f"{key}-{seed}"}
        once, primary = describe.seed_metrics(self.row, seed), self.row["primary"]
        score, begun = scoring(self.summary.task).score, self.begun.children.get(seed)
        tags = {**describe.tags(vars(self.summary), "seed", "evaluate"), **own}
        run = self._start(f"{self.runs.experiment}-seed{seed}", tags, once["train_s"], begun)
        model = self._model(run, seed) if seed == self.best else ""
        self._write(run, {**describe.parameters(vars(self.summary), "seed"), "seed": str(seed)})
        chosen = describe.chosen(self.summary.seeds[f"seed{seed}"], primary)
        points = [(name, 0, value) for name, value in (once | chosen).items()]
        points += describe.perturbed(self.row, seed)
        self._log(run, [*describe.curves(self.runs.history(seed)), *points], model, begun)
        self.client.set_tag(
            run,
            "mlflow.note.content",
            f"Seed {seed} of {self.runs.experiment}, test {score.noun} {score.shown(once[f'test/{primary}'])}.",
        )
        self.client.set_terminated(run, end_time=self._end(begun, once["train_s"]))
        return model

    def _start(self, name: str, tags: dict[str, str], seconds: float, begun: Run | None) -> str:
        """The run that was begun, or a new one that began `seconds` ago: the UI's duration is what training took."""
        if begun is None:
            start = self.now - int(seconds * 1000)
            run = str(self.client.create_run(self.into, start_time=start, tags=tags, run_name=name).info.run_id)
        else:
            run = begun.info.run_id
            self.client.update_run(run, status="RUNNING")
            self.client.log_batch(run, tags=[RunTag(key, value) for key, value in tags.items()])
        if begun is None or not begun.inputs or not begun.inputs.dataset_inputs:
            self.client.log_inputs(run, [self.dataset])
        return run

    def _end(self, begun: Run | None, seconds: float) -> int:
        return begun.info.start_time + int(seconds * 1000) if begun else self.now

    def _model(self, run: str, seed: int) -> str:
        """The logged model of a run; one that was not stored whole is made anew."""
        stored = ""
        for model in self.client.search_logged_models([self.into], f"source_run_id = '{run}'"):
            if model.status == "READY" and not stored:
                stored = model.model_id
            else:
                self.client.delete_logged_model(model.model_id)
        return stored or str(self.log_model(run, self.runs.model_folder(seed)))

    def _write(self, run: str, parameters: dict[str, str]) -> None:
        self.client.log_batch(run, params=[Param(name, value) for name, value in parameters.items()])

    def _log(self, run: str, values: Iterable[tuple[str, int, float]], model: str, begun: Run | None) -> None:
        """Points of a run, linked to the dataset and, where there is one, the logged model.

        A point that is there keeps its value and time, by which the store knows it and writes it to the model alone.
        """
        values, data = list(values), self.dataset.dataset
        there = points(self.client, begun, {name for name, _, _ in values}) if begun else {}
        metrics = []
        for name, step, value in values:
            old = there.get((name, step))
            if model or old is None:
                value, at = (old.value, old.timestamp) if old else (value, self.now)
                metrics.append(Metric(name, value, at, step, model or None, data.name, data.digest, run))
        for start in range(0, len(metrics), METRICS_A_CALL):
            self.client.log_batch(run, metrics=metrics[start : start + METRICS_A_CALL])

    def _figures(self, parent: str, predictions: dict[int, Predictions]) -> None:
        """Where the seeds err and their learning curves, under the same paths in every experiment of a task.

        A seed has none of its own: the UI draws its curves, and to draw 2 pictures a seed takes most of the time.
        """
        folder = self.scratch / parent
        folder.mkdir()
        targets, outputs = (np.concatenate(parts) for parts in zip(*predictions.values(), strict=True))
        task = self.summary.task
        figures.ERRORS.get(task, figures.by_example)(targets, outputs, self.summary, folder / f"{TOLD[task].card}.png")
        histories = {f"seed{seed}": self.runs.history(seed) for seed in predictions}
        figures.learning_curves(histories, self.row["primary"], folder / "learning_curves.png")
        self.client.log_artifacts(parent, str(folder), "figures")

    def _pictures(self, parent: str) -> None:
        """Pictures as cards of the UI: where it errs, filters, samples, mistakes."""
        card = TOLD[self.summary.task].card
        pictures = {card: np.asarray(Image.open(self.scratch / parent / f"{card}.png").convert("RGB"))}
        if (self.runs.folder / "test" / "pictures.npz").is_file():
            pictures |= {name: figures.sheet(each) for name, each in self.runs.pictures().items() if len(each)}
        there = self._images(parent) if self.begun.parent else Counter()
        for name, picture in pictures.items():
            if there[name] < FILES_A_PICTURE:
                self.client.log_image(parent, picture, key=name, step=0)

    def _images(self, parent: str) -> Counter[str]:
        """Number of files of each picture that is stored."""
        return Counter(Path(item.path).name.partition("+")[0] for item in self.client.list_artifacts(parent, "images"))

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
