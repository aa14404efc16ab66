"""Penalties on weights that a loss takes on; biases and the scales of normalisations go free."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn


def weights(module: nn.Module) -> Iterator[nn.Parameter]:
    """The parameters that learn and have two dimensions or more."""
    return (p for p in module.parameters() if p.requires_grad and p.ndim > 1)


def penalty(module: nn.Module, l1: float = 0.0, l2: float = 0.0) -> Tensor:
    """`l1 * sum |w| + l2 / 2 * sum w^2` over the weights of `module`; L1 leaves most of them near 0 (Tibshirani 1996).

    An optimiser's `weight_decay` is the second term over all parameters; adamw's is not.
    """
    terms = [l1 * w.abs().sum() + l2 / 2 * w.square().sum() for w in weights(module)]
    return torch.stack(terms).sum() if terms else torch.zeros(())
