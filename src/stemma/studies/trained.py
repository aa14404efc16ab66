"""The experiments of a study as it reads them: settings, scores a seed, histories, and the networks themselves."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from stemma.data.store import Split, load_spec, load_split
from stemma.errors import unknown
from stemma.runs import RunFiles, Summary


@dataclass(frozen=True)
class Trained:
    """One experiment, trained and evaluated.

    Attributes:
        files: its run files.
        prepared: the folder of the prepared set that it was trained on.
    """

    files: RunFiles
    prepared: Path

    @cached_property
    def summary(self) -> Summary:
        return self.files.summary()

    @property
    def key(self) -> str:
        return self.files.experiment

    @property
    def settings(self) -> dict[str, Any]:
        """The whole experiment as resolved from params.yaml: `optimizer`, `parameters`, ..."""
        return self.summary.settings

    @property
    def seeds(self) -> list[int]:
        return self.files.seeds()

    @property
    def parameters(self) -> int:
        """Trained numbers of the network."""
        return next(iter(self.summary.seeds.values())).parameters

    def test(self, score: str = "accuracy") -> np.ndarray:
        """A test score `[S]`, a value a seed."""
        return np.array([self.files.read(f"test/seed{seed}.json")[score] for seed in self.seeds])

    def seconds(self) -> np.ndarray:
        """Training seconds `[S]`, validation included."""
        found = self.files.read("train_time.json")
        return np.array([found[f"seed{seed}"] for seed in self.seeds])

    def epoch_seconds(self) -> np.ndarray:
        """Seconds from the start to the end of each epoch of the final phase `[S, E]`; NaN as in `history`."""
        found = self.files.read("train_epochs_time.json")
        epochs = self.history("epoch")
        filled = np.full_like(epochs, np.nan)
        for place, seed in enumerate(self.seeds):
            count = int((~np.isnan(epochs[place])).sum())
            filled[place, :count] = found[f"seed{seed}"][-count:]
        return filled

    def accuracy(self, split: str) -> np.ndarray:
        """Accuracy on `split` of the networks that training chose, in evaluation mode, `[S]`."""
        examples = self.examples(split)
        probabilities = [self.model(seed).predict(examples.x, examples.lengths, examples.texts) for seed in self.seeds]
        return np.array([(found.argmax(axis=1) == examples.y).mean() for found in probabilities])

    def history(self, column: str) -> np.ndarray:
        """`column` of the history files `[S, E]` of the final phase; NaN after the epoch that a seed stopped at.

        Raises:
            StemmaError: there is no such column.
        """
        frames = [self.files.history(seed) for seed in self.seeds]
        if column not in frames[0]:
            raise unknown(f"history of '{self.key}'", column, frames[0].columns)
        rows = [frame[frame["phase"] == frame["phase"].iloc[-1]][column].to_numpy(float) for frame in frames]
        filled = np.full((len(rows), max(map(len, rows))), np.nan)
        for place, row in enumerate(rows):
            filled[place, : len(row)] = row
        return filled

    def examples(self, split: str) -> Split:
        return load_split(self.prepared, split)

    def model(self, seed: int) -> Any:
        """The network that training chose: that of the best epoch."""
        from stemma import families

        return families.load(self.files.model_folder(seed))

    def start(self, seed: int) -> Any:
        """The same network before its first step, for data without word vectors."""
        import torch

        from stemma import families

        torch.manual_seed(seed)
        spec = load_spec(self.prepared).asked(self.settings.get("task")).to_dict()
        return families.build(self.summary.architecture, spec, self.settings["parameters"]).eval()


def tries(experiments: Mapping[str, Trained]) -> dict[str, list[Trained]]:
    """Experiments by what they try: `adam-a`, `adam-b`, ... under `adam`; a key without such a letter stands alone."""
    found: dict[str, list[Trained]] = {}
    for key, trained in experiments.items():
        head, _, letter = key.rpartition("-")
        found.setdefault(head if head and len(letter) == 1 and letter.isalpha() else key, []).append(trained)
    return found


def by_validation(tried: Sequence[Trained], by: Literal["loss", "accuracy"] = "loss") -> Trained:
    """The one of least validation loss or highest validation accuracy, mean over the seeds; the first of equal ones."""

    def rank(trained: Trained) -> float:
        seeds = trained.summary.seeds.values()
        return float(np.mean([row.val_loss if by == "loss" else -row.val_score for row in seeds]))

    return min(tried, key=rank)


def load(keys: Iterable[str], root: Path, prepared: Path) -> dict[str, Trained]:
    """The experiments `keys` below `root`, of the slots below `prepared`.

    Raises:
        StemmaError: run files are missing.
    """
    found = {}
    for key in keys:
        files = RunFiles(key, root)
        found[key] = Trained(files, prepared / files.summary().slot)
    return found
