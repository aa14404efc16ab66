"""The best trial of a sweep as an entry of params.yaml, for review."""

from pathlib import Path
from textwrap import wrap

import yaml

from stemma import config
from stemma.config.sweep import entry_with
from stemma.errors import StemmaError
from stemma.files import write_text
from stemma.sweeps.record import SweepFiles, Trial, best_of, counted

WIDTH = 110


def best_entry(files: SweepFiles, params: Path) -> str:
    """The entry, named after the sweep, below a comment that says what it was chosen from; also in `best.yaml`.

    Raises:
        StemmaError: no trial finished.
    """
    about, trials = files.about(), files.trials()
    assert about is not None
    best = best_of(trials, about.higher)
    if best is None:
        first = next((f"; the first: {trial.error}" for trial in trials if trial.error), "")
        raise StemmaError(f"{files.folder}: none of {counted(trials)} finished{first}")
    experiment = about.info["experiment"]
    now = config.load(params).experiment(experiment)
    entry = {**config.written(params, experiment), **entry_with(now, best.values), "tried": len(trials)}
    text = yaml.safe_dump({files.name: entry}, sort_keys=False, default_flow_style=None, width=1000)
    comment = "".join(f"# {line}\n" for line in wrap(_told(files, best, trials), WIDTH))
    write_text(files.folder / "best.yaml", comment + text)
    return comment + text


def _told(files: SweepFiles, best: Trial, trials: list[Trial]) -> str:
    about = files.about()
    assert about is not None
    before = next((trial for trial in trials if trial.as_it_stands and trial.value is not None), None)
    seeds = len(about.info["settings"]["seeds"])
    over = f"seed {about.info['settings']['seeds'][0]}" if seeds == 1 else f"{seeds} seeds"
    was = f"; the entry as it stood had {before.value:.4g}" if before else ""
    return (
        f"Trial {best.number} of the sweep {files.name} over {about.info['experiment']}, best of {counted(trials)}: "
        f"{about.objective} {best.value:.4g} on validation, {over}{was}. The best of many looks better than it is: "
        "the pipeline says what it scores."
    )
