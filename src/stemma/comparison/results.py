"""What the comparison reads of one experiment."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stemma.errors import StemmaError
from stemma.runs import RunFiles, Summary


@dataclass(frozen=True)
class Result:
    """One experiment's test predictions and costs, a row a seed.

    Attributes:
        labels: int `[N]`.
        probabilities: float64 `[S, N, K]`, rows sum to one.
        correct: bool `[S, N]`, whether the most probable class is the label.
        train_seconds: `[S]`.
        predict_ms: `[S]`, milliseconds to predict one example.
    """

    summary: Summary
    seeds: list[int]
    labels: np.ndarray
    probabilities: np.ndarray
    train_seconds: list[float]
    predict_ms: list[float]

    @property
    def correct(self) -> np.ndarray:
        return self.probabilities.argmax(axis=2) == self.labels

    def of_seeds(self, field: str) -> list[float]:
        """A field of `SeedSummary`, a value a seed."""
        return [float(getattr(self.summary.seeds[f"seed{seed}"], field)) for seed in self.seeds]


def load(experiment: str, root: Path) -> Result:
    """Read the run files of `experiment` below `root`.

    Raises:
        StemmaError: a file is missing, a probability is not finite, or seeds were tested on different
            examples.
    """
    runs = RunFiles(experiment, root)
    summary, seeds = runs.summary(), runs.seeds()
    predictions = [runs.predictions(seed) for seed in seeds]
    labels = predictions[0][0]
    for seed, (others, probabilities) in zip(seeds, predictions, strict=True):
        _check(experiment, seed, np.array_equal(others, labels), probabilities, len(summary.classes))
    stacked = np.stack([probabilities for _, probabilities in predictions]).astype(np.float64)
    train, predict = runs.read("train_time.json"), runs.read("test_time.json")
    return Result(
        summary=summary,
        seeds=seeds,
        labels=labels,
        probabilities=stacked / stacked.sum(axis=2, keepdims=True),
        train_seconds=[float(train[f"seed{seed}"]) for seed in seeds],
        predict_ms=[1000 * float(predict[f"seed{seed}"]) for seed in seeds],
    )


def _check(experiment: str, seed: int, same_labels: bool, probabilities: np.ndarray, classes: int) -> None:
    where = f"experiment '{experiment}', seed {seed}"
    if not same_labels:
        raise StemmaError(f"{where}: its test labels differ from those of the first seed; evaluate it again")
    if probabilities.shape[1] != classes:
        raise StemmaError(f"{where}: {probabilities.shape[1]} probabilities an example, {classes} classes")
    if not np.isfinite(probabilities).all() or not (probabilities.sum(axis=1) > 0).all():
        raise StemmaError(f"{where}: test probabilities are not finite; train it again")
