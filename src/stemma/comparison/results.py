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
        robustness: `RunFiles.robustness`.
    """

    summary: Summary
    seeds: list[int]
    targets: np.ndarray
    outputs: np.ndarray
    train_seconds: list[float]
    predict_ms: list[float]
    robustness: dict[str, Any] | None = None
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

    def of_seeds(self, field: str) -> list[float]:
        """A field of `SeedSummary`, a value a seed."""
        return [float(getattr(self.summary.seeds[f"seed{seed}"], field)) for seed in self.seeds]


def load(experiment: str, root: Root) -> Result:
    """Read the run files of `experiment` below `root`.

    Raises:
        StemmaError: a file is missing, a prediction is not finite, or seeds were tested on different
            examples.
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
    tests = [runs.read(f"test/seed{seed}.json") for seed in seeds] if judged.beside_model else []
    return Result(
        summary=summary,
        seeds=seeds,
        targets=targets,
        outputs=stacked / stacked.sum(axis=2, keepdims=True) if summary.classes else stacked,
        train_seconds=[float(train[f"seed{seed}"]) for seed in seeds],
        predict_ms=[1000 * float(predict[f"seed{seed}"]) for seed in seeds],
        robustness=runs.robustness(),
        beside={name: [test[name] for test in tests] for name in judged.beside_model},
    )


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
