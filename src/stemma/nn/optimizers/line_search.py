"""How far to go along a direction (Nocedal, Wright 2006, section 3.5)."""

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite, sqrt

import torch
from torch import Tensor

from stemma.nn.optimizers.objective import Objective

MOST = 40


@dataclass(frozen=True)
class Trial:
    """A step along a line: its length, the function's value and slope there."""

    step: float
    value: float
    slope: float


@dataclass(frozen=True)
class Search:
    """Looks for a step that meets the strong Wolfe conditions.

    Args:
        line: step -> Trial.
        start: the trial of step 0; its slope is negative.
        decrease: sufficient decrease, c1.
        curvature: largest slope left, as a share of the first, c2; a small one makes the search exact.
        noise: rounding error of values: differences below it do not count.
    """

    line: Callable[[float], Trial]
    start: Trial
    decrease: float = 1e-4
    curvature: float = 0.9
    noise: float = 0.0

    def find(self, first: float) -> Trial:
        """Algorithm 3.5 from the trial step `first`; the best step seen where none meets the conditions."""
        previous, step = self.start, first
        for _ in range(MOST):
            trial = self.line(step)
            if self._high(trial, previous):
                return self._zoom(previous, trial)
            if self._flat(trial):
                return trial
            if trial.slope >= 0:
                return self._zoom(trial, previous)
            guess = _cubic(previous, trial)
            previous, step = trial, min(max(guess if guess > step else 4 * step, 1.5 * step), 10 * step)
        return previous

    def _zoom(self, low: Trial, high: Trial) -> Trial:
        """Algorithm 3.6: between `low`, the lower end, and `high`."""
        for _ in range(MOST):
            if abs(high.step - low.step) * -self.start.slope <= self.noise:
                break
            trial = self.line(_between(low, high))
            if self._high(trial, low):
                high = trial
            else:
                if self._flat(trial):
                    return trial
                if trial.slope * (high.step - low.step) >= 0:
                    high = low
                low = trial
        return low

    def _high(self, trial: Trial, low: Trial) -> bool:
        bound = self.start.value + self.decrease * trial.step * self.start.slope
        return not (trial.value <= bound + self.noise and trial.value <= low.value + self.noise)

    def _flat(self, trial: Trial) -> bool:
        return abs(trial.slope) <= -self.curvature * self.start.slope


def _cubic(a: Trial, b: Trial) -> float:
    """Minimum of the cubic through the values and slopes of both (equation 3.59); their middle where it has none."""
    middle = (a.step + b.step) / 2
    if not all(map(isfinite, (a.value, b.value, a.slope, b.slope))) or a.step == b.step:
        return middle
    first = a.slope + b.slope - 3 * (a.value - b.value) / (a.step - b.step)
    square = first * first - a.slope * b.slope
    if square < 0:
        return middle
    second = sqrt(square) if b.step > a.step else -sqrt(square)
    bottom = b.slope - a.slope + 2 * second
    return b.step - (b.step - a.step) * (b.slope + second - first) / bottom if bottom else middle


def _between(low: Trial, high: Trial) -> float:
    """A step well inside the interval."""
    guess, width = _cubic(low, high), high.step - low.step
    share = (guess - low.step) / width if width else 0.5
    return low.step + min(max(share, 0.1), 0.9) * width


def search(objective: Objective, x: Tensor, direction: Tensor, first: float, curvature: float = 0.9) -> Tensor:
    """The point on `x + a direction` with a step `a` by strong Wolfe; `x` itself where no step lowers the value.

    Args:
        direction: `[k]`, downhill.
        first: the step that is tried first.
        curvature: see `Search`; 1e-3 makes the search exact in practice.
    """
    value, gradient = objective(x)

    def line(step: float) -> Trial:
        value, gradient = objective(x + step * direction)
        return Trial(step, value, float(gradient @ direction))

    noise = 8 * torch.finfo(x.dtype).eps * abs(value)
    start = Trial(0.0, value, float(gradient @ direction))
    return x + Search(line, start, curvature=curvature, noise=noise).find(first).step * direction


def exact(objective: Objective, x: Tensor, direction: Tensor, curvature: float = 1e-3) -> Tensor:
    """The minimum along `x + a direction`: of a quadratic in one trial, else to a slope `curvature` of the first.

    The first trial is Newton's along the line, -g'd / d'Hd, by one Hessian-vector product.
    """
    _, gradient = objective(x)
    slope, bend = float(gradient @ direction), float(direction @ objective.product(x, direction))
    first = -slope / bend if bend > 0 else 1.0 / float(direction.norm())
    return search(objective, x, direction, first, curvature)
