"""What a sweep leaves on disk: a folder of its own, outside of what DVC knows. MLflow shows it from there.

build/sweeps/<name>/
    sweep.json         what is searched (`About`)
    trials/<n>.json    a trial that is over (`Trial`)
    study.db           Optuna's own state, SQLite
    best.yaml          the best trial as an experiment's entry
    params.yaml        the parameter file as it was at the start, which all trials of it see
    runs/, logs/, checkpoints/    of the trial that goes on
"""

import fcntl
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stemma.errors import StemmaError
from stemma.files import read_json, write_json

ROOT = Path("build/sweeps")
STATES = ("finished", "pruned", "failed")


@dataclass(frozen=True)
class About:
    """A sweep: `info` has the fields of `runs.Summary`, `space` is as its file has it, `digest` of all that the values
    depend on besides the code.
    """

    name: str
    trials: int
    objective: str
    higher: bool
    space: dict[str, Any]
    info: dict[str, Any]
    digest: str


@dataclass(frozen=True)
class Trial:
    """One training, or one that was not repeated because trial `same_as` had the same values.

    Attributes:
        number: from 1; the first is the entry as it stands, if the space has its values.
        state: one of `STATES`; `error` says why it failed.
        value: of the objective, mean over the seeds; None unless it finished.
        values: those of the searched keys; `settings` the whole experiment.
        epochs: of the first seed's last phase that were run.
        began, seconds: milliseconds since 1970, and how long it took.
        attempts: how often it was begun; more than once after a kill.
        rows: history of its first seed.
    """

    number: int
    state: str
    value: float | None
    values: dict[str, Any]
    settings: dict[str, Any]
    epochs: int
    began: int
    seconds: float
    attempts: int
    rows: list[dict[str, Any]]
    error: str = ""
    same_as: int | None = None
    as_it_stands: bool = False


class SweepFiles:
    """Paths and files of one sweep below `root`."""

    def __init__(self, name: str, root: Path = ROOT) -> None:
        self.name, self.folder = name, Path(root) / name

    @property
    def runs(self) -> Path:
        return self.folder / "runs"

    @property
    def params(self) -> Path:
        return self.folder / "params.yaml"

    def about(self) -> About | None:
        path = self.folder / "sweep.json"
        return About(**read_json(path)) if path.is_file() else None

    def write_about(self, about: About) -> None:
        write_json(self.folder / "sweep.json", asdict(about))

    def trials(self) -> list[Trial]:
        """Those that are over, in order."""
        paths = (self.folder / "trials").glob("*.json")
        return sorted((Trial(**read_json(path)) for path in paths), key=lambda trial: trial.number)

    def write_trial(self, trial: Trial) -> None:
        write_json(self.folder / "trials" / f"{trial.number}.json", asdict(trial))

    @contextmanager
    def alone(self) -> Iterator[None]:
        """The only process that works on this sweep.

        Raises:
            StemmaError: another one does.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StemmaError(f"{self.folder}: another process runs this sweep; wait for it") from None
            yield


def all_sweeps(root: Path = ROOT) -> list[SweepFiles]:
    """Those that have begun."""
    return [SweepFiles(path.parent.name, root) for path in sorted(root.glob("*/sweep.json"))]


def best_of(trials: Sequence[Trial], higher: bool) -> Trial | None:
    """The finished trial with the best value, the earliest of equals."""
    finished = [(trial.value, trial.number, trial) for trial in trials if trial.value is not None]
    return min(finished, key=lambda each: (-each[0] if higher else each[0], each[1]))[2] if finished else None


def counted(trials: Sequence[Trial]) -> str:
    """`20 trials (13 finished, 6 pruned, 1 failed)`."""
    states = Counter(trial.state for trial in trials)
    told = ", ".join(f"{states[state]} {state}" for state in STATES if states[state])
    return f"{len(trials)} trial{'s' * (len(trials) != 1)} ({told or 'none yet'})"
