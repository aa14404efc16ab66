"""Axes of the charts that templates draw: where a number lies on them, and their ticks."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from matplotlib.ticker import LogLocator, MaxNLocator


@dataclass(frozen=True)
class Axis:
    """The numbers from `low` to `high` on the units of an SVG from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        low, high, here = np.log([self.low, self.high, value]) if self.log else (self.low, self.high, value)
        return round(float(self.start + (self.end - self.start) * (here - low) / (high - low)), 1)

    def ticks(self) -> list[float]:
        """Round numbers within the axis, a handful."""
        if self.log:
            steps = (1, 2, 5) if self.high / self.low < 300 else (1,)
            found = LogLocator(subs=steps, numticks=8).tick_values(self.low, self.high)
        else:
            found = MaxNLocator(6).tick_values(self.low, self.high)
        return [float(tick) for tick in found if self.low <= tick <= self.high]


def around(values: Iterable[float], start: float, end: float, log: bool = False) -> Axis:
    """The axis that holds `values` with a margin at both ends."""
    ends = np.array([min(known := list(values)), max(known)], float)
    if log:
        margin = max((ends[1] / ends[0]) ** 0.1, 1.3)
        return Axis(float(ends[0] / margin), float(ends[1] * margin), start, end, log=True)
    margin = max(0.1 * np.ptp(ends), 1e-6 * max(1.0, float(np.abs(ends).max())))
    return Axis(float(ends[0] - margin), float(ends[1] + margin), start, end)
