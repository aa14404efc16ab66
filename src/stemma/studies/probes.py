"""What happens inside a network: signals forward and backward by layer, and units that are off or get no gradient."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from stemma.data.store import Split


@dataclass(frozen=True)
class Signals:
    """Of each dense layer, hidden ones first and the output layer last.

    Attributes:
        forward: mean square of what the layer computes, before its activation, `[L]`.
        backward: mean square over units and examples of the loss's gradient to it, `[L]`.
        off: share of units below 0, before the activation, for every example, `[L]`.
        untaught: share of units whose gradient is exactly 0 for every example: no weight of theirs moves, `[L]`.
    """

    forward: np.ndarray
    backward: np.ndarray
    off: np.ndarray
    untaught: np.ndarray


def signals(model: Any, split: Split) -> Signals:
    """Of `model`, which classifies, on all examples of `split` at once, in float64; the model is left in float64."""
    model.double().eval().requires_grad_(True)
    x, y = (torch.from_numpy(np.array(part)) for part in (split.x, split.y))
    with _recorded([m for m in model.modules() if isinstance(m, nn.Linear)]) as outputs:
        loss = cross_entropy(model(x, None), y, reduction="sum")
    gradients = torch.autograd.grad(loss, outputs)
    return Signals(
        forward=_each(outputs, lambda z: z.detach().square().mean()),
        backward=_each(gradients, lambda g: g.square().mean()),
        off=_each(outputs, lambda z: (z < 0).all(0).double().mean()),
        untaught=_each(gradients, lambda g: (g == 0).all(0).double().mean()),
    )


@contextmanager
def _recorded(layers: list[nn.Linear]) -> Iterator[list[Tensor]]:
    """What `layers` put out within the block, in the order of their calls."""
    outputs: list[Tensor] = []
    handles = [layer.register_forward_hook(lambda _, __, z: outputs.append(z)) for layer in layers]
    try:
        yield outputs
    finally:
        for handle in handles:
            handle.remove()


def _each(tensors: Any, function: Any) -> np.ndarray:
    return np.array([float(function(tensor)) for tensor in tensors])


def steps_down(model: Any, split: Split, size: int, rate: float, steps: int, seed: int) -> float:
    """Share of single steps of gradient descent, each from `model` as it is and by a random batch of `size` examples,
    that lower the cross-entropy over the whole `split`; float64, dropout off."""
    model.double().eval().requires_grad_(True)
    x, y = (torch.from_numpy(np.array(part)) for part in (split.x, split.y))
    weights = list(model.parameters())
    generator = torch.Generator().manual_seed(seed)
    before, lower = _loss(model, x, y), 0
    for _ in range(steps):
        rows = torch.randperm(len(y), generator=generator)[:size]
        gradients = torch.autograd.grad(cross_entropy(model(x[rows], None), y[rows]), weights)
        with torch.no_grad():
            kept = [weight.clone() for weight in weights]
            torch._foreach_sub_(weights, gradients, alpha=rate)
            lower += _loss(model, x, y) < before
            torch._foreach_copy_(weights, kept)
    return lower / steps


@torch.no_grad()
def _loss(model: Any, x: Tensor, y: Tensor) -> float:
    return float(cross_entropy(model(x, None), y))


@torch.no_grad()
def dropped(model: Any, seed: int, units: int = 100_000) -> float:
    """Share of `units` that the model's dropout layer sets to 0 while it trains."""
    layer = next(module for module in model.modules() if isinstance(module, nn.Dropout))
    torch.manual_seed(seed)
    return float((layer.train()(torch.ones(units)) == 0).float().mean())
