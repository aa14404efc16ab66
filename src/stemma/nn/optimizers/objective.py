"""What optimisers that evaluate a closure several times a step share: the closure as a function of one vector."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from stemma.errors import StemmaError

Closure = Callable[[], Any]


def flatten(tensors: Sequence[Tensor | None], like: Sequence[Tensor]) -> Tensor:
    """One vector `[k]` of all elements; None counts as zeros of the shape in `like`."""
    return torch.cat(
        [(torch.zeros_like(p) if t is None else t).reshape(-1) for t, p in zip(tensors, like, strict=True)]
    )


def unflatten(vector: Tensor, like: Sequence[Tensor]) -> list[Tensor]:
    """The inverse of `flatten`: views of `vector` `[k]` in the shapes of `like`."""
    pieces = vector.split([p.numel() for p in like])
    return [piece.view_as(p) for piece, p in zip(pieces, like, strict=True)]


def hessian_vector(grads: Sequence[Tensor | None], parameters: Sequence[Tensor], v: Tensor) -> Tensor:
    """Hessian times `v` `[k]`, by differentiating gradients that carry a graph (Pearlmutter 1994).

    Args:
        grads: of the loss by `parameters`, from `backward(create_graph=True)`; None where the loss ignores one.

    Raises:
        StemmaError: no gradient carries a graph.
    """
    pairs = [(g, d) for g, d in zip(grads, unflatten(v, parameters), strict=True) if g is not None and g.requires_grad]
    if not pairs:
        raise StemmaError("optimizer: the gradient has no derivative (a linear loss, or backward without create_graph)")
    with torch.enable_grad():
        products = torch.autograd.grad(
            [g for g, _ in pairs], parameters, [d for _, d in pairs], retain_graph=True, allow_unused=True
        )
    return flatten(products, parameters).detach()


class Noise:
    """Torch's random state at its making; `rewind` returns there, so that every evaluation drops the same units."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.cpu = torch.get_rng_state()
        self.cuda = torch.cuda.get_rng_state(device) if device.type == "cuda" else None

    def rewind(self) -> None:
        torch.set_rng_state(self.cpu)
        if self.cuda is not None:
            torch.cuda.set_rng_state(self.cuda, self.device)


class Objective:
    """The closure's loss plus `weight_decay / 2 |x|^2` as a function of the flat vector `x` of all parameters.

    It repeats one evaluation's random numbers in all others. The last point's value and gradient are kept:
    asking for them again costs nothing.

    Attributes:
        evaluations: calls of the closure so far.
    """

    def __init__(self, closure: Closure, parameters: Sequence[Tensor], weight_decay: float = 0.0) -> None:
        self.closure, self.parameters, self.weight_decay = closure, parameters, weight_decay
        self.evaluations = 0
        self._noise = Noise(parameters[0].device)
        self._point: Tensor | None = None

    def start(self) -> Tensor:
        """The parameters as they are, `[k]`."""
        return flatten(self.parameters, self.parameters)

    def move(self, x: Tensor) -> None:
        """Set the parameters to `x`."""
        for p, value in zip(self.parameters, unflatten(x, self.parameters), strict=True):
            p.copy_(value)

    def __call__(self, x: Tensor) -> tuple[float, Tensor]:
        """Value, infinite where it is not a number, and gradient `[k]` at `x`; the parameters stay there."""
        if self._point is None or not torch.equal(x, self._point):
            self._evaluate(x)
        return self._value, self._gradient

    def _evaluate(self, x: Tensor) -> None:
        self.move(x)
        self._noise.rewind()
        with torch.enable_grad():
            loss = self.closure()
        self.evaluations += 1
        gradient = flatten([p.grad for p in self.parameters], self.parameters).detach()
        value = float(loss) + self.weight_decay / 2 * float(x @ x)
        self._point, self._value = x.clone(), value if value == value else float("inf")
        self._gradient = gradient + self.weight_decay * x

    def product(self, x: Tensor, v: Tensor) -> Tensor:
        """Hessian at `x` times `v`, both `[k]`."""
        self(x)
        return hessian_vector([p.grad for p in self.parameters], self.parameters, v) + self.weight_decay * v

    def release(self) -> None:
        """Cut gradients off their graph: parameter -> gradient -> graph -> parameter is a cycle that holds memory."""
        for p in self.parameters:
            if p.grad is not None:
                p.grad = p.grad.detach()


class ClosureOptimizer(Optimizer):
    """An optimiser whose `step(closure)` evaluates the closure as often as it needs; one group of parameters.

    The closure clears the gradients, computes the loss and its gradients, and returns the loss (Lightning's does).
    A subclass defines `advance`. Its memory stands in `self.memory`, which checkpoints keep.

    Args:
        weight_decay: of the penalty `weight_decay / 2 |x|^2`, part of the minimised function.
        iterations: of the method in one step, all on the step's batch.

    Attributes:
        curvature: whether gradients need a graph (`backward(create_graph=True)`).
        largest: number of parameters above which the method refuses to work; None: no limit.
    """

    curvature: bool = False
    largest: ClassVar[int | None] = None

    def __init__(self, parameters: Any, weight_decay: float = 0.0, iterations: int = 1) -> None:
        super().__init__(parameters, {"lr": 1.0, "weight_decay": weight_decay, "iterations": iterations})
        if len(self.param_groups) != 1:
            raise ValueError(f"{type(self).__name__} takes one group of parameters, found {len(self.param_groups)}")
        size = sum(p.numel() for p in self.parameters)
        if self.largest is not None and size > self.largest:
            raise StemmaError(
                f"optimizer: {type(self).__name__} keeps a dense matrix and takes at most {self.largest:,} parameters, "
                f"the model has {size:,}; lbfgs, conjugate_gradient and hessian_free need none"
            )

    @property
    def parameters(self) -> list[nn.Parameter]:
        return self.param_groups[0]["params"]

    @property
    def memory(self) -> dict[str, Any]:
        """What a method remembers between iterations: flat vectors, matrices and numbers."""
        return self.state[self.parameters[0]]

    @torch.no_grad()
    def step(self, closure: Closure) -> Tensor:  # type: ignore[override]
        """Run the iterations; returns the value before them. A value that is not finite moves nothing."""
        group = self.param_groups[0]
        objective = Objective(closure, self.parameters, group["weight_decay"])
        x = objective.start()
        first, gradient = objective(x)
        for _ in range(group["iterations"]):
            value, gradient = objective(x)
            if not (abs(value) < float("inf") and gradient.abs().max() > 0):
                break
            x = self.advance(objective, x)
        objective.move(x)
        objective.release()
        return gradient.new_tensor(first)

    def advance(self, objective: Objective, x: Tensor) -> Tensor:
        """The point after one iteration from `x`, where `objective` is finite and its gradient is not zero."""
        raise NotImplementedError
