"""Hessian-free optimisation: Newton's step by linear conjugate gradients, the Hessian never built (Martens 2010)."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from stemma.nn.optimizers.objective import ClosureOptimizer, Objective


class HessianFree(ClosureOptimizer):
    """Minimises the quadratic model `g'd + d'(H + damping I)d / 2` by truncated conjugate gradients.

    The damping follows Levenberg and Marquardt: less where the model foretold the decrease, more where not (Martens
    2010, section 4.1). Conjugate gradients start from the last direction and stop by relative progress (4.4, 4.5). H is
    the Hessian itself, not Gauss-Newton's matrix: at a direction of negative curvature they start again from zeros and
    end there, as Newton's truncated method does (Nocedal, Wright 2006, algorithm 7.1).

    Args:
        damping: the first one.
        products: Hessian-vector products an iteration, at most.
    """

    curvature = True

    def __init__(
        self,
        parameters: Any,
        weight_decay: float = 0.0,
        iterations: int = 1,
        damping: float = 1.0,
        products: int = 50,
    ) -> None:
        super().__init__(parameters, weight_decay, iterations)
        self.param_groups[0].update(damping=damping, products=products)

    def advance(self, objective: Objective, x: Tensor) -> Tensor:
        group, (value, gradient) = self.param_groups[0], objective(x)
        direction = self._direction(objective, x, gradient)
        foretold = float(gradient @ direction + direction @ objective.product(x, direction) / 2)
        ratio = (objective(x + direction)[0] - value) / foretold if foretold < 0 else -1.0
        if not ratio >= 0.25:
            group["damping"] *= 3 / 2
        elif ratio > 0.75:
            group["damping"] *= 2 / 3
        self.memory["direction"] = direction
        return _backtrack(objective, x, direction, value, float(gradient @ direction))

    def _direction(self, objective: Objective, x: Tensor, gradient: Tensor) -> Tensor:
        """Downhill: from the last direction, or from zeros where that leads uphill or into negative curvature."""
        group = self.param_groups[0]

        def damped(v: Tensor) -> Tensor:
            return objective.product(x, v) + group["damping"] * v

        start = 0.95 * self.memory.get("direction", torch.zeros_like(x))
        direction, negative = conjugate_gradient(damped, -gradient, start, group["products"])
        if negative or not direction @ gradient < 0:
            direction, _ = conjugate_gradient(damped, -gradient, torch.zeros_like(x), group["products"])
        return direction


def conjugate_gradient(
    product: Callable[[Tensor], Tensor], right: Tensor, start: Tensor, most: int, progress: float = 5e-4
) -> tuple[Tensor, bool]:
    """Solves `A x = right` `[k]` for a symmetric A given as `product`; whether negative curvature stopped it.

    It stops after `most` products, or where `x'Ax / 2 - right'x` fell by less than the share `progress` an iteration
    over the last tenth of them, ten at least (Martens 2010, section 4.4). At the first direction of negative curvature
    it returns where it stands; from a start of zeros that is downhill, `right` itself if the first one is such.
    """
    x, values = start, list[float]()
    residual = right - product(x) if bool(x.any()) else right
    direction, square = residual, residual @ residual
    for i in range(most):
        curved = product(direction)
        bend = direction @ curved
        if bend <= 0:
            return (x if bool(x.any()) else right), True
        x = x + square / bend * direction
        residual = residual - square / bend * curved
        values.append(float(-(x @ (residual + right)) / 2))
        before, square = square, residual @ residual
        span = max(10, i // 10)
        if square <= torch.finfo(x.dtype).eps ** 2 * (right @ right) or (
            i >= span and values[-1] < 0 and values[-1 - span] - values[-1] < -values[-1] * span * progress
        ):
            break
        direction = residual + square / before * direction
    return x, False


def _backtrack(objective: Objective, x: Tensor, direction: Tensor, value: float, slope: float) -> Tensor:
    """The first of the steps 1, 0.8, 0.64, ... with sufficient decrease from `value`; `x` where none of 60 has it."""
    for power in range(60):
        step = 0.8**power
        if objective(x + step * direction)[0] <= value + 1e-2 * step * slope:
            return x + step * direction
    return x
