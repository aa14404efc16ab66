"""Experiments side by side: each is reproduced in a copy of the project by a worker of its own; all share DVC's cache
and run cache, from which the project takes their results before its own `dvc repro` does the rest.

A `dvc repro` waits 3 s for the lock of its project and no more, so that several in one project fail; copies have their
own.
"""

import fcntl
import json
import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from stemma import config
from stemma.errors import StemmaError
from stemma.fanout import lockfile
from stemma.fanout.command import dvc
from stemma.fanout.plan import Plan
from stemma.fanout.work import Seat, work_off

log = logging.getLogger(__name__)
DATA = ("ingest@", "validate@", "preprocess@")
"""How the names of stages begin that come before all experiments."""
FOLDER = Path(".dvc/tmp/fan-out")
"""Where the copies lie: DVC and Git look for nothing there."""


def fan_out(seats: Callable[[Any], Sequence[Seat]], remote: bool = False) -> Plan:
    """Reproduce the whole pipeline, its experiments by the workers that `seats` makes once the data are prepared.

    Args:
        seats: given the file whose lock each worker is to hold, so that none outlives this process unseen.
        remote: results come by way of the DVC remote.

    Raises:
        StemmaError: this is no project of DVC's, the parameters hold a mistake, the data could not be prepared, or
            another fan-out is at work.
    """
    experiments = config.load().trained
    if not Path(".dvc/config").is_file():
        raise StemmaError(".dvc/config: no such file; run from the folder where `dvc init` was given")
    pull = ["--pull"] if remote else []
    with _alone() as file:
        changed = _changed()
        if any(stage.startswith(DATA) for stage in changed):
            dvc("repro", *pull, "preprocess")
            changed = _changed()
        plan = Plan.of(experiments, changed, lockfile.read(Path()))
        if plan.waiting:
            take = partial(_take, plan, "pull" if remote else "checkout")
            work_off(plan, seats(file), take)
            take()
        if not plan.failed:
            dvc("repro", *pull)
    return plan


def _take(plan: Plan, command: str) -> None:
    """Make the results of what is done by now, and was not taken before, those of this project."""
    if new := plan.take():
        lockfile.write(Path(), lockfile.read(Path()) | new)
        dvc(command, "--force", *new, told=False)


def _changed() -> Collection[str]:
    """Names of the stages that `dvc repro` would look at."""
    found = json.loads(dvc("status", "--json", told=False))
    return set(found)


@contextmanager
def _alone() -> Iterator[Any]:
    """The only fan-out in this project; workers that a killed one left count too."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StemmaError(f"{FOLDER}/lock: another fan-out is at work here; wait for it, or end it") from None
        yield file
