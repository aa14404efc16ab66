"""A made-up model of every task that an experiment may ask for, and its way from training to run files."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stemma import training
from stemma.config import Experiment
from stemma.evaluation import evaluate
from stemma.families.base import Model
from stemma.families.catalog.base import Count, Entry
from stemma.families.phase import Phase
from stemma.nn.inputs import Vector
from stemma.runs import RunFiles
from stemma.training import loop

TASKS = ("reconstruct", "density", "map", "recall")
SIDE = 4
"""Units of a side of the map."""


class MadeUp(Model):
    """Reconstructs through a linear code; each pixel has a probability of its own; a map of `SIDE`^2 training examples
    that lie as they came; and a memory of them that recalls the nearest.
    """

    def __init__(self, spec: dict[str, Any], code: int = 4) -> None:
        super().__init__(spec)
        self.encode = Vector(self.spec, words=50, standardise=False)
        size = self.encode.size
        self.down, self.up = nn.Linear(size, code), nn.Linear(code, size)
        self.register_buffer("kept", torch.zeros(SIDE**2, size))
        self.register_buffer("mean", torch.zeros(size))
        for name, value in (("log_z", 2.0), ("log_z_low", 1.75), ("log_z_high", 2.5)):
            self.register_buffer(name, torch.tensor(value))

    def phases(self) -> list[Phase]:
        return super().phases() if self.spec.task == "reconstruct" else [Phase("keep", solve=self.keep)]

    def keep(self, split: Any) -> None:
        v = self.encode(torch.as_tensor(np.array(split.x)))
        self.kept, self.mean = v[: SIDE**2].clone(), v.mean(0).clamp(0.01, 0.99)

    def targets(self, x: Tensor) -> Tensor:
        v = super().targets(x)
        return (v > 0.3).float() if self.spec.task == "recall" else v

    def reconstruct(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return self.up(self.codes(x))

    def codes(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return self.down(self.encode(x))

    def log_likelihood(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        v = self.encode(x)
        return -F.binary_cross_entropy(self.mean.expand_as(v), v, reduction="none").sum(1)

    def best_units(self, x: Tensor) -> tuple[Tensor, Tensor]:
        first, second = torch.cdist(self.encode(x), self.kept).topk(2, largest=False).indices.T
        return first, second

    def adjacent(self, first: Tensor, second: Tensor) -> Tensor:
        steps = (first // SIDE - second // SIDE).abs() + (first % SIDE - second % SIDE).abs()
        return steps == 1

    def quantisation(self, x: Tensor) -> Tensor:
        return torch.cdist(self.encode(x), self.kept).amin(1)

    def corrupt(self, x: Tensor, generator: torch.Generator) -> Tensor:
        states = self.targets(x)
        return (states - (torch.rand(states.shape, generator=generator) < 0.2).float()).abs()

    def recall(self, states: Tensor) -> Tensor:
        kept = (self.kept > 0.3).float()
        return kept[torch.cdist(states, kept).argmin(1)]

    def pictures(self) -> dict[str, np.ndarray]:
        return {"reconstructions": np.zeros((2, 8, 16, 1), np.uint8)} if self.spec.task == "reconstruct" else {}


ENTRY = Entry("dbn", ("image", "text", "table"), "made up", lambda: MadeUp, {"code": Count}, TASKS)


def settings(task: str, slot: str = "grey", **more: Any) -> Experiment:
    known = {"dataset": slot, "family": "dbn", "architecture": "made_up", "seeds": (0, 1), "epochs": 2}
    return Experiment(**{**known, "task": task, "accelerator": "cpu", "learning_rate": 0.01, **more})


def run(name: str, experiment: Experiment, prepared: Path, root: Path) -> RunFiles:
    """Train in this process, where the made-up architecture is known, and evaluate."""
    runs = RunFiles(name, root)
    summaries, seconds, epochs = {}, {}, {}
    for seed in experiment.seeds:
        label = f"seed{seed}"
        summaries[label], seconds[label], epochs[label] = loop.train_seed(runs, experiment, seed, prepared)
    runs.write_summary(replace(training.describe(name, experiment, prepared), seeds=summaries))
    runs.write("train_time.json", seconds)
    runs.write("train_epochs_time.json", epochs)
    evaluate(name, prepared, root, epsilons=(0.01,), perturbed=10)
    return runs
