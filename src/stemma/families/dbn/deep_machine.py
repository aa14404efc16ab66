"""DeepMachine: the deep Boltzmann machine, several layers of binary hidden units joined in both directions.

E = -h1'W1 v - h2'W2 h1 - ... - b'v - c1'h1 - c2'h2 - ... (Salakhutdinov, Hinton 2009). Layers of even number (the
visible one is 0) are independent given those of odd number, and these given the even ones.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional as F

from stemma.errors import StemmaError
from stemma.families.dbn.likelihood import ENUMERABLE, LogZ, mean_weight, states
from stemma.families.dbn.machine import RBM
from stemma.families.dbn.sampling import bernoulli


class DeepMachine:
    """Made of the parameters of RBMs, lowest first: all weights, the lowest visible biases, all hidden biases.

    States are lists `[v, h1, ..., hL]`, each `[B, units]`, of 0 and 1 or means; the visible units are binary, or
    Gaussian of variance 1.
    """

    def __init__(self, layers: Sequence[RBM]) -> None:
        self.layers = layers
        self.depth = len(layers)
        self.odd, self.even = (range(first, self.depth + 1, 2) for first in (1, 2))

    def upward(self, level: int, found: Sequence[Tensor]) -> Tensor:
        """What hidden layer `level`, from 1, gets from its biases and the layer below it."""
        rbm = self.layers[level - 1]
        return F.linear(found[level - 1], rbm.weight, rbm.hidden_bias)

    def hidden_activation(self, level: int, found: Sequence[Tensor], upward: Tensor | None = None) -> Tensor:
        """Log-odds of hidden layer `level`, from 1, given its neighbours; `upward` is part of them, if it is known."""
        activation = self.upward(level, found) if upward is None else upward
        return activation + found[level + 1] @ self.layers[level].weight if level < self.depth else activation

    def visible_activation(self, h: Tensor) -> Tensor:
        """b + W1' h1."""
        return torch.addmm(self.layers[0].visible_bias, h, self.layers[0].weight)

    def energy(self, found: Sequence[Tensor]) -> Tensor:
        """`[B]`, of means its expectation under independent units."""
        lowest = self.layers[0]
        energy = lowest.visible_energy(found[0], lowest.visible_bias)
        for rbm, (below, h) in zip(self.layers, pairwise(found), strict=True):
            energy = energy - (F.linear(below, rbm.weight, rbm.hidden_bias) * h).sum(1)
        return energy

    def start(self, v: Tensor) -> list[Tensor]:
        """States that a single pass upwards gives; its doubled weights stand in for what is not there yet above."""
        found = [v]
        for level, rbm in enumerate(self.layers, start=1):
            scale = 2 if level < self.depth else 1
            found.append(torch.sigmoid(torch.addmm(rbm.hidden_bias, found[-1], rbm.weight.T, alpha=scale)))
        return found

    def mean_field(self, v: Tensor, sweeps: int) -> list[Tensor]:
        """States with the means of the hidden units after `sweeps` from `start`; each update raises `bound`."""
        found = self.start(v)
        lowest = self.upward(1, found)
        for _ in range(sweeps):
            found = self.sweep(found, lowest)
        return found

    def sweep(self, found: Sequence[Tensor], lowest: Tensor | None = None) -> list[Tensor]:
        """Means of the odd layers given the others, then of the even ones; `lowest` is what v gives, if it is known."""
        found = list(found)
        for level in (*self.odd, *self.even):
            found[level] = torch.sigmoid(self.hidden_activation(level, found, lowest if level == 1 else None))
        return found

    def bound(self, found: Sequence[Tensor]) -> Tensor:
        """Lower bound `[B]` of log p(v) + log Z by independent hidden units of these means."""
        entropy = sum(-(torch.xlogy(h, h) + torch.xlogy(1 - h, 1 - h)).sum(1) for h in found[1:])
        return entropy - self.energy(found)

    @torch.no_grad()
    def gibbs(self, found: Sequence[Tensor], steps: int) -> list[Tensor]:
        """`steps` alternations: even layers and v given the odd ones, then these."""
        found, lowest = list(found), self.layers[0]
        for _ in range(steps):
            found[0] = lowest.sample_visible(lowest.visible_mean(self.visible_activation(found[1])))
            for level in (*self.even, *self.odd):
                found[level] = bernoulli(torch.sigmoid(self.hidden_activation(level, found)))
        return found

    def expected(self, found: Sequence[Tensor]) -> list[Tensor]:
        """The same states with the odd layers' means given the others: what the gradients of chains are taken from."""
        found = list(found)
        for level in self.odd:
            found[level] = torch.sigmoid(self.hidden_activation(level, found))
        return found

    def log_z(self, means: Tensor, chains: int = 100, temperatures: int = 2000) -> LogZ:
        """By enumeration where the odd layers have at most `ENUMERABLE` units, else by annealing."""
        if sum(self._units(self.odd)) > ENUMERABLE:
            return self.annealed_log_z(means, chains, temperatures)
        value = self.exact_log_z()
        return LogZ(value, value, value, True)

    @torch.no_grad()
    def exact_log_z(self) -> float:
        """log of the sum of exp(-energy) over all states, by enumeration of the odd layers.

        Raises:
            StemmaError: they have more than `ENUMERABLE` units.
        """
        sizes = self._units(self.odd)
        if sum(sizes) > ENUMERABLE:
            raise StemmaError(f"exact log Z: {sum(sizes)} units in odd hidden layers; allowed: {ENUMERABLE}")
        parts = [self._log_sum_of_even(part.split(sizes, dim=1)) for part in states(sum(sizes))]
        return float(torch.cat(parts).logsumexp(0))

    def _log_sum_of_even(self, odd: Sequence[Tensor]) -> Tensor:
        """log of the sum over v and the even layers of exp(-energy), `[B]`, given the odd ones."""
        lowest = self.layers[0]
        found = self._placed(self.odd, odd, len(odd[0]))
        total = lowest.visible_log_z(self.visible_activation(found[1]), lowest.visible_bias).double()
        for level in self.odd:
            total += (found[level] @ self.layers[level - 1].hidden_bias).double()
        return total + sum(F.softplus(self.hidden_activation(level, found)).sum(1).double() for level in self.even)

    def _placed(self, levels: range, given: Sequence[Tensor], count: int) -> list[Tensor]:
        """States that are 0 but for `given` ones."""
        weight = self.layers[0].weight
        sizes = [weight.shape[1], *(len(rbm.hidden_bias) for rbm in self.layers)]
        found = [weight.new_zeros(count, size) for size in sizes]
        for level, h in zip(levels, given, strict=True):
            found[level] = h.to(weight)
        return found

    def _units(self, levels: range) -> list[int]:
        return [len(self.layers[level - 1].hidden_bias) for level in levels]

    @torch.no_grad()
    def annealed_log_z(self, means: Tensor, chains: int = 100, temperatures: int = 2000) -> LogZ:
        """log Z by annealed importance sampling with the odd layers summed out (Salakhutdinov, Hinton 2009, section 4).

        From the machine without weights and hidden biases whose visible units have the data's `means` `[V]`, over
        `temperatures` machines in between: see `likelihood.annealed_log_z`.
        """
        lowest = self.layers[0]
        base = lowest.bias_of(means)
        at_rest = base.expand(chains, -1)
        found = self._placed(self.even, [torch.rand(chains, size).round() for size in self._units(self.even)], chains)
        found[0] = lowest.sample_visible(lowest.visible_mean(at_rest))
        units = sum(len(rbm.hidden_bias) for rbm in self.layers)
        weights = lowest.visible_log_z(at_rest, base).double() + units * math.log(2)
        for step in range(temperatures):
            last, beta = step / temperatures, (step + 1) / temperatures
            inputs = {level: self.hidden_activation(level, found) for level in self.odd}
            gain = sum(F.softplus(beta * i).sum(1) - F.softplus(last * i).sum(1) for i in inputs.values())
            linear = sum(found[level] @ self.layers[level - 1].hidden_bias for level in self.even)
            away = lowest.visible_energy(found[0], lowest.visible_bias) - lowest.visible_energy(found[0], base)
            weights += gain.double() + (beta - last) * (linear - away).double()  # type: ignore[union-attr]
            for level, activation in inputs.items():
                found[level] = bernoulli(torch.sigmoid(beta * activation))
            visible = torch.lerp(base, self.visible_activation(found[1]), beta)
            found[0] = lowest.sample_visible(lowest.visible_mean(visible))
            for level in self.even:
                found[level] = bernoulli(torch.sigmoid(beta * self.hidden_activation(level, found)))
        return mean_weight(weights)
