"""Lightning's trainer as the settings of an experiment ask for it."""

import os
from typing import TYPE_CHECKING, Any

import pytorch_lightning as pl
from lightning_fabric.plugins.environments import SLURMEnvironment, TorchElasticEnvironment
from pytorch_lightning.utilities.exceptions import MisconfigurationException

from stemma.errors import StemmaError
from stemma.training.bookmark import Atomic

if TYPE_CHECKING:
    from stemma.config import Experiment


def make_trainer(settings: "Experiment", epochs: int, callbacks: list[Any], validate: bool = True) -> pl.Trainer:
    """Lightning's trainer, or its own word on settings that this machine or these data do not allow."""
    try:
        trainer = _trainer(settings, epochs, callbacks, validate)
    except MisconfigurationException as error:
        raise StemmaError(f"training settings: {error}") from None
    _check(trainer, settings)
    return trainer


def _trainer(settings: "Experiment", epochs: int, callbacks: list[Any], validate: bool) -> pl.Trainer:
    return pl.Trainer(
        max_epochs=epochs,
        callbacks=callbacks,
        plugins=[Atomic(), *_environments()],
        accelerator=settings.accelerator,
        devices=list(settings.devices) if isinstance(settings.devices, tuple) else settings.local_devices,
        strategy=settings.strategy,
        num_nodes=settings.num_nodes,
        precision=settings.precision,
        accumulate_grad_batches=settings.accumulate_grad_batches,
        sync_batchnorm=settings.sync_batchnorm,
        gradient_clip_val=settings.gradient_clip_val,
        deterministic=settings.deterministic,
        fast_dev_run=settings.fast_dev_run,
        limit_train_batches=_limit(settings),
        limit_val_batches=settings.limit_val_batches if validate else 0,
        logger=False,
        enable_checkpointing=bool(callbacks),
        enable_progress_bar=any(isinstance(callback, pl.callbacks.ProgressBar) for callback in callbacks),
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        default_root_dir="logs",
    )


def _check(trainer: pl.Trainer, settings: "Experiment") -> None:
    """Refuse what Lightning would change in silence, or what does not fit what torchrun or srun started."""
    if trainer.precision != settings.precision:
        kind = trainer.strategy.root_device.type
        raise StemmaError(f"precision: '{settings.precision}' is not for {kind}; there: {trainer.precision}")
    asked, started = settings.local_devices * settings.num_nodes, _started()
    if started and started != asked:
        raise StemmaError(
            f"devices: {asked} in all (devices {settings.local_devices} x num_nodes {settings.num_nodes}), but "
            f"{started} processes were started; let torchrun or srun start one a device"
        )


def _started() -> int:
    """Processes that torchrun, or srun in one step, started for this training; 0 if neither did."""
    if TorchElasticEnvironment.detect():
        return int(os.environ["WORLD_SIZE"])
    return int(os.environ.get("SLURM_STEP_NUM_TASKS", 0)) if SLURMEnvironment.detect() else 0


def _environments() -> list[SLURMEnvironment]:
    """SLURM's without Lightning's own requeueing, which leaves a state that any later training would go on from."""
    slurm = SLURMEnvironment.detect() and not TorchElasticEnvironment.detect()
    try:
        return [SLURMEnvironment(auto_requeue=False)] if slurm else []
    except RuntimeError as error:
        raise StemmaError(f"SLURM: {error}") from None


def _limit(settings: "Experiment") -> int | float:
    """Of an epoch's parts of batches, so many whole batches, or a share of them."""
    limit = settings.limit_train_batches
    return limit * settings.accumulate_grad_batches if isinstance(limit, int) else limit
