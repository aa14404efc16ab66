"""Experiments side by side: each is reproduced in a copy of the project by a worker of its own; all share DVC's cache
and run cache, from which the project's own `dvc repro` then takes their results.

A `dvc repro` waits 3 s for the lock of its project and no more, so that several in one project fail; copies have their
own.
"""

import fcntl
import json
import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stemma import config
from stemma.errors import StemmaError
from stemma.fanout.dvc import dvc
from stemma.fanout.plan import Plan, units
from stemma.fanout.work import Seat, work_off

log = logging.getLogger(__name__)
FOLDER = Path(".dvc/tmp/fan-out")
"""Where the copies lie: DVC and Git look for nothing there."""


def fan_out(seats: Callable[[Any], Sequence[Seat]], remote: bool = False) -> Plan:
    """Reproduce the whole pipeline, its experiments by the workers that `seats` makes once the data are prepared.

    Args:
        seats: given the file whose lock each worker is to hold, so that none outlives this process unseen.
        remote: results come by way of the DVC remote.

    Raises:
        StemmaError: the parameters hold a mistake, the data could not be prepared, or another fan-out is at work.
    """
    experiments = config.load().trained
    with _alone() as lock:
        dvc("repro", *(["--pull"] if remote else []), "preprocess")
        plan = Plan(units(experiments, _changed()))
        if plan.waiting:
            work_off(plan, seats(lock))
        targets = [unit.target for unit in plan.done] if plan.failed else []
        if targets or not plan.failed:
            dvc("repro", *(["--pull"] if remote else []), *targets)
    return plan


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
