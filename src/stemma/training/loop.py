"""The one training loop: one seed of an experiment through the phases that its model declares."""

import logging
import os
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
from torch import nn

from stemma import families
from stemma.data.store import Split, load_split, load_unlabelled, load_vectors, load_vocabulary
from stemma.errors import StemmaError, TrainingFailed
from stemma.families.catalog import entry
from stemma.families.phase import Phase
from stemma.families.start import frozen_epochs, take_over, thawing
from stemma.files import read_json, write_json
from stemma.garbage import collect_as_usual
from stemma.runs import RunFiles, SeedSummary
from stemma.scores import scoring
from stemma.threads import cores
from stemma.training import Result, checkpoints, spec_of
from stemma.training.bookmark import Bookmark, History, Marking, digest, first_device
from stemma.training.callbacks import Epochs, Row, SeedSteps, averaging, early_stopping, progress_bar, seed_phase
from stemma.training.datamodule import ArrayData, joined, to_batch
from stemma.training.live import Live
from stemma.training.products import float32_products
from stemma.training.solved import scores, solve
from stemma.training.trainer import make_trainer

if TYPE_CHECKING:
    from stemma.config import Experiment

log = logging.getLogger(__name__)
logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
warnings.filterwarnings("ignore", ".*does not have many workers.*")
warnings.filterwarnings("ignore", ".*LeafSpec.*")


def places(experiment: "Experiment") -> list[str]:
    """Where seeds may train side by side: a GPU each, by number or name, or a core each (empty names); nowhere where
    several devices share a seed.
    """
    kind, share = _devices(experiment)
    if share > 1:
        return []
    if kind == "cpu":
        return [""] * cores()
    if kind != "cuda" or isinstance(experiment.devices, tuple):
        return [""]
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return visible.split(",") if visible else [str(number) for number in range(torch.cuda.device_count())]


def _devices(experiment: "Experiment") -> tuple[str, int]:
    """Kind and number of the devices that train a seed."""
    trainer = make_trainer(experiment, 1, [])
    return trainer.strategy.root_device.type, trainer.world_size


def train_seed(
    runs: RunFiles, experiment: "Experiment", seed: int, prepared: Path, watch: Callable[[], None] | None = None
) -> Result:
    """Train one seed; write its history and model. It goes on where an earlier start of the same training was killed.

    Returns its summary, the seconds that training took, and those until the end of each row of history; None on all
    devices but the first, which writes.

    Seconds are the process's own on a CPU, where seeds share the machine, and wall time otherwise.

    Args:
        watch: called after each row of history; an error that it raises ends the training.

    Raises:
        TrainingFailed: a loss was not finite; the error carries the history so far.
    """
    collect_as_usual()
    kind, count = _devices(experiment)
    clock = time.process_time if (kind, count) == ("cpu", 1) else time.perf_counter
    with float32_products(experiment.matmul_precision, kind):
        return _train(runs, experiment, seed, prepared, watch, clock)


def _train(
    runs: RunFiles,
    experiment: "Experiment",
    seed: int,
    prepared: Path,
    watch: Callable[[], None] | None,
    clock: Callable[[], float],
) -> Result:
    train, validation = load_split(prepared, "train"), load_split(prepared, "validation")
    live = Live(runs.live(seed), watch)
    rows = History(clock, live)
    try:
        seed_run = _seed_run(runs, experiment, seed, prepared)
        seed_run.live = live
        mark = _bookmarks(runs, experiment, seed, seed_run)
        model, best = seed_run.fit(train, validation, seed_run.epochs, rows, mark("fit", rows))
        seconds = rows.elapsed
        if experiment.refit:
            again = History(clock)
            whole = train.joined(validation)
            model, _ = seed_run.fit(whole, None, best["epoch"], again, mark("refit", again))
            seconds += again.elapsed
    except TrainingFailed as error:
        error.seed, error.history = seed, rows
        raise
    if not first_device():
        return None
    runs.write_history(seed, rows)
    size = _save(model, runs.model_folder(seed), experiment, prepared)
    score = best[f"val_{scoring(model.spec.task).primary}"]
    return SeedSummary(best["epoch"], best["val_loss"], score, model.parameter_count(), size), seconds, rows.seconds


def _seed_run(runs: RunFiles, experiment: "Experiment", seed: int, prepared: Path) -> "SeedRun":
    label, place = f"{runs.experiment} seed {seed}", experiment.seeds.index(seed)
    seed_run = SeedRun(label, experiment, seed, spec_of(experiment, prepared).to_dict(), place)
    seed_run.unlabelled, seed_run.vectors = load_unlabelled(prepared), load_vectors(prepared)
    start = getattr(experiment, "start", None)
    if start is not None:
        seed_run.start, seed_run.origin = start, RunFiles(start.experiment, runs.root).model_folder(seed)
        _check_vocabulary(seed_run.origin, prepared)
    return seed_run


def _bookmarks(
    runs: RunFiles, experiment: "Experiment", seed: int, seed_run: "SeedRun"
) -> Callable[[str, History], Bookmark]:
    """Maker of the bookmark of a seed's fit by name."""

    def origin() -> str:
        described = [experiment.model_dump(mode="json"), seed_run.spec, _devices(experiment)]
        return digest(described, [seed_run.origin] if seed_run.origin else [])

    folder, every = checkpoints(runs), experiment.checkpoint_seconds
    return lambda name, rows: Bookmark(folder, f"seed{seed}.{name}", origin, every, rows)


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

    def fit(
        self,
        train: Split,
        validation: Split | None,
        epochs: int,
        rows: list[Row],
        bookmark: Bookmark | None = None,
    ) -> tuple[Any, Row]:
        """A fresh model after all its phases, and the history row that it stands for.

        With `validation` None every phase runs its epochs to the end. With a bookmark the fit goes on from there.
        """
        pl.seed_everything(self.seed, verbose=False)
        model, phases = self._made()
        self._check_batches(phases)
        if self.live:
            self.live.last = phases[-1].name
        mark = bookmark if isinstance(model, nn.Module) else None
        found = mark.found() if mark else None
        first, best = (0, Row()) if found is None else self._taken_up(model, found)
        for number, phase in list(enumerate(phases))[first:]:
            if phase.solve is not None:
                for best in solve(model, phase, number == len(phases) - 1, train, validation):
                    rows.append(best)
            else:
                within = mark.path if mark and found and number == first and "loops" in found else None
                best = self._descend(model, number, phase, train, validation, epochs, rows, mark, within)
            seed_phase(self.seed, number)
            if mark:
                mark.between(model, number + 1, best)
        if validation is not None and f"val_{scoring(model.spec.task).primary}" not in best:
            best.update({**scores(model, train, validation), **best})
        return model, best

    def _check_batches(self, phases: list[Phase]) -> None:
        """Refuse a phase's own batches that the devices cannot share evenly, before any phase runs."""
        for phase in phases:
            size = dict(phase.settings).get("batch_size", self.experiment.batch_size)
            if wrong := self.experiment.indivisible(size):
                raise StemmaError(f"{self.label}: batch size of phase '{phase.name}': {wrong}")

    def _taken_up(self, model: Any, found: dict[str, Any]) -> tuple[int, Row]:
        """Give the model the weights that a bookmark holds; the phase to go on with, and the row chosen so far."""
        model.load_state_dict(found["state_dict"])
        place = found["place"]
        log.info("%s: goes on after phase %d, epoch %d", self.label, place["ended"], found.get("epoch", -1) + 1)
        if place["ended"]:
            seed_phase(self.seed, place["ended"] - 1)
        return place["ended"], place["best"]

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
        mark: Bookmark | None,
        within: Path | None,
    ) -> Row:
        """Run a phase that learns by gradients, from the state `within` it if there is one; the row of its chosen
        epoch.
        """
        settings = self.experiment.model_copy(update=dict(phase.settings))
        monitor = settings.monitor if validation is not None and phase.epochs is None else None
        average = averaging(settings, self.epochs) if phase.epochs is None else None
        record = Epochs(self.label, phase.name, rows, monitor, average.first if average else 1)
        callbacks = [SeedSteps(self.seed, number), *([average] if average else []), record, *progress_bar(self.place)]
        if mark:
            callbacks.append(Marking(mark, number))
        if monitor and settings.patience:
            callbacks.append(early_stopping(monitor, settings.patience))
        trainer = make_trainer(settings, phase.epochs or epochs, callbacks, validate=validation is not None)
        device = trainer.strategy.root_device
        model.to(device)
        model.begin(phase, settings)
        data = self._data(phase, settings, train, validation, model.together).to(device)
        try:
            trainer.fit(model, datamodule=data.mapped(phase.inputs), ckpt_path=within, weights_only=True)
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
