"""Tiny RBMs of every kind of visible units, and sums over their states."""

import itertools

import torch
from torch import Tensor

from stemma.families.dbn.machine import RBM, make_rbm

KINDS = [("binary", False), ("gaussian", False), ("gaussian", True), ("counts", False)]


def machine(units: str, learn_variance: bool = False, visible: int = 4, hidden: int = 3, seed: int = 1) -> RBM:
    """A machine with standard normal parameters in double precision."""
    torch.manual_seed(seed)
    rbm = make_rbm(units, visible, hidden, learn_variance).double()
    for parameter in rbm.parameters():
        torch.nn.init.normal_(parameter)
    return rbm


def states(units: int) -> Tensor:
    return torch.tensor(list(itertools.product([0.0, 1.0], repeat=units)), dtype=torch.float64)


def texts(words: int, length: int) -> Tensor:
    """The counts of every sequence of `length` words."""
    rows = [
        torch.bincount(torch.tensor(text), minlength=words) for text in itertools.product(range(words), repeat=length)
    ]
    return torch.stack(rows).double()


def visibles(rbm: RBM) -> Tensor:
    """Some visible states of the machine, or all of a binary one."""
    size = len(rbm.visible_bias)
    if rbm.units == "binary":
        return states(size)
    return texts(size, 3) if rbm.units == "counts" else torch.randn(16, size, dtype=torch.float64)


def joint_energy(rbm: RBM, v: Tensor, h: Tensor) -> Tensor:
    """The energy of one joint state as the papers print it."""
    w, b, c = rbm.weight, rbm.visible_bias, rbm.hidden_bias
    if rbm.units == "gaussian":
        variance = rbm.log_variance.exp() if hasattr(rbm, "log_variance") else torch.ones_like(b)
        return ((v - b) ** 2 / (2 * variance)).sum() - h @ w @ (v / variance) - c @ h
    times = v.sum() if rbm.units == "counts" else 1
    return -(h @ w @ v) - v @ b - times * (c @ h)
