"""Lightning's trainer as the settings of an experiment ask for it."""

from typing import TYPE_CHECKING, Any

import pytorch_lightning as pl
from pytorch_lightning.utilities.exceptions import MisconfigurationException

from stemma.errors import StemmaError
from stemma.training.bookmark import Atomic

if TYPE_CHECKING:
    from stemma.config import Experiment


def make_trainer(settings: "Experiment", epochs: int, callbacks: list[Any], validate: bool = True) -> pl.Trainer:
    """Lightning's trainer, or its own word on settings that this machine or these data do not allow."""
    try:
        return _trainer(settings, epochs, callbacks, validate)
    except MisconfigurationException as error:
        raise StemmaError(f"training settings: {error}") from None


def _trainer(settings: "Experiment", epochs: int, callbacks: list[Any], validate: bool) -> pl.Trainer:
    return pl.Trainer(
        max_epochs=epochs,
        callbacks=callbacks,
        plugins=[Atomic()],
        accelerator=settings.accelerator,
        devices=list(settings.devices) if isinstance(settings.devices, tuple) else _devices(settings),
        strategy=settings.strategy,
        precision=settings.precision,
        gradient_clip_val=settings.gradient_clip_val,
        deterministic=settings.deterministic,
        fast_dev_run=settings.fast_dev_run,
        limit_train_batches=settings.limit_train_batches,
        limit_val_batches=settings.limit_val_batches if validate else 0,
        logger=False,
        enable_checkpointing=bool(callbacks),
        enable_progress_bar=any(isinstance(callback, pl.callbacks.ProgressBar) for callback in callbacks),
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        default_root_dir="logs",
    )


def _devices(settings: "Experiment") -> int | str:
    """`auto` is all GPUs, but one process on a CPU."""
    return 1 if settings.devices == "auto" and settings.accelerator == "cpu" else settings.devices  # type: ignore[return-value]
