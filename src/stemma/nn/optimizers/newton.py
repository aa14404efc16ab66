"""Newton's method, damped, and BFGS, which builds the inverse Hessian from gradients."""

from math import isfinite
from typing import Any, ClassVar

import torch
from torch import Tensor

from stemma.nn.optimizers.line_search import MOST, exact, search
from stemma.nn.optimizers.objective import ClosureOptimizer, Objective, unflatten


class Newton(ClosureOptimizer):
    """Newton's step with the whole Hessian, raised to be positive definite, and a line search from step 1.

    The Hessian takes a product a parameter: for small models (Nocedal, Wright 2006, algorithms 3.2 and 3.3).
    """

    curvature = True
    largest: ClassVar[int | None] = 2_000

    def advance(self, objective: Objective, x: Tensor) -> Tensor:
        _, gradient = objective(x)
        hessian = torch.stack([objective.product(x, row) for row in torch.eye(len(x), dtype=x.dtype, device=x.device)])
        factor = positive_factor((hessian + hessian.T) / 2)
        return search(objective, x, -torch.cholesky_solve(gradient[:, None], factor)[:, 0], first=1.0)


def positive_factor(matrix: Tensor) -> Tensor:
    """Cholesky factor of `matrix + t I` with the first t of 0, 1e-3 |diagonal|, and its doublings that has one."""
    unit = torch.eye(len(matrix), dtype=matrix.dtype, device=matrix.device)
    smallest = 1e-3 * float(matrix.diagonal().abs().max().clamp(min=torch.finfo(matrix.dtype).tiny ** 0.5))
    shift = 0.0
    while True:
        factor, failed = torch.linalg.cholesky_ex(matrix + shift * unit)
        if not failed:
            return factor
        shift = max(2 * shift, smallest)


class BFGS(ClosureOptimizer):
    """Broyden, Fletcher, Goldfarb, Shanno (1970): a dense inverse Hessian from the last steps' gradients.

    Both gradients of an update are of the same batch. The first matrix is the identity, scaled to the curvature met in
    the first step (Nocedal, Wright 2006, section 6.1).

    Args:
        exact_search: search each line to its minimum, by Hessian-vector products, instead of by strong Wolfe.

    Attributes:
        inverse: the inverse Hessian so far `[k, k]`.
    """

    largest: ClassVar[int | None] = 5_000

    def __init__(
        self, parameters: Any, weight_decay: float = 0.0, iterations: int = 1, exact_search: bool = False
    ) -> None:
        super().__init__(parameters, weight_decay, iterations)
        self.curvature = exact_search

    @property
    def inverse(self) -> Tensor:
        return self.memory["inverse"]

    def advance(self, objective: Objective, x: Tensor) -> Tensor:
        memory, (_, gradient) = self.memory, objective(x)
        direction = -(self.inverse @ gradient) if memory else -gradient
        if not direction @ gradient < 0:
            memory.clear()
            direction = -gradient
        first = 1.0 if memory else min(1.0, 1.0 / float(gradient.norm()))
        reached = exact(objective, x, direction) if self.curvature else search(objective, x, direction, first)
        self._update(reached - x, objective(reached)[1] - gradient)
        return reached

    def _update(self, moved: Tensor, turned: Tensor) -> None:
        """Equation 6.17, where the curvature along the step is positive; else the matrix stays."""
        product = float(moved @ turned)
        if product <= torch.finfo(moved.dtype).eps * float(moved.norm() * turned.norm()):
            return
        if not self.memory:
            unit = torch.eye(len(moved), dtype=moved.dtype, device=moved.device)
            self.memory["inverse"] = unit * (product / float(turned @ turned))
        inverse = self.inverse
        along = inverse @ turned
        outer = torch.outer(moved, along)
        inverse += (1 + float(turned @ along) / product) / product * torch.outer(moved, moved)
        inverse -= (outer + outer.T) / product


class LBFGS(torch.optim.LBFGS):
    """Torch's limited-memory BFGS (Liu, Nocedal 1989) with strong Wolfe, weight decay and the same noise in a step.

    Torch's own limit of evaluations, 5/4 of the iterations, leaves no search to a step of one: it would stay in place.
    """

    curvature = False

    def __init__(self, parameters: Any, weight_decay: float = 0.0, iterations: int = 20, history: int = 10) -> None:
        limits: dict[str, Any] = {"max_eval": MOST * iterations, "tolerance_grad": 1e-10, "tolerance_change": 1e-16}
        super().__init__(parameters, 1.0, iterations, history_size=history, line_search_fn="strong_wolfe", **limits)
        self.weight_decay = weight_decay

    def step(self, closure: Any) -> Any:  # type: ignore[override]
        """Run the iterations; returns the value before them. A value that is not finite moves nothing."""
        parameters = self.param_groups[0]["params"]
        objective = Objective(closure, parameters, self.weight_decay)

        @torch.no_grad()
        def penalised() -> float:
            value, gradient = objective(objective.start())
            for p, g in zip(parameters, unflatten(gradient, parameters), strict=True):
                p.grad = g.clone()
            return value

        value = penalised()
        return super().step(penalised) if isfinite(value) else value
