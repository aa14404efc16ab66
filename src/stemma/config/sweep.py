"""A sweep's file: which keys of an experiment's entry are searched, where, and how long."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from stemma import config
from stemma.config.messages import validated
from stemma.config.section import KEY, Count, Section, Seed
from stemma.errors import StemmaError
from stemma.yaml_loader import read_mapping

FIXED = ("dataset", "family", "architecture", "task", "seeds", "monitor", "refit", "devices", "start", "tried")
"""Keys of an entry that make it another question, or that a sweep sets itself."""


class Dimension(Section):
    """Where one key is searched: `{low, high}`, with `log` or `step` if wanted, or `{choices}`.

    Bounds that are whole numbers make a range of whole numbers, both included.
    """

    low: int | float | None = None
    high: int | float | None = None
    log: bool = False
    step: int | float | None = Field(None, gt=0)
    choices: tuple[Any, ...] | None = None

    @model_validator(mode="after")
    def is_one_of_the_two(self) -> "Dimension":
        if self.choices is not None:
            if self.model_fields_set != {"choices"}:
                raise ValueError("choices stand alone, without low, high, log, step")
            if len({repr(choice) for choice in self.choices}) < max(2, len(self.choices)):
                raise ValueError(f"choices: two or more, all distinct; found {list(self.choices)}")
        elif self.low is None or self.high is None:
            raise ValueError("expected {low, high} or {choices}")
        else:
            self._is_a_range(self.low, self.high)
        return self

    def _is_a_range(self, low: float, high: float) -> None:
        if low >= high:
            raise ValueError(f"an empty range: low {low} is not below high {high}")
        if self.log and (low <= 0 or self.step is not None):
            raise ValueError(f"log: needs low > 0 and no step; found low {low}, step {self.step}")
        if self.step is not None and self.step > high - low:
            raise ValueError(f"step: {self.step} is longer than the range from {low} to {high}")
        if self.whole and not isinstance(self.step, int | None):
            raise ValueError(f"step: {self.step}, but low and high are whole numbers")

    @property
    def whole(self) -> bool:
        return isinstance(self.low, int) and isinstance(self.high, int)

    @property
    def ends(self) -> tuple[Any, ...]:
        """What of it is tried against the rules of the key: its bounds, or each choice."""
        return (self.low, self.high) if self.choices is None else self.choices

    def holds(self, value: Any) -> bool:
        """Whether the search can come to `value`."""
        if self.choices is not None:
            return json.dumps(value) in map(json.dumps, self.choices)
        if not isinstance(value, int | float) or isinstance(value, bool):
            return False
        assert self.low is not None and self.high is not None
        step = self.step or (1 if self.whole else None)
        steps = 0.0 if step is None else (value - self.low) / step
        return self.low <= value <= self.high and abs(steps - round(steps)) < 1e-9


class Sweep(Section):
    """A search for better values of an experiment's keys, on validation alone.

    Attributes:
        trials: how many, in all starts of the sweep together.
        objective: `val_loss` or `val_` and the task's primary score; None: the experiment's `monitor`.
        seeds: so many of the experiment's, the first ones, train in a trial.
        startup, warmup: trials that finish, and epochs of each trial, before any is pruned.
        seed: of what is proposed.
    """

    experiment: str
    space: dict[str, Dimension] = Field(min_length=1)
    trials: Count = 20
    objective: str | None = None
    seeds: Count = 1
    sampler: Literal["tpe", "random"] = "tpe"
    pruner: Literal["median", "none"] = "median"
    startup: int = Field(5, ge=0)
    warmup: int = Field(1, ge=0)
    seed: Seed = 0

    @field_validator("space")
    @classmethod
    def searchable(cls, space: dict[str, Dimension]) -> dict[str, Dimension]:
        fixed = [key for key in space if key.partition(".")[0] in FIXED]
        if fixed:
            raise ValueError(f"'{fixed[0]}' is not searched; write an experiment for each value")
        return space


def load_sweep(path: Path, params: Path) -> Sweep:
    """Read and check a sweep's file; every value of its space holds in `params`, the others being as they are.

    Raises:
        StemmaError: the file is missing or holds a mistake.
    """
    if not path.is_file():
        raise StemmaError(f"{path}: no such file")
    mistakes = list[str]()
    if not re.fullmatch(KEY, path.stem):
        mistakes.append(f"'{path.stem}' is to be the name of an experiment; allowed: letters, digits, - and _")
    sweep = validated(Sweep, read_mapping(path, "experiment, space"), "", mistakes)
    if sweep is not None:
        experiment = config.load(params).experiment(sweep.experiment)
        if sweep.seeds > len(experiment.seeds):
            mistakes.append(f"seeds: {sweep.seeds}, but {sweep.experiment} has {len(experiment.seeds)}")
        mistakes += [line for key, where in sweep.space.items() for line in _misfits(sweep, key, where, params)]
    if mistakes:
        raise StemmaError("\n".join(f"{path}: {mistake}" for mistake in mistakes))
    assert isinstance(sweep, Sweep)
    return sweep


def _misfits(sweep: Sweep, key: str, where: Dimension, params: Path) -> list[str]:
    """The first value of a dimension that its key does not take, told by the rules of params.yaml."""
    for value in where.ends:
        try:
            changed(sweep, {key: value}, params)
        except StemmaError as error:
            told = str(error).splitlines()[0].removeprefix(f"{params}: ")
            return [f"space.{key}: {value}: {told}"]
    return []


def changed(sweep: Sweep, values: Mapping[str, Any], params: Path) -> config.Experiment:
    """The experiment with `values` (keys with dots for what lies in a mapping), checked by the rules of params.yaml.

    It trains as a trial does: the sweep's number of seeds, one device, validation held out to the end.
    """
    now = config.load(params).experiment(sweep.experiment)
    device = now.devices[:1] if isinstance(now.devices, tuple) else 1
    own = {"seeds": now.seeds[: sweep.seeds], "refit": False, "devices": device}
    changes = {sweep.experiment: {**entry_with(now, values), **own}}
    return config.load(params, changes).experiment(sweep.experiment)


def entry_with(now: config.Experiment, values: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of an entry that `values` change, whole; `now` is the experiment as it stands."""
    told, entry = now.model_dump(mode="json"), dict[str, Any]()
    for name, value in values.items():
        key, dot, inner = name.partition(".")
        if dot:
            held = entry.get(key, told.get(key))
            entry[key] = {**(held if isinstance(held, dict) else {}), inner: value}
        else:
            entry[key] = value
    return entry
