"""Trainings that are made up: a value that is known of each rate, without a network."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from stemma import sweeps, training
from stemma.config.sweep import load_sweep
from stemma.runs import RunFiles, SeedSummary
from stemma.sweeps.record import SweepFiles, Trial

EPOCHS = 4
RATE = {"low": 0.001, "high": 1.0, "log": True}
ENTRY = {"architecture": "mlp", "family": "mlp", "dataset": "grey", "epochs": EPOCHS, "parameters": {"hidden": [8]},
         "learning_rate": 0.9, "seeds": [3, 4], "accelerator": "cpu"}  # fmt: skip
Fake = Callable[..., None]


class Killed(BaseException):
    """What stands for a kill: nothing of ours handles it."""


def put_aside() -> None:
    """Let the next sweep begin anew."""
    Path("build/sweeps/rate").rename("build/sweeps/before")
    Path("build/sweeps/other").rename("build/sweeps/rate")


def loss(rate: float, epoch: int) -> float:
    """Least at a rate of 0.1, and less with every epoch."""
    return abs(rate - 0.1) + 1 / epoch


def made_up(trained: list[float], at: Callable[[float, int], None] = lambda rate, epoch: None) -> Fake:
    """What stands for `training.train`; `at` is called before each epoch."""

    def train(name: str, experiment: Any, prepared: Path, root: Path, watch: Callable[[], None]) -> None:
        trained.append(experiment.learning_rate)
        runs = RunFiles(name, root)
        for epoch in range(1, experiment.epochs + 1):
            at(experiment.learning_rate, epoch)
            for seed in experiment.seeds:
                runs.live(seed).parent.mkdir(parents=True, exist_ok=True)
                row = {"phase": "fit", "epoch": epoch, "val_loss": loss(experiment.learning_rate, epoch), "last": True}
                with runs.live(seed).open("a") as file:
                    file.write(json.dumps(row) + "\n")
            watch()
        summary = training.describe(name, experiment, prepared)
        scores = {
            f"seed{s}": SeedSummary(EPOCHS, loss(experiment.learning_rate, EPOCHS), 0.5, 9, 9) for s in experiment.seeds
        }
        runs.write_summary(summary.__class__(**{**vars(summary), "seeds": scores}))

    return train


def swept(monkeypatch: pytest.MonkeyPatch, train: Fake, space: Any = None, **more: Any) -> list[Trial]:
    """Run a sweep of the name `rate` with `train` for training; its trials."""
    Path("rate.yaml").write_text(yaml.safe_dump({"experiment": "x", "space": space or {"learning_rate": RATE}, **more}))
    monkeypatch.setattr(training, "train", train)
    params, path = Path("params.yaml"), Path("rate.yaml")
    sweeps.run(path, load_sweep(path, params), params, Path("data/prepared"))
    return SweepFiles("rate").trials()
