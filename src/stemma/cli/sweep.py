"""`stemma sweep`: values of an experiment's keys tried on validation, as a file says."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from stemma.errors import StemmaError
from stemma.sweeps.record import About, SweepFiles, Trial, best_of, counted

File = Annotated[Path, typer.Argument(metavar="FILE", help="for example sweeps/mnist-lenet5-rate.yaml")]
Trials = Annotated[int | None, typer.Option(min=1, help="how many in all, instead of the file's number")]
Add = Annotated[bool, typer.Option("--add", help="append the best one to the parameter file, named after the sweep")]
Params = Annotated[Path, typer.Option("--params", help="The parameter file.")]
PARAMS, PREPARED = Path("params.yaml"), Path("data/prepared")


def register(app: typer.Typer) -> None:
    app.command()(sweep)


def sweep(file: File, trials: Trials = None, add: Add = False, params: Params = PARAMS) -> None:
    """Try values of an experiment's keys on validation; called again, it goes on where it was stopped."""
    from stemma import sweeps
    from stemma.cli.stage import LOGS, log_to
    from stemma.config.sweep import load_sweep
    from stemma.sweeps.best import best_entry
    from stemma.tracking.sweeps import Showing

    asked = load_sweep(file, params)
    asked = asked.model_copy(update={"trials": trials} if trials else {})
    files = SweepFiles(file.stem)
    if add:
        _check_new(file.stem, asked.experiment, params)
    log_to(LOGS / "sweep" / f"{files.name}.log")
    importances = sweeps.run(file, asked, params, PREPARED, Showing())
    _tell(files, importances)
    entry = best_entry(files, files.params)
    print(f"{files.folder / 'best.yaml'}:\n\n{entry}")
    if add:
        _add(entry, files, params)
    _publish(files)


def _check_new(name: str, experiment: str, params: Path) -> None:
    """Whether an entry `name` can be added beside that of `experiment`."""
    from stemma import config
    from stemma.cli.edit import appended

    if name in config.load(params).trained:
        raise StemmaError(f"{params}: has an experiment '{name}' already; rename the sweep's file")
    appended(params, config.section_of(params, experiment), "")


def _add(entry: str, files: SweepFiles, params: Path) -> None:
    from stemma import config
    from stemma.cli.edit import appended
    from stemma.files import write_text

    about = files.about()
    assert about is not None
    best = best_of(files.trials(), about.higher)
    if best is not None and best.as_it_stands:
        print(f"{params}: not changed, the best is {about.info['experiment']} as it stands")
        return
    write_text(params, appended(params, config.section_of(params, about.info["experiment"]), entry))
    print(f"{params}: added '{files.name}'; `dvc repro` trains it with all its seeds")


def _publish(files: SweepFiles) -> None:
    """The sweep is over and whole on disk; what the store does is told and changes nothing."""
    from stemma.tracking.sweeps import publish

    try:
        print(f"MLflow: {publish(files)}")
    except StemmaError as error:
        print(f"{error}; the sweep is whole in {files.folder}")


def _tell(files: SweepFiles, importances: dict[str, float]) -> None:
    about, trials = files.about(), files.trials()
    assert about is not None
    console = Console()
    console.print(_table(about, trials, f"{files.name}: {counted(trials)} over {about.info['experiment']}"))
    shares = ", ".join(f"{key} {share:.2f}" for key, share in importances.items())
    console.print(f"importance: {shares or 'too few finished trials that differ'}", soft_wrap=True)


def _table(about: About, trials: list[Trial], title: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 1, 0, 0))
    table.add_column("trial", justify="right")
    table.add_column("state", no_wrap=True)
    for name in (about.objective, "epochs", "s", *about.space):
        table.add_column(name, justify="right", overflow="fold")
    best = best_of(trials, about.higher)
    for trial in trials:
        value = "" if trial.value is None else f"{trial.value:.4f}"
        cells = [str(trial.number), _state(trial), value, str(trial.epochs), f"{trial.seconds:.1f}"]
        cells += [str(trial.values.get(key, "")) for key in about.space]
        table.add_row(*cells, style="bold" if trial is best else None)
    return table


def _state(trial: Trial) -> str:
    if trial.same_as is not None:
        return f"{trial.state}, as {trial.same_as}"
    return f"{trial.state}, the entry" if trial.as_it_stands else trial.state
