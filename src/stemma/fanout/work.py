"""Units at seats: one at each, until none is left; whatever ends this, no worker stays behind."""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from stemma.fanout.lockfile import Entries
from stemma.fanout.plan import Outcome, Plan, Unit

log = logging.getLogger(__name__)
PAUSE = 0.2
"""Seconds between two looks at what runs."""


class Job(Protocol):
    """A unit at work."""

    def outcome(self) -> Outcome | None:
        """How it ended; None while it runs."""

    def stop(self) -> None:
        """Ask it to end."""

    def gone(self) -> None:
        """Return when nothing of it is left."""


class Seat(Protocol):
    """Where one unit at a time is reproduced."""

    def start(self, unit: Unit, entries: Entries) -> Job:
        """Begin with `unit`, given what dvc.lock holds of all that it needs."""


def work_off(plan: Plan, seats: Sequence[Seat], at_leisure: Callable[[], None]) -> None:
    """Reproduce the units of `plan`, telling of each in a line.

    Args:
        at_leisure: called once when units have ended, none waits, and half of the seats stay empty.
    """
    total, running, busy = len(plan.waiting), dict[int, tuple[Unit, Job, float]](), True
    try:
        while True:
            for place in [place for place in range(len(seats)) if place not in running]:
                if unit := plan.begin():
                    running[place] = unit, seats[place].start(unit, plan.needed(unit)), time.monotonic()
            if not running:
                return
            if busy and plan.made and not plan.waiting and 2 * len(running) <= len(seats):
                busy = False
                at_leisure()
            time.sleep(PAUSE)
            for place, (unit, job, began) in list(running.items()):
                if (outcome := job.outcome()) is not None:
                    del running[place]
                    plan.end(unit, outcome)
                    told = outcome.reason or f"{time.monotonic() - began:.0f} s"
                    log.info("[%d/%d] %s: %s", len(plan.done) + len(plan.failed), total, unit.key, told)
    finally:
        for _, job, _ in running.values():
            job.stop()
        for _, job, _ in running.values():
            job.gone()
