"""A mean over seeds with its interval, and what it decides."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf, log10

import numpy as np

from stemma.comparison.intervals import over_seeds

CONFIDENCE = 0.95
Values = Sequence[float] | np.ndarray


@dataclass(frozen=True)
class Estimate:
    """A mean and the ends of its t-interval over seeds; the ends of a single seed are infinite."""

    mean: float
    lo: float
    hi: float

    def above(self, bound: float) -> bool | None:
        """Whether the whole interval is above `bound`; False if it is wholly not, None if it holds `bound`."""
        if self.lo > bound:
            return True
        return False if self.hi <= bound else None

    def below(self, bound: float) -> bool | None:
        """Whether the whole interval is below `bound`."""
        if self.hi < bound:
            return True
        return False if self.lo >= bound else None

    def within(self, low: float, high: float) -> bool | None:
        """Whether the whole interval lies between `low` and `high`; False if it is wholly outside."""
        if low <= self.lo and self.hi <= high:
            return True
        return False if self.hi < low or self.lo > high else None

    def shown(self, show: Callable[[float], str]) -> str:
        """`mean (lo to hi)`; of a single seed or of equal ones the mean alone."""
        known = self.lo < self.hi and self.lo > -inf and self.hi < inf
        return f"{show(self.mean)} ({show(self.lo)} to {show(self.hi)})" if known else show(self.mean)


def estimate(values: Values, log: bool = False, bounds: tuple[float, float] = (-inf, inf)) -> Estimate:
    """Of one value a seed; with `log` the geometric mean, its interval that of the logarithms (values above 0).

    `bounds`, the values that there can be, cut the interval of means that are not geometric.
    """
    found = over_seeds([log10(value) if log else float(value) for value in values], CONFIDENCE, bounds)
    lo = -inf if found["lo"] is None else found["lo"]
    hi = inf if found["hi"] is None else found["hi"]
    if not log:
        return Estimate(found["mean"], lo, hi)
    return Estimate(*(_power(end) for end in (found["mean"], lo, hi)))


def _power(exponent: float) -> float:
    return 0.0 if exponent < -300 else inf if exponent > 300 else 10.0**exponent
