"""Optimisers and learning-rate schedules by the name that params.yaml uses."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler, OneCycleLR


def make_optimizer(
    name: str, parameters: Iterable[nn.Parameter], learning_rate: float, momentum: float, weight_decay: float
) -> Optimizer:
    """The optimiser `name`; `momentum` is that of sgd and rmsprop. Adam runs fused: one kernel for all weights."""
    common: dict[str, Any] = {"lr": learning_rate, "weight_decay": weight_decay}
    makers = {
        "sgd": lambda p: torch.optim.SGD(p, momentum=momentum, **common),
        "rmsprop": lambda p: torch.optim.RMSprop(p, momentum=momentum, **common),
        "adam": lambda p: torch.optim.Adam(p, fused=True, **common),
        "adamw": lambda p: torch.optim.AdamW(p, fused=True, **common),
        "adagrad": lambda p: torch.optim.Adagrad(p, **common),
        "adadelta": lambda p: torch.optim.Adadelta(p, **common),
    }
    return makers[name](parameters)


def make_schedule(name: str, optimizer: Optimizer, learning_rate: float, steps: int) -> LRScheduler | None:
    """The schedule `name` over `steps` optimiser steps; None for a constant rate."""
    if name == "cosine":
        return CosineAnnealingLR(optimizer, steps)
    if name == "one_cycle":
        return OneCycleLR(optimizer, learning_rate, total_steps=steps)
    return None
