"""Steepest descent with exact line search (Cauchy 1847), and nonlinear conjugate gradients."""

from typing import Any

import torch
from torch import Tensor

from stemma.nn.optimizers.line_search import exact
from stemma.nn.optimizers.objective import ClosureOptimizer, Objective

SAME = 1e-5


class SteepestDescent(ClosureOptimizer):
    """Down the gradient to the minimum along it: the "optimal gradient" of teaching texts."""

    curvature = True

    def advance(self, objective: Objective, x: Tensor) -> Tensor:
        _, gradient = objective(x)
        return exact(objective, x, -gradient / gradient.norm())


class ConjugateGradient(ClosureOptimizer):
    """Nonlinear conjugate gradients, each to the minimum along its direction (Nocedal, Wright 2006, section 5.2).

    It restarts from the steepest descent every k iterations, k the number of parameters, where its direction is not
    downhill, and where the function is another one than in the step before (another batch).

    Args:
        formula: `polak_ribiere` with negative values set to 0 (Gilbert, Nocedal 1992), or `fletcher_reeves` (1964).
    """

    curvature = True

    def __init__(
        self, parameters: Any, weight_decay: float = 0.0, iterations: int = 1, formula: str = "polak_ribiere"
    ) -> None:
        super().__init__(parameters, weight_decay, iterations)
        self.formula = FORMULAS[formula]

    def advance(self, objective: Objective, x: Tensor) -> Tensor:
        memory, (_, gradient) = self.memory, objective(x)
        direction = -gradient
        if memory and memory["age"] < len(x) and _close(gradient, memory["gradient"]):
            conjugate = direction + self.formula(gradient, memory["before"]) * memory["direction"]
            direction = conjugate if conjugate @ gradient < 0 else direction
        fresh = direction.equal(-gradient)
        reached = exact(objective, x, direction)
        memory.update(direction=direction, before=gradient, gradient=objective(reached)[1])
        memory["age"] = 1 if fresh else memory["age"] + 1
        return reached


def fletcher_reeves(new: Tensor, old: Tensor) -> Tensor:
    """How much of the old direction stays, from the gradients `[k]` at the new and the old point."""
    return (new @ new) / (old @ old)


def polak_ribiere(new: Tensor, old: Tensor) -> Tensor:
    """The same; where little changed between the points it nears 0, which restarts."""
    return ((new @ (new - old)) / (old @ old)).clamp(min=0)


FORMULAS = {"polak_ribiere": polak_ribiere, "fletcher_reeves": fletcher_reeves}


def _close(a: Tensor, b: Tensor) -> bool:
    """Whether both are the gradient of one function at one point."""
    return bool(torch.linalg.vector_norm(a - b) <= SAME * torch.linalg.vector_norm(b))
