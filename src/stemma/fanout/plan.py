"""What is to be reproduced, and in which order: an experiment is a unit that waits for the one it starts from."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stemma.fanout.lockfile import Entries

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


def units(every: Sequence[Unit], changed: Collection[str]) -> list[Unit]:
    """Those with a stage among the `changed` ones, and those that start from such a one, in the order given."""
    found: dict[str, Unit] = {}
    while new := [u for u in every if u.key not in found and ({*u.stages} & {*changed} or u.after in found)]:
        found |= {unit.key: unit for unit in new}
    return [unit for unit in every if unit.key in found]


def _start(experiment: "Experiment") -> str:
    start = getattr(experiment, "start", None)
    return start.experiment if start else ""


@dataclass(frozen=True)
class Outcome:
    """How a unit ended; `reason` is empty if all is well, `killed` if its worker was ended from outside; `made` are the
    entries of dvc.lock that it made.
    """

    reason: str = ""
    killed: bool = False
    made: Entries = field(default_factory=dict)


@dataclass
class Plan:
    """Units that wait, run, are done, and failed with their reason; entries of dvc.lock that were there and that units
    made; `own` are stages whose entries only their own unit needs.
    """

    waiting: list[Unit]
    entries: Entries = field(default_factory=dict)
    own: Collection[str] = ()
    running: list[Unit] = field(default_factory=list)
    done: list[Unit] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    tries: dict[str, int] = field(default_factory=dict)
    made: Entries = field(default_factory=dict)

    @classmethod
    def of(cls, experiments: Mapping[str, "Experiment"], changed: Collection[str], entries: Entries) -> "Plan":
        """What is to be done where the stages `changed`, and dvc.lock holds `entries`."""
        every = [Unit(key, _start(experiment)) for key, experiment in experiments.items()]
        starts = {unit.after for unit in every}
        own = {stage for unit in every if unit.key not in starts for stage in unit.stages}
        return cls(units(every, changed), entries, own)

    def needed(self, unit: Unit) -> Entries:
        """Entries with which DVC knows what need not be done again for `unit`."""
        known = self.entries | self.made
        return {stage: entry for stage, entry in known.items() if stage not in self.own or stage in unit.stages}

    def take(self) -> Entries:
        """Entries that were made since this was called last."""
        self.entries, new, self.made = self.entries | self.made, self.made, {}
        return new

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
            self.made |= outcome.made

    def _fail(self, unit: Unit, reason: str) -> None:
        self.failed[unit.key] = reason
        for other in [other for other in self.waiting if other.after == unit.key]:
            self.waiting.remove(other)
            self._fail(other, f"not begun: it starts from '{unit.key}'")
