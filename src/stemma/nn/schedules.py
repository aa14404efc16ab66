"""Learning-rate schedules by the name that params.yaml uses."""

from collections.abc import Callable, Sequence
from math import cos, pi
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR

from stemma.errors import unknown

Factor = Callable[[int], float]


def make_schedule(
    name: str,
    optimizer: Optimizer,
    learning_rate: float,
    steps: int,
    *,
    epochs: int = 1,
    milestones: Sequence[float] = (),
    every: float | None = None,
    factor: float = 0.1,
    warmup: float = 1.0,
) -> LRScheduler | None:
    """The schedule `name` over `steps` optimiser steps; None for a constant rate.

    Args:
        learning_rate: the largest.
        epochs: that `steps` make; `milestones`, `every` and `warmup` are in epochs.
        milestones: of `steps`: where the rate is multiplied by `factor`.
        every: of `steps`: the same each so many epochs.
        warmup: of `warmup` and `warmup_cosine`: how long the rate rises linearly.

    Raises:
        StemmaError: no schedule has that name.
    """
    epoch = max(1.0, steps / epochs)
    marks = [mark * epoch for mark in milestones]
    factors: dict[str, Callable[[], Factor]] = {
        "steps": lambda: staircase(marks, every * epoch if every else None, factor),
        "cosine": lambda: cosine(steps),
        "warmup": lambda: ramp(warmup * epoch, lambda step: 1.0),
        "warmup_cosine": lambda: ramp(warmup * epoch, cosine(max(1, steps - round(warmup * epoch)))),
    }
    if name == "constant":
        return None
    if name == "one_cycle":
        return OneCycleLR(optimizer, learning_rate, total_steps=steps, cycle_momentum=_has_momentum(optimizer))
    if name not in factors:
        raise unknown("schedule", name, ["constant", "one_cycle", *factors])
    return LambdaLR(optimizer, factors[name]())


def staircase(marks: Sequence[float], every: float | None, factor: float) -> Factor:
    """`factor` to the power of the marks passed, and of the whole multiples of `every`."""

    def at(step: int) -> float:
        passed = sum(step >= mark for mark in marks) + (int(step // every) if every else 0)
        return factor**passed

    return at


def cosine(steps: int) -> Factor:
    """Half a cosine from 1 to 0 (Loshchilov, Hutter 2017, without restarts)."""
    return lambda step: (1 + cos(pi * min(step / steps, 1.0))) / 2


def ramp(rise: float, then: Factor) -> Factor:
    """Linear up to 1 at step `rise`, never 0; then `then`, counted from there."""
    return lambda step: (step + 1) / (rise + 1) if step < rise else then(step - round(rise))


def _has_momentum(optimizer: Optimizer) -> bool:
    """Whether one_cycle has a momentum to turn down while the rate is high (Smith, Topin 2018)."""
    defaults: dict[str, Any] = optimizer.defaults
    return "betas" in defaults or defaults.get("momentum", 0) > 0
