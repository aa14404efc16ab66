"""What the comparison reads of one experiment."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from stemma.errors import StemmaError
from stemma.runs import Root, RunFiles, Summary
from stemma.scores import Scoring, scoring


@dataclass(frozen=True)
class Result:
    """One experiment's test predictions and costs, a row a seed.

    Attributes:
        targets: labels int `[N]`, or values float `[N]`; of a task that an experiment asks for, see `stemma.scores`.
        outputs: float64: class probabilities `[S, N, K]`, whose rows sum to one, or values `[S, N]`, or what was kept
            of each example, `[S, N, C]`.
        examples: `[S, N]`, `Scoring.per_example`: bool, whether the answer is right, or a number such as the squared
            error.
        beside: numbers of each seed's model that the scores rest on, by name, `[S]` each.
        train_seconds: `[S]`.
        predict_ms: `[S]`, milliseconds to predict one example.
        robustness, corruption: `RunFiles.robustness`, `RunFiles.corruption`.
        alone_ms: `[S]`, milliseconds to predict one example by itself.
        peak_memory: bytes that the evaluating process held at most.
        facts: `test/facts.json`, of the data and the model.
        temperatures: `[S]`, fitted on validation; none for other tasks than `classify`.
    """

    summary: Summary
    seeds: list[int]
    targets: np.ndarray
    outputs: np.ndarray
    train_seconds: list[float]
    predict_ms: list[float]
    alone_ms: list[float]
    peak_memory: int
    facts: dict[str, Any]
    temperatures: list[float] = field(default_factory=list)
    robustness: dict[str, Any] | None = None
    corruption: dict[str, Any] | None = None
    beside: dict[str, list[float]] = field(default_factory=dict)

    @property
    def scoring(self) -> Scoring:
        return scoring(self.summary.task)

    @property
    def unit(self) -> str:
        """That of the first seed: all are given the same."""
        return self.scoring.unit(self.targets, self.outputs[0])

    @cached_property
    def examples(self) -> np.ndarray:
        return self.scoring.per_example(self.targets, self.outputs)

    @cached_property
    def contributions(self) -> np.ndarray:
        """`[S, N]`, `Scoring.contributions`."""
        return self.scoring.contributions(self.examples)

    def scores(self, name: str) -> list[float]:
        """A score of the task, a value a seed."""
        return [self.scoring.scores[name].of(self.targets, outputs) for outputs in self.outputs]

    def of_row(self, row: dict[str, float]) -> list[float]:
        """What a row of `robustness` or `corruption` holds, a value a seed."""
        return [row[f"seed{seed}"] for seed in self.seeds]

    def of_seeds(self, field: str) -> list[float]:
        """A field of `SeedSummary`, a value a seed."""
        return [float(getattr(self.summary.seeds[f"seed{seed}"], field)) for seed in self.seeds]


def load(experiment: str, root: Root) -> Result:
    """Read the run files of `experiment` below `root`.

    Raises:
        StemmaError: a file is missing or of another version, a prediction is not finite, or seeds were tested on
            different examples.
    """
    runs = RunFiles(experiment, root)
    summary, seeds = runs.summary(), runs.seeds()
    judged = scoring(summary.task)
    predictions = [runs.predictions(seed) for seed in seeds]
    targets = predictions[0][0]
    for seed, (others, outputs) in zip(seeds, predictions, strict=True):
        _check(experiment, seed, np.array_equal(others, targets), outputs, summary)
    stacked = np.stack([outputs for _, outputs in predictions]).astype(np.float64)
    train, predict = runs.read("train_time.json"), runs.read("test_time.json")
    alone, peak = (_of(runs, "test_time.json", predict, name) for name in ("alone", "peak_memory"))
    named = (*judged.beside_model, *(["temperature"] if summary.classes else []))
    tests = {f"test/seed{seed}.json": runs.read(f"test/seed{seed}.json") for seed in seeds} if named else {}
    beside = {name: [float(_of(runs, file, values, name)) for file, values in tests.items()] for name in named}
    return Result(
        summary=summary,
        seeds=seeds,
        targets=targets,
        outputs=stacked / stacked.sum(axis=2, keepdims=True) if summary.classes else stacked,
        train_seconds=[float(train[f"seed{seed}"]) for seed in seeds],
        predict_ms=[1000 * float(predict[f"seed{seed}"]) for seed in seeds],
        alone_ms=[1000 * float(alone[f"seed{seed}"]) for seed in seeds],
        peak_memory=int(peak),
        facts=runs.read("test/facts.json"),
        temperatures=beside.pop("temperature", []),
        robustness=runs.robustness(),
        corruption=runs.corruption(),
        beside=beside,
    )


def _of(runs: RunFiles, file: str, values: dict[str, Any], name: str) -> Any:
    if name not in values:
        where = f"{runs.folder / file}: '{name}' is missing, another version wrote it"
        raise StemmaError(f"{where}; run `dvc repro` to evaluate it again")
    return values[name]


def _check(experiment: str, seed: int, same_targets: bool, outputs: np.ndarray, summary: Summary) -> None:
    where, classes = f"experiment '{experiment}', seed {seed}", len(summary.classes)
    kept = len(scoring(summary.task).columns)
    if not same_targets:
        raise StemmaError(f"{where}: its test labels differ from those of the first seed; evaluate it again")
    told = outputs.shape[1] if outputs.ndim == 2 else 0
    if told != (kept or classes):
        named = (
            f"{told} numbers kept of an example, expected {kept}"
            if kept
            else f"{told} probabilities an example, {classes} classes"
        )
        raise StemmaError(f"{where}: {named}")
    if not np.isfinite(outputs).all() or (classes and not (outputs.sum(axis=1) > 0).all()):
        raise StemmaError(f"{where}: test predictions are not finite; train it again")
