"""What Stemma adds to Lightning's loop: history, the best epoch's weights, randomness that needs no restoring."""

import logging
import math
import sys
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, Checkpoint, EarlyStopping, TQDMProgressBar

from stemma.errors import TrainingFailed

log = logging.getLogger(__name__)
Row = dict[str, Any]


class SeedSteps(Callback):
    """Seeds torch by (seed, phase, global step, rank) before each training step.

    Dropout and sampling then depend on where training is, not on how it came there.
    """

    def __init__(self, seed: int, phase: int) -> None:
        self.seed, self.phase = seed, phase

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        place = [self.seed, self.phase, trainer.global_step, trainer.global_rank]
        torch.manual_seed(int(np.random.SeedSequence(place).generate_state(1, np.uint64)[0] >> 1))


class Epochs(Checkpoint):
    """A row of history an epoch; keeps the best epoch's weights and puts them back at the end.

    It is a `Checkpoint` because those run after the module has logged its epoch.

    Args:
        label: begins each line of the log.
        phase: name written into each row.
        rows: the history that rows are added to.
        monitor: `val_loss` or `val_rmse` (least is best), `val_accuracy` (most), or None: the last epoch stands.
    """

    def __init__(self, label: str, phase: str, rows: list[Row], monitor: str | None) -> None:
        self.label, self.phase, self.rows, self.monitor = label, phase, rows, monitor
        self.best: Row = {}
        self._weights: dict[str, torch.Tensor] = {}

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
        if not self.best or not self.monitor:
            return True
        sign = 1 if self.monitor == "val_accuracy" else -1
        return sign * row[self.monitor] > sign * self.best[self.monitor]

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.monitor:
            pl_module.load_state_dict(self._weights)


def early_stopping(monitor: str, patience: int) -> EarlyStopping:
    """Lightning's early stopping; that losses are finite is `Epochs`' business."""
    mode = "max" if monitor == "val_accuracy" else "min"
    return EarlyStopping(monitor, patience=patience, mode=mode, check_finite=False)


def progress_bar(place: int) -> list[Callback]:
    """A bar on a terminal, in line `place` of those of seeds side by side; none elsewhere: `Epochs` logs lines."""
    return [TQDMProgressBar(refresh_rate=20, process_position=place)] if sys.stderr.isatty() else []


def _line(values: dict[str, float]) -> str:
    return " ".join(f"{name}={value:.4g}" for name, value in sorted(values.items()))
