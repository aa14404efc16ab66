"""Optimisers by the name that params.yaml uses; their schedules beside them."""

import inspect
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn, optim
from torch.optim import Optimizer

from stemma.errors import StemmaError, unknown
from stemma.nn.names import OPTIMIZERS, optimizer_mistakes
from stemma.nn.optimizers.hessian_free import HessianFree
from stemma.nn.optimizers.newton import BFGS, LBFGS, Newton
from stemma.nn.optimizers.objective import ClosureOptimizer, hessian_vector
from stemma.nn.optimizers.steepest import ConjugateGradient, SteepestDescent
from stemma.nn.schedules import make_schedule

__all__ = ["ClosureOptimizer", "backward", "descend", "hessian_vector", "make_optimizer", "make_schedule"]


def make_optimizer(
    name: str,
    parameters: Iterable[nn.Parameter],
    learning_rate: float,
    momentum: float,
    weight_decay: float,
    options: Mapping[str, Any] | None = None,
) -> Optimizer:
    """The optimiser `name`. Adam and SGD run fused: one kernel for all weights.

    Args:
        learning_rate: not of the optimisers that search their own step.
        weight_decay: of the penalty `weight_decay / 2 |w|^2`; of adamw a decay of its own.
        options: further numbers that `names.OPTIMIZERS` lists; what is left out has torch's default.

    Raises:
        StemmaError: no optimiser has that name, or it does not take the momentum or an option.
    """
    if name not in OPTIMIZERS:
        raise unknown("optimizer", name, OPTIMIZERS)
    mistakes = optimizer_mistakes(name, momentum, options or {})
    if mistakes:
        raise StemmaError("\n".join(mistakes))
    common = {"lr": learning_rate, "weight_decay": weight_decay, **_torch_options(options or {})}
    own = {"weight_decay": weight_decay, **(options or {})}
    makers: dict[str, Callable[[Any], Optimizer]] = {
        "gradient_descent": lambda p: optim.SGD(p, **common),
        "sgd": lambda p: optim.SGD(p, momentum=momentum, fused=True, **common),
        "momentum": lambda p: optim.SGD(p, momentum=momentum, fused=True, **common),
        "nesterov": lambda p: optim.SGD(p, momentum=momentum, nesterov=True, **common),
        "adagrad": lambda p: optim.Adagrad(p, **common),
        "rmsprop": lambda p: optim.RMSprop(p, momentum=momentum, **common),
        "adadelta": lambda p: optim.Adadelta(p, **common),
        "adam": lambda p: optim.Adam(p, fused=True, **common),
        "adamw": lambda p: optim.AdamW(p, fused=True, **common),
        "steepest_descent": lambda p: SteepestDescent(p, **own),
        "conjugate_gradient": lambda p: ConjugateGradient(p, **own),
        "fletcher_reeves": lambda p: ConjugateGradient(p, formula="fletcher_reeves", **own),
        "newton": lambda p: Newton(p, **own),
        "bfgs": lambda p: BFGS(p, **own),
        "lbfgs": lambda p: LBFGS(p, **own),
        "hessian_free": lambda p: HessianFree(p, **own),
    }
    return makers[name](parameters)


def _torch_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options under torch's names."""
    named = {"eps" if key == "epsilon" else key: value for key, value in options.items()}
    betas = named.pop("beta1", 0.9), named.pop("beta2", 0.999)
    return named | ({"betas": betas} if {"beta1", "beta2"} & options.keys() else {})


@torch.no_grad()
def descend(optimizer: Optimizer, parameters: Iterable[Tensor], gradients: Iterable[Tensor]) -> None:
    """A step of `optimizer` down gradients of any precision, which no autograd found.

    Without the profiling and hooks that torch wraps around a step: they cost more than the step of a small machine.
    """
    for parameter, gradient in zip(parameters, gradients, strict=True):
        if parameter.grad is None or gradient.dtype == parameter.dtype:
            parameter.grad = gradient.to(parameter.dtype)
        else:  # into the memory of the step before
            parameter.grad.copy_(gradient)
    inspect.unwrap(type(optimizer).step)(optimizer)


def backward(loss: Tensor, optimizer: Any) -> None:
    """Gradients of `loss`, with a graph where `optimizer` differentiates them again; its step cuts the graph."""
    graph = isinstance(optimizer, ClosureOptimizer) and optimizer.curvature
    if not graph:
        loss.backward()
        return
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Using backward\\(\\) with create_graph=True")
        loss.backward(create_graph=True)
