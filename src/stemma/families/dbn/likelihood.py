"""How likely data are under an RBM: log Z exactly or by annealed importance sampling, and the pseudo-likelihood."""

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from stemma.errors import StemmaError
from stemma.families.dbn.machine import RBM
from stemma.families.dbn.sampling import bernoulli

ENUMERABLE = 20
"""The most units of one side whose states are summed over one by one."""
BLOCK = 1 << 14


class LogZ(NamedTuple):
    """log Z and an interval of three standard errors; of an exact value both ends equal it."""

    value: float
    low: float
    high: float
    exact: bool


def log_z(rbm: RBM, means: Tensor, chains: int = 100, temperatures: int = 2000) -> LogZ:
    """By enumeration where one side has at most `ENUMERABLE` units, else by annealing from the data's `means`."""
    if enumerable(rbm):
        value = exact_log_z(rbm)
        return LogZ(value, value, value, True)
    return annealed_log_z(rbm, means, chains, temperatures)


def enumerable(rbm: RBM) -> bool:
    """Whether log Z can be had by enumeration: visible units can be enumerated where they are binary."""
    hidden, visible = rbm.weight.shape
    return hidden <= ENUMERABLE or (rbm.units == "binary" and visible <= ENUMERABLE)


@torch.no_grad()
def exact_log_z(rbm: RBM, total: float = 1) -> float:
    """log of the sum of exp(-energy) over all states, by enumeration of the smaller side that can be.

    `total`: of counts, the words of a text; Z then sums over all texts (sequences of words) of that length.

    Raises:
        StemmaError: more than `ENUMERABLE` units.
    """
    hidden, visible = rbm.weight.shape
    if not enumerable(rbm):
        raise StemmaError(f"exact log Z: {visible} visible and {hidden} hidden units; allowed: {ENUMERABLE} of a side")
    by_hidden = hidden <= visible or rbm.units != "binary"
    units = hidden if by_hidden else visible
    parts = []
    for block in states(units):
        found = block.to(rbm.weight)
        energy = rbm.hidden_free_energy(found, total) if by_hidden else rbm.free_energy(found)
        parts.append((-energy.double()).logsumexp(0))
    return float(torch.stack(parts).logsumexp(0))


def states(units: int) -> Iterator[Tensor]:
    """All states of binary units, int `[block, units]`, at most `BLOCK` at a time."""
    for first in range(0, 1 << units, BLOCK):
        yield torch.arange(first, min(1 << units, first + BLOCK))[:, None] >> torch.arange(units) & 1


@torch.no_grad()
def annealed_log_z(rbm: RBM, means: Tensor, chains: int = 100, temperatures: int = 2000, total: float = 1) -> LogZ:
    """log Z by annealed importance sampling (Neal 2001; Salakhutdinov, Murray 2008).

    From the machine without weights whose visible units have the data's `means` `[V]`, of which log Z is known, over
    `temperatures` machines in between to `rbm`. Each chain's weight is an unbiased estimate of Z; the interval is
    that of their mean plus and minus three standard errors, in logarithms. `total`: as in `exact_log_z`.
    """
    base = rbm.bias_of(means)
    at_rest, totals = base.expand(chains, -1), base.new_full((chains, 1), total)
    v = rbm.sample_visible(rbm.visible_mean(at_rest, totals))
    weights = rbm.visible_log_z(at_rest, base, total).double() + len(rbm.hidden_bias) * math.log(2)
    betas = [step / temperatures for step in range(temperatures + 1)]
    for last, beta in pairwise(betas):
        inputs = rbm.hidden_activation(v)
        gain = F.softplus(beta * inputs).sum(1) - F.softplus(last * inputs).sum(1)
        away = rbm.visible_energy(v, rbm.visible_bias) - rbm.visible_energy(v, base)
        weights += gain.double() - (beta - last) * away.double()
        h = bernoulli(torch.sigmoid(beta * inputs))
        v = rbm.sample_visible(rbm.visible_mean(torch.lerp(base, rbm.visible_activation(h), beta), totals))
    return mean_weight(weights)


def mean_weight(log_weights: Tensor) -> LogZ:
    """Logarithm of the weights' mean, and of it plus and minus three standard errors; at least the least weight."""
    largest = float(log_weights.max())
    weights = (log_weights - largest).exp()
    mean, error = float(weights.mean()), 3 * float(weights.std()) / math.sqrt(len(weights))
    low = max(mean - error, float(weights.min()))
    return LogZ(largest + math.log(mean), largest + math.log(low), largest + math.log(mean + error), False)


@torch.no_grad()
def pseudo_likelihood(rbm: RBM, v: Tensor, activation: Tensor | None = None) -> Tensor:
    """Estimate `[B]` of the sum over units of log P(v_i | all others) of binary units (Besag 1975).

    As in scikit-learn, one unit a row, drawn at random, stands for all: V log sigmoid(F(v, v_i flipped) - F(v)). What
    its flip changes in the hidden units' activations is a column of the weights, not a product. `activation` is that of
    the hidden units, if it is known.
    """
    unit = torch.randint(v.shape[1], (len(v),), device=v.device)
    change = 1 - 2 * v.gather(1, unit[:, None])
    inputs = rbm.hidden_activation(v) if activation is None else activation
    gain = F.softplus(inputs + change * rbm.weight.T[unit]).sum(1) - F.softplus(inputs).sum(1)
    return v.shape[1] * F.logsigmoid(-gain - change.squeeze(1) * rbm.visible_bias[unit])
