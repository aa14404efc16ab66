"""Functions that optimisers minimise, without Lightning."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from stemma.nn.names import OPTIMIZERS
from stemma.nn.optimizers import backward, make_optimizer

SEARCHING = [name for name, method in OPTIMIZERS.items() if method.searches]


class Descent:
    """Minimises `function` of one parameter `[k]`, float64, from `start`; counts evaluations."""

    def __init__(
        self, function: Callable[[Tensor], Tensor], start: Iterable[float], make: Callable[[Any], Any]
    ) -> None:
        self.function, self.evaluations = function, 0
        self.x = nn.Parameter(torch.tensor(list(start), dtype=torch.float64))
        self.optimizer = make([self.x])

    def closure(self) -> Tensor:
        self.evaluations += 1
        self.optimizer.zero_grad()
        loss = self.function(self.x)
        backward(loss, self.optimizer)
        return loss

    def run(self, steps: int) -> float:
        """The value after so many steps."""
        for _ in range(steps):
            self.optimizer.step(self.closure)
        return self.function(self.x).item()


def named(name: str, learning_rate: float = 0.1, **options: Any) -> Callable[[Any], Any]:
    """Makes the optimiser `name`, with momentum 0.5 where it needs one."""
    momentum = 0.5 if OPTIMIZERS[name].momentum == "needs" else 0.0
    return lambda parameters: make_optimizer(name, parameters, learning_rate, momentum, 0.0, options)


def parabola(x: Tensor) -> Tensor:
    """x^2 + 2x + 1: least at -1, with the value 0."""
    return (x**2 + 2 * x + 1).sum()


def rosenbrock(x: Tensor) -> Tensor:
    """A bent valley: least at (1, ..., 1), with the value 0."""
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def quadratic(size: int, seed: int = 0) -> tuple[Callable[[Tensor], Tensor], Tensor, Tensor]:
    """f(x) = x'Ax / 2 - b'x, its Hessian A `[size, size]` with eigenvalues from 1 to 50, its minimum A^-1 b."""
    generator = torch.Generator().manual_seed(seed)
    basis = torch.linalg.qr(torch.randn(size, size, generator=generator, dtype=torch.float64)).Q
    matrix = basis @ torch.diag(torch.linspace(1, 50, size, dtype=torch.float64)) @ basis.T
    right = torch.randn(size, generator=generator, dtype=torch.float64)
    return lambda x: x @ matrix @ x / 2 - right @ x, matrix, torch.linalg.solve(matrix, right)
