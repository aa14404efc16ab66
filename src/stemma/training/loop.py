"""The one training loop: one seed of an experiment through the phases that its model declares."""

import logging
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.exceptions import MisconfigurationException

from stemma import families
from stemma.data.store import Split, load_split, load_unlabelled, load_vectors, load_vocabulary
from stemma.errors import StemmaError, TrainingFailed
from stemma.families.catalog import entry
from stemma.families.phase import Phase
from stemma.families.start import frozen_epochs, take_over, thawing
from stemma.files import read_json, write_json
from stemma.nn.judging import answers
from stemma.nn.names import OPTIMIZERS
from stemma.runs import RunFiles, SeedSummary
from stemma.scores import cross_entropy, scoring
from stemma.training import spec_of
from stemma.training.callbacks import Epochs, Row, SeedSteps, averaging, early_stopping, progress_bar
from stemma.training.datamodule import ArrayData, joined, to_batch
from stemma.training.live import Live

if TYPE_CHECKING:
    from stemma.config import Experiment

logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
warnings.filterwarnings("ignore", ".*does not have many workers.*")
warnings.filterwarnings("ignore", ".*LeafSpec.*")


def runs_on_cpu(experiment: "Experiment") -> bool:
    """Whether one CPU process trains a seed, so that seeds may run side by side."""
    trainer = _trainer(experiment, 1, [])
    return trainer.strategy.root_device.type == "cpu" and trainer.world_size == 1


class History(list[Row]):
    """Rows of history, told to `live` at once; `seconds` from the start to when each was added.

    They stand beside the rows, not in them: equal trainings have equal histories.
    """

    def __init__(self, clock: Callable[[], float], live: Live) -> None:
        super().__init__()
        self.clock, self.started, self.seconds, self.live = clock, clock(), list[float](), live

    def append(self, row: Row) -> None:
        super().append(row)
        self.seconds.append(round(self.clock() - self.started, 4))
        self.live.tell(self)


def train_seed(
    runs: RunFiles, experiment: "Experiment", seed: int, prepared: Path
) -> tuple[SeedSummary, float, list[float]]:
    """Train one seed; write its history and model.

    Returns its summary, the seconds that training took, and those until the end of each row of history.

    Seconds are the process's own on a CPU, where seeds share the machine, and wall time otherwise.

    Raises:
        TrainingFailed: a loss was not finite; the error carries the history so far.
    """
    torch.set_float32_matmul_precision(experiment.matmul_precision)
    clock = time.process_time if runs_on_cpu(experiment) else time.perf_counter
    train, validation = load_split(prepared, "train"), load_split(prepared, "validation")
    live = Live(runs.live(seed))
    rows = History(clock, live)
    try:
        label, place = f"{runs.experiment} seed {seed}", experiment.seeds.index(seed)
        seed_run = SeedRun(label, experiment, seed, spec_of(experiment, prepared).to_dict(), place)
        seed_run.live = live
        seed_run.unlabelled, seed_run.vectors = load_unlabelled(prepared), load_vectors(prepared)
        start = getattr(experiment, "start", None)
        if start is not None:
            seed_run.start, seed_run.origin = start, RunFiles(start.experiment, runs.root).model_folder(seed)
            _check_vocabulary(seed_run.origin, prepared)
        model, best = seed_run.fit(train, validation, seed_run.epochs, rows)
        if experiment.refit:
            model, _ = seed_run.fit(train.joined(validation), None, best["epoch"], [])
    except TrainingFailed as error:
        error.seed, error.history = seed, rows
        raise
    seconds = clock() - rows.started
    runs.write_history(seed, rows)
    size = _save(model, runs.model_folder(seed), experiment, prepared)
    score = best[f"val_{scoring(model.spec.task).primary}"]
    return SeedSummary(best["epoch"], best["val_loss"], score, model.parameter_count(), size), seconds, rows.seconds


def _save(model: Any, folder: Path, experiment: "Experiment", prepared: Path) -> int:
    """Write the model with what it needs to encode raw texts or rows; return the folder's bytes."""
    families.save(model, folder, experiment.architecture, experiment.parameters)
    for name in ("vocabulary.json", "table.json"):
        if (prepared / name).is_file():
            write_json(folder / name, read_json(prepared / name))
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _check_vocabulary(origin: Path, prepared: Path) -> None:
    """Refuse a network that knows other words by the same ids."""
    theirs, ours = (load_vocabulary(folder) for folder in (origin, prepared))
    if theirs != ours:
        raise StemmaError(
            f"start.experiment: its vocabulary ({len(theirs or [])} tokens) is not that of {prepared} "
            f"({len(ours or [])}); start from an experiment of the same slot"
        )


class SeedRun:
    """One seed's training of one experiment on data of `spec`; `place` is its line among progress bars.

    Attributes:
        unlabelled: further training examples for the phases that look at no labels.
        vectors: word vectors float32 `[tokens, length]` to start from.
        start, origin: how to start from a trained network, and its model folder.
        live: is told which phase is the last.
    """

    unlabelled: Split | None = None
    vectors: np.ndarray | None = None
    start: Any = None
    origin: Path | None = None
    live: Live | None = None

    def __init__(self, label: str, experiment: "Experiment", seed: int, spec: dict[str, Any], place: int = 0) -> None:
        self.label, self.experiment, self.seed, self.spec, self.place = label, experiment, seed, spec, place

    @property
    def epochs(self) -> int:
        """Epochs that are left to the last phase."""
        return self.experiment.epochs - (frozen_epochs(self.start.freeze) if self.start else 0)

    def fit(self, train: Split, validation: Split | None, epochs: int, rows: list[Row]) -> tuple[Any, Row]:
        """A fresh model after all its phases, and the history row that it stands for.

        With `validation` None every phase runs its epochs to the end.
        """
        pl.seed_everything(self.seed, verbose=False)
        model, phases = self._made()
        if self.live:
            self.live.last = phases[-1].name
        best: Row = {}
        for number, phase in enumerate(phases):
            if phase.solve is not None:
                phase.solve(train)
                if number == len(phases) - 1:
                    best = {"phase": phase.name, "epoch": 1, **_scores(model, train, validation)}
                    rows.append(best)
            else:
                best = self._descend(model, number, phase, train, validation, epochs, rows)
        if validation is not None and f"val_{scoring(model.spec.task).primary}" not in best:
            best.update({**_scores(model, train, validation), **best})
        return model, best

    def _made(self) -> tuple[Any, list[Phase]]:
        """A fresh model, or one that starts from a trained network, and its phases."""
        architecture, parameters = self.experiment.architecture, self.experiment.parameters
        if entry(architecture).family == "baseline":
            model = families.build(architecture, self.spec, parameters, self.origin)
            return model, model.phases()
        model = families.build(architecture, self.spec, parameters)
        if self.origin is not None:
            take_over(model, families.load(self.origin), self.start.head)
            return model, thawing(model, self.start.freeze)
        if self.vectors is not None:
            model.use_vectors(self.vectors)
        return model, model.phases()

    def _descend(
        self,
        model: Any,
        number: int,
        phase: Phase,
        train: Split,
        validation: Split | None,
        epochs: int,
        rows: list[Row],
    ) -> Row:
        """Run a phase that learns by gradients; the row of its chosen epoch."""
        settings = self.experiment.model_copy(update=dict(phase.settings))
        monitor = settings.monitor if validation is not None and phase.epochs is None else None
        average = averaging(settings, self.epochs) if phase.epochs is None else None
        record = Epochs(self.label, phase.name, rows, monitor, average.first if average else 1)
        callbacks = [SeedSteps(self.seed, number), *([average] if average else []), record, *progress_bar(self.place)]
        if monitor and settings.patience:
            callbacks.append(early_stopping(monitor, settings.patience))
        trainer = _trainer(settings, phase.epochs or epochs, callbacks, validate=validation is not None)
        if trainer.world_size > 1 and OPTIMIZERS[settings.optimizer].searches:
            raise StemmaError(f"{self.label}: optimizer '{settings.optimizer}' takes one device; set devices: 1")
        device = trainer.strategy.root_device
        model.to(device)
        model.begin(phase, settings)
        data = self._data(phase, settings, train, validation, model.together).to(device)
        try:
            trainer.fit(model, datamodule=data.mapped(phase.inputs))
        except MisconfigurationException as error:
            raise StemmaError(f"{self.label}: {error}") from None
        if trainer.received_sigterm:
            sys.exit(143)
        return record.best

    def _data(
        self, phase: Phase, settings: "Experiment", train: Split, validation: Split | None, together: int
    ) -> ArrayData:
        """What a phase trains on; one that looks at no labels also gets the unlabelled examples."""
        examples = to_batch(train, settings.memory_gb)
        if not phase.labels and self.unlabelled is not None:
            examples = joined(examples, to_batch(self.unlabelled, settings.memory_gb))
        return ArrayData(
            examples,
            None if validation is None else to_batch(validation, settings.memory_gb),
            settings.batch_size * together,
            self.seed,
            settings.augment.shift if phase.inputs is None else 0,
            settings.augment.flip if phase.inputs is None else False,
            settings.bucket_by_length and phase.inputs is None,
        )


def _trainer(settings: "Experiment", epochs: int, callbacks: list[Any], validate: bool = True) -> pl.Trainer:
    """Lightning's trainer, or its own word on settings that this machine or these data do not allow."""
    try:
        return _make_trainer(settings, epochs, callbacks, validate)
    except MisconfigurationException as error:
        raise StemmaError(f"training settings: {error}") from None


def _make_trainer(settings: "Experiment", epochs: int, callbacks: list[Any], validate: bool) -> pl.Trainer:
    return pl.Trainer(
        max_epochs=epochs,
        callbacks=callbacks,
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


LOSS: dict[str, Callable[..., float]] = {
    "classify": lambda score, spec, labels, probabilities: cross_entropy(labels, probabilities),
    "regress": lambda score, spec, targets, values: (score / spec.target_std) ** 2,
}
"""(primary score, spec, targets, outputs) -> the loss of a model that was solved for; of other tasks it is the score,
less being better."""


def _scores(model: Any, train: Split, validation: Split | None) -> Row:
    """Loss and primary score of a model that was solved for, on both splits."""
    judged, spec, scores = scoring(model.spec.task), model.spec, Row()
    for stage, split in (("train", train), ("val", validation)):
        if split is not None:
            targets, outputs = answers(model, split)
            score = judged.score.of(targets, outputs)
            loss = LOSS[spec.task](score, spec, targets, outputs) if spec.task in LOSS else judged.key(score)
            scores |= {f"{stage}_loss": round(loss, 6), f"{stage}_{judged.primary}": round(score, 6)}
    return scores
