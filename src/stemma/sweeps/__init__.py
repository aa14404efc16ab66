"""Sweeps: values of an experiment's keys tried one trial after the other, judged on validation; the test split stays
closed. Torch-free until a trial trains.

A trial is an ordinary training (`stemma.training.train`) that is watched; what is over lies in `SweepFiles`.
"""

from collections.abc import Callable
from hashlib import sha256
from json import dumps
from pathlib import Path

from stemma import training
from stemma.config import Experiment
from stemma.config.sweep import Sweep, changed
from stemma.errors import StemmaError
from stemma.files import write_text
from stemma.runs import RunFiles
from stemma.scores import scoring
from stemma.sweeps.record import ROOT, About, SweepFiles, counted

LOSS = ("loss", "label_smoothing", "delta", "class_weights")
"""Keys that change what a loss means, so that losses of two values cannot be compared."""
HOW = {"sampler", "pruner", "startup", "warmup", "seed"}


def run(
    path: Path,
    sweep: Sweep,
    params: Path,
    prepared: Path,
    done: Callable[[SweepFiles], None] = lambda files: None,
    root: Path = ROOT,
) -> dict[str, float]:
    """Run what is left of the sweep in file `path`, going on where an earlier start ended; the importance of each key.

    Args:
        prepared: folder of all prepared slots.
        done: called after each trial.
        root: folder of all sweeps.

    Raises:
        StemmaError: the sweep has changed since its first trial, what it starts from was not trained, another process
            runs it, or the disk is full.
    """
    from stemma.sweeps.search import Search

    files = SweepFiles(path.stem, root)
    experiment = changed(sweep, {}, params)
    about = _about(files.name, path, sweep, experiment, prepared / experiment.dataset)
    with files.alone():
        _check_same(files, about)
        files.write_about(about)
        write_text(files.params, params.read_text(encoding="utf-8"))
        return Search(files, about, sweep, files.params, prepared / experiment.dataset).run(done)


def _about(name: str, path: Path, sweep: Sweep, experiment: Experiment, prepared: Path) -> About:
    if not (prepared / "spec.json").is_file():
        raise StemmaError(f"{prepared}: missing; run `dvc repro preprocess@{prepared.name}`")
    if start := getattr(experiment, "start", None):
        RunFiles(start.experiment).summary()  # that it was trained
    info = vars(training.describe(sweep.experiment, experiment, prepared))
    objective, higher = objective_of(sweep, experiment, info["task"], path)
    space = {key: where.model_dump(mode="json", exclude_unset=True) for key, where in sweep.space.items()}
    depends = [info["settings"], info["digest"], space, objective, sweep.model_dump(include=HOW)]
    digest = sha256(dumps(depends, sort_keys=True).encode()).hexdigest()
    return About(name, sweep.trials, objective, higher, space, info, digest)


def objective_of(sweep: Sweep, experiment: Experiment, task: str, path: Path) -> tuple[str, bool]:
    """What trials are judged by, as history calls it, and whether more of it is better.

    Raises:
        StemmaError: it is not measured on data of this task, or the space changes what it means.
    """
    judged = scoring(task)
    known = {"val_loss": False, f"val_{judged.primary}": judged.score.higher}
    objective = sweep.objective or experiment.monitor or "val_loss"
    if objective not in known:
        raise StemmaError(f"{path}: objective: '{objective}' is not measured here; allowed: {', '.join(known)}")
    bent = [key for key in sweep.space if key in LOSS]
    if objective == "val_loss" and bent:
        raise StemmaError(f"{path}: space.{bent[0]}: changes what val_loss means; set objective: {list(known)[1]}")
    return objective, known[objective]


def _check_same(files: SweepFiles, about: About) -> None:
    """Refuse to put trials beside each other that cannot be compared."""
    before = files.about()
    if before is not None and before.digest != about.digest:
        raise StemmaError(
            f"{files.folder}: holds {counted(files.trials())} of another space, experiment or data; "
            "rename the sweep's file, or delete the folder"
        )
