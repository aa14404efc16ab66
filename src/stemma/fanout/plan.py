"""What is to be reproduced, and in which order: an experiment is a unit that waits for the one it starts from."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stemma.config import Experiment

TRIES = 3
"""How often a unit is begun whose worker is killed."""


@dataclass(frozen=True)
class Unit:
    """An experiment; `after` is the one whose models it starts from, empty if none."""

    key: str
    after: str = ""

    @property
    def stages(self) -> tuple[str, str]:
        """The stages that are its own; the last one leads to the other."""
        train, evaluate = ("transfer", "evaluate_transfer") if self.after else ("train", "evaluate")
        return f"{train}@{self.key}", f"{evaluate}@{self.key}"

    @property
    def target(self) -> str:
        return self.stages[-1]


def units(experiments: Mapping[str, "Experiment"], changed: Collection[str]) -> list[Unit]:
    """Those with a stage among the `changed` ones, and those that start from such a one, in the order given."""
    found: dict[str, Unit] = {}
    every = [Unit(key, _start(experiment)) for key, experiment in experiments.items()]
    while new := [u for u in every if u.key not in found and ({*u.stages} & {*changed} or u.after in found)]:
        found |= {unit.key: unit for unit in new}
    return [unit for unit in every if unit.key in found]


def _start(experiment: "Experiment") -> str:
    start = getattr(experiment, "start", None)
    return start.experiment if start else ""


@dataclass(frozen=True)
class Outcome:
    """How a unit ended; `reason` is empty if all is well, `killed` if its worker was ended from outside."""

    reason: str = ""
    killed: bool = False


@dataclass
class Plan:
    """Units that wait, run, are done, and failed with their reason."""

    waiting: list[Unit]
    running: list[Unit] = field(default_factory=list)
    done: list[Unit] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    tries: dict[str, int] = field(default_factory=dict)

    def begin(self) -> Unit | None:
        """The next unit that waits for no other; None if there is none now."""
        pending = {unit.key for unit in (*self.waiting, *self.running)}
        unit = next((unit for unit in self.waiting if unit.after not in pending), None)
        if unit:
            self.waiting.remove(unit)
            self.running.append(unit)
            self.tries[unit.key] = self.tries.get(unit.key, 0) + 1
        return unit

    def end(self, unit: Unit, outcome: Outcome) -> None:
        """Note how `unit` ended: one whose worker was killed is begun again, those that wait for a failed one never."""
        self.running.remove(unit)
        if outcome.killed and self.tries[unit.key] < TRIES:
            self.waiting.insert(0, unit)
        elif outcome.reason:
            self._fail(unit, outcome.reason)
        else:
            self.done.append(unit)

    def _fail(self, unit: Unit, reason: str) -> None:
        self.failed[unit.key] = reason
        for other in [other for other in self.waiting if other.after == unit.key]:
            self.waiting.remove(other)
            self._fail(other, f"not begun: it starts from '{unit.key}'")
