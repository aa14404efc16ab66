"""What Stemma adds to Lightning's loop: history, the best epoch's weights, randomness that needs no restoring."""

import logging
import math
import sys
from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, Checkpoint, EarlyStopping, TQDMProgressBar

from stemma.errors import TrainingFailed
from stemma.nn.averaging import WeightAverage, normalisations, renew_statistics
from stemma.scores import SCORING

log = logging.getLogger(__name__)
Row = dict[str, Any]
RISING = {f"val_{judged.primary}" for judged in SCORING.values() if judged.score.higher}
"""Scores of which most is best."""


class SeedSteps(Callback):
    """Seeds torch by (seed, phase, batches so far, rank) before each training step, and before each epoch.

    Dropout and sampling then depend on where training is, not on how it came there; so does augmentation, which comes
    before its step.
    """

    def __init__(self, seed: int, phase: int) -> None:
        self.seed, self.phase = seed, phase

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        _seed(_mixed(self.seed, self.phase, trainer.current_epoch, trainer.global_rank, 1), pl_module.device)

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        _seed(_mixed(self.seed, self.phase, trainer.fit_loop.total_batch_idx, trainer.global_rank), pl_module.device)


def seed_phase(seed: int, phase: int) -> None:
    """Seed all generators alike on all devices, after `phase`: what follows does not depend on what that one drew."""
    pl.seed_everything(_mixed(seed, phase, 0, 0, 2) % 2**32, verbose=False)


def _mixed(*place: int) -> int:
    """A seed of 63 bits that is another for each place."""
    return int(np.random.SeedSequence(place).generate_state(1, np.uint64)[0] >> 1)


def _seed(seed: int, device: torch.device) -> None:
    """As `torch.manual_seed`, of the CPU and `device` alone.

    That one notes a stack trace for each kind of device that has not been used: a millisecond a step.
    """
    torch.default_generator.manual_seed(seed)
    if device.type != "cpu":
        torch.get_device_module(device).manual_seed(seed)


class Average(Callback):
    """Judges and keeps each epoch with an average of the weights, and trains on without it.

    It goes in at the end of an epoch's last step, before Lightning validates, and out when the next epoch begins;
    after the last one it stays. Devices that share a batch have the same weights, so each averages by itself.
    Batch normalisation's statistics: ema averages them with the weights, swa takes them anew from train.

    Args:
        kind, decay: see `WeightAverage`; ema takes the weights in each step, swa once an epoch.
        first: epoch (from 1) in which swa begins.
    """

    average: WeightAverage

    def __init__(self, kind: str, decay: float, first: int) -> None:
        self.kind, self.decay, self.first, self._inside = kind, decay, first, False
        self._found: Row = {}

    def state_dict(self) -> Row:
        return {"inside": self._inside, "updates": self.average.updates, "average": self.average.average}

    def load_state_dict(self, state_dict: Row) -> None:
        self._found = state_dict

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.average = WeightAverage(pl_module, self.kind, self.decay)
        if self._found:
            self._inside, self.average.updates = self._found["inside"], self._found["updates"]
            for value, found in zip(self.average.average, self._found["average"], strict=True):
                value.copy_(found)

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self._inside:
            self.average.swap()
            self._inside = False

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        late = trainer.is_last_batch and trainer.current_epoch + 1 >= self.first
        stepped = (batch_idx + 1) % trainer.accumulate_grad_batches == 0
        if late or (self.kind == "ema" and stepped):
            self.average.update()
        if trainer.is_last_batch and self.average.updates:
            self.average.swap()
            self._inside = True
            self._settle(trainer, pl_module)

    def _settle(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The statistics that go with the averaged weights, the same on all devices."""
        layers = [layer for layer in normalisations(pl_module) if layer.training]
        if layers and self.kind == "swa":
            with trainer.precision_plugin.forward_context():
                renew_statistics(layers, _train_batches(trainer), lambda batch: pl_module(batch.x, batch.lengths))
        for value in (value for layer in layers for value in (layer.running_mean, layer.running_var)):
            assert value is not None
            value.copy_(trainer.strategy.reduce(value, reduce_op="mean"))


def _train_batches(trainer: Any) -> Iterator[Any]:
    """This epoch's training batches once more, augmented anew."""
    for batch in islice(trainer.train_dataloader or [], int(trainer.num_training_batches)):
        yield trainer.datamodule.on_after_batch_transfer(batch, 0)


class Epochs(Checkpoint):
    """A row of history an epoch; keeps the best epoch's weights and puts them back at the end.

    It is a `Checkpoint` because those run after the module has logged its epoch.

    Args:
        label: begins each line of the log.
        phase: name written into each row.
        rows: the history that rows are added to.
        monitor: `val_loss` or a score such as `val_rmse` (least is best), one of `RISING` (most), or None: the last
            epoch stands.
        first: the earliest epoch (from 1) to choose, if it is reached.
    """

    def __init__(self, label: str, phase: str, rows: list[Row], monitor: str | None, first: int = 1) -> None:
        self.label, self.phase, self.rows, self.monitor, self.first = label, phase, rows, monitor, first
        self.best: Row = {}
        self._weights: dict[str, torch.Tensor] = {}

    def state_dict(self) -> Row:
        return {"best": self.best, "weights": self._weights}

    def load_state_dict(self, state_dict: Row) -> None:
        self.best, self._weights = state_dict["best"], state_dict["weights"]

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        values = {name: round(float(value), 6) for name, value in trainer.callback_metrics.items()}
        row = {"phase": self.phase, "epoch": trainer.current_epoch + 1, **values}
        self.rows.append(row)
        log.info("%s: %s %d/%s %s", self.label, self.phase, row["epoch"], trainer.max_epochs, _line(values))
        bad = [name for name, value in values.items() if not math.isfinite(value)]
        if bad:
            raise TrainingFailed(
                f"{self.label}: {', '.join(bad)} is not finite in epoch {row['epoch']} of phase '{self.phase}'; "
                "lower learning_rate or set gradient_clip_val"
            )
        if self._is_best(row):
            self.best = row
            if self.monitor:
                self._weights = {name: value.detach().clone() for name, value in pl_module.state_dict().items()}

    def _is_best(self, row: Row) -> bool:
        if not self.best or not self.monitor or self.best["epoch"] < self.first:
            return True
        sign = 1 if self.monitor in RISING else -1
        return sign * row[self.monitor] > sign * self.best[self.monitor]

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.monitor:
            pl_module.load_state_dict(self._weights)


def averaging(settings: Any, epochs: int) -> Average | None:
    """The average of weights that `settings` ask for; `epochs` are those of a whole training, for swa's start."""
    if settings.weight_average == "none":
        return None
    first = int(settings.average_from * epochs) + 1 if settings.weight_average == "swa" else 1
    return Average(settings.weight_average, settings.average_decay, first)


def early_stopping(monitor: str, patience: int) -> EarlyStopping:
    """Lightning's early stopping; that losses are finite is `Epochs`' business."""
    mode = "max" if monitor in RISING else "min"
    return EarlyStopping(monitor, patience=patience, mode=mode, check_finite=False)


def progress_bar(place: int) -> list[Callback]:
    """A bar on a terminal, in line `place` of those of seeds side by side; none elsewhere: `Epochs` logs lines."""
    return [TQDMProgressBar(refresh_rate=20, process_position=place)] if sys.stderr.isatty() else []


def _line(values: dict[str, float]) -> str:
    return " ".join(f"{name}={value:.4g}" for name, value in sorted(values.items()))
