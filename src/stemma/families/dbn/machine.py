"""RBM: the restricted Boltzmann machine with binary, Gaussian or count visible units.

Vocabulary as in scikit-learn's BernoulliRBM (Smolensky 1986; Hinton 2012, a practical guide). Visible states v are
`[B, V]`, binary hidden ones h `[B, H]`; `weight` is W `[H, V]`, as in a linear layer. Sources: Gaussian units Welling,
Rosen-Zvi, Hinton 2005, with a learned variance Cho, Ilin, Raiko 2011; counts Hinton, Salakhutdinov 2009 (replicated
softmax).
"""

import math
from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stemma.families.dbn.sampling import bernoulli, multinomial

States = tuple[Tensor, Tensor]
"""v `[B, V]` and h `[B, H]`."""


class RBM(nn.Module):
    """Binary visible and hidden units: E(v, h) = -h'Wv - b'v - c'h.

    What other visible units change is in the methods that say so; all the rest is common. Where a machine learns by
    persistent chains, `chains` `[N, H]` are the states of their hidden units.
    """

    units = "binary"
    chains: Tensor
    _low: tuple["RBM", ...] = ()

    def __init__(self, visible: int, hidden: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(0.01 * torch.randn(hidden, visible))
        self.visible_bias = nn.Parameter(torch.zeros(visible))
        self.hidden_bias = nn.Parameter(torch.zeros(hidden))

    def keep_chains(self, count: int) -> None:
        """Make `count` persistent chains, their hidden units at random."""
        self.register_buffer("chains", bernoulli(torch.full((count, len(self.hidden_bias)), 0.5)))

    @torch.no_grad()
    def lowered(self, dtype: torch.dtype) -> "RBM":
        """This machine with its parameters rounded to `dtype`, one copy that each call makes anew: for the products."""
        low = self._low[0] if self._low else None
        if low is None or (low.weight.dtype, low.weight.device) != (dtype, self.weight.device):
            self._low = ()
            with torch.inference_mode(False):
                low = deepcopy(self).to(dtype).requires_grad_(False)
            self._low = (low,)
        for ours, theirs in zip(self.parameters(), low.parameters(), strict=True):
            theirs.copy_(ours)
        return low

    def hidden_activation(self, v: Tensor) -> Tensor:
        """c + Wv: the log-odds of the hidden units."""
        return F.linear(v, self.weight, self.hidden_bias)

    def forward(self, v: Tensor) -> Tensor:
        """As a layer of a network: `hidden_given_visible`."""
        return self.hidden_given_visible(v)

    def hidden_given_visible(self, v: Tensor) -> Tensor:
        """P(h = 1 | v)."""
        return torch.sigmoid(self.hidden_activation(v))

    def visible_activation(self, h: Tensor) -> Tensor:
        """b + W'h."""
        return torch.addmm(self.visible_bias, h, self.weight)

    def visible_given_hidden(self, h: Tensor, total: Tensor | None = None) -> Tensor:
        """Means of the visible units; of binary ones P(v = 1 | h). `total`: see `totals`."""
        return self.visible_mean(self.visible_activation(h), total)

    def visible_mean(self, activation: Tensor, total: Tensor | None = None) -> Tensor:
        """Means of the visible units of such an activation."""
        return torch.sigmoid(activation)

    def sample_visible(self, mean: Tensor) -> Tensor:
        """States of visible units that have these means."""
        return bernoulli(mean)

    def totals(self, v: Tensor) -> Tensor | None:
        """What the means need to know of v besides h: of counts their sum `[B, 1]`."""
        return None

    def energy(self, v: Tensor, h: Tensor) -> Tensor:
        """Energy `[B]` of joint states."""
        return self.visible_energy(v, self.visible_bias) - (self.hidden_activation(v) * h).sum(1)

    def free_energy(self, v: Tensor, activation: Tensor | None = None) -> Tensor:
        """-log sum over h of exp(-energy), `[B]`; `activation` is that of the hidden units, if it is known."""
        activation = self.hidden_activation(v) if activation is None else activation
        return self.visible_energy(v, self.visible_bias) - F.softplus(activation).sum(1, dtype=_wide(v))

    def hidden_free_energy(self, h: Tensor, total: float = 1) -> Tensor:
        """-log sum (integral) over v of exp(-energy), `[B]`; of counts over all texts of `total` words."""
        return -total * (h @ self.hidden_bias) - self.visible_log_z(
            self.visible_activation(h), self.visible_bias, total
        )

    def visible_energy(self, v: Tensor, bias: Tensor) -> Tensor:
        """The part of the energy `[B]` that no hidden unit enters, with visible biases `bias`."""
        return -(v @ bias)

    def visible_log_z(self, activation: Tensor, bias: Tensor, total: float = 1) -> Tensor:
        """log sum over v of exp(-energy without c'h), `[B]`, of visible activations, with visible biases `bias`."""
        return F.softplus(activation).sum(1)

    def bias_of(self, means: Tensor) -> Tensor:
        """Visible biases of the machine without weights whose units have such means."""
        return means.clamp(0.001, 0.999).logit()

    @torch.no_grad()
    def gibbs(self, v: Tensor, steps: int = 1) -> Tensor:
        """`steps` alternations from v with all units sampled; returns the last visible states' means."""
        total = self.totals(v)
        for step in range(steps):
            v_mean = self.visible_given_hidden(bernoulli(self.hidden_given_visible(v)), total)
            v = self.sample_visible(v_mean) if step < steps - 1 else v_mean
        return v

    def reconstruct(self, v: Tensor) -> Tensor:
        """Means of the visible units given the means of the hidden ones given v."""
        return self.visible_given_hidden(self.hidden_given_visible(v), self.totals(v))

    def energy_gradients(self, data: States, fantasies: States) -> tuple[Tensor, ...]:
        """Gradients of mean E(v, h) of the data less that of the fantasies, in the order of `parameters()`.

        h may be means, since the energy is linear in it. One product makes both sides' share of the weights.
        """
        (v, h), (fantasy, fantasy_h) = data, fantasies
        share = len(v) / len(fantasy)
        signed = torch.cat([h, -fantasy_h if share == 1 else fantasy_h * -share])
        weight = torch.addmm(h.new_zeros(()), signed.T, torch.cat([v, fantasy]), beta=0, alpha=-1 / len(v))
        return weight, _mean_difference(fantasy, v), signed.sum(0) / -len(v)


class GaussianRBM(RBM):
    """Real visible units: E = sum of (v - b)^2 / (2 s^2) - h'W(v / s^2) - c'h, with s = 1 or learned by unit.

    A learned variance is held as its logarithm, a parameter of its own.
    """

    units = "gaussian"

    def __init__(self, visible: int, hidden: int, learn_variance: bool = False) -> None:
        super().__init__(visible, hidden)
        self.learn_variance = learn_variance
        if learn_variance:
            self.log_variance = nn.Parameter(torch.zeros(visible))

    @property
    def variance(self) -> Tensor:
        """s^2, `[V]`."""
        return self.log_variance.exp() if self.learn_variance else torch.ones_like(self.visible_bias)

    def hidden_activation(self, v: Tensor) -> Tensor:
        """c + W(v / s^2)."""
        return super().hidden_activation(v / self.variance if self.learn_variance else v)

    def visible_mean(self, activation: Tensor, total: Tensor | None = None) -> Tensor:
        return activation

    def sample_visible(self, mean: Tensor) -> Tensor:
        noise = torch.randn_like(mean)
        return mean + (noise * self.variance.sqrt() if self.learn_variance else noise)

    def visible_energy(self, v: Tensor, bias: Tensor) -> Tensor:
        squares = (v - bias).square()
        return 0.5 * (squares / self.variance if self.learn_variance else squares).sum(1)

    def visible_log_z(self, activation: Tensor, bias: Tensor, total: float = 1) -> Tensor:
        raised = (activation.square() - bias.square()) / self.variance
        return 0.5 * ((2 * math.pi * self.variance).log() + raised).sum(1)

    def bias_of(self, means: Tensor) -> Tensor:
        return means

    def energy_gradients(self, data: States, fantasies: States) -> tuple[Tensor, ...]:
        if not self.learn_variance:
            return super().energy_gradients(data, fantasies)
        precision = 1 / self.variance
        scaled = [(v * precision, h) for v, h in (data, fantasies)]
        weight, visible_bias, hidden_bias = super().energy_gradients(*scaled)
        by_log_variance = [self._by_log_variance(*side) * precision for side in (data, fantasies)]
        return weight, visible_bias, hidden_bias, by_log_variance[0] - by_log_variance[1]

    def _by_log_variance(self, v: Tensor, h: Tensor) -> Tensor:
        """s^2 times the gradient of mean E(v, h) by the logarithm of s^2, `[V]`."""
        return _mean(v * (h @ self.weight) - 0.5 * (v - self.visible_bias).square())


class CountsRBM(RBM):
    """Counts of words, a text's sum D: E = -h'Wv - b'v - D c'h. Given h, D words are drawn from one softmax."""

    units = "counts"

    def hidden_activation(self, v: Tensor) -> Tensor:
        """D c + Wv."""
        return v @ self.weight.T + self.totals(v) * self.hidden_bias

    def visible_mean(self, activation: Tensor, total: Tensor | None = None) -> Tensor:
        """D softmax(b + W'h)."""
        assert total is not None
        return total * activation.softmax(1)

    def sample_visible(self, mean: Tensor) -> Tensor:
        return multinomial(mean)

    def totals(self, v: Tensor) -> Tensor:
        return v.sum(1, keepdim=True)

    def visible_log_z(self, activation: Tensor, bias: Tensor, total: float = 1) -> Tensor:
        return total * activation.logsumexp(1)

    def bias_of(self, means: Tensor) -> Tensor:
        return (means / means.sum()).clamp(min=1e-6).log()

    def energy_gradients(self, data: States, fantasies: States) -> tuple[Tensor, ...]:
        weight, visible_bias, _ = super().energy_gradients(data, fantasies)
        by_bias, of_fantasies = (_mean(h * self.totals(v)) for v, h in (data, fantasies))
        return weight, visible_bias, of_fantasies - by_bias


def _wide(x: Tensor) -> torch.dtype:
    """What sums of x are taken in: at least single precision."""
    return torch.promote_types(x.dtype, torch.float32)


def _mean(x: Tensor) -> Tensor:
    """Over rows."""
    return x.mean(0, dtype=_wide(x))


def _mean_difference(x: Tensor, y: Tensor) -> Tensor:
    """Over rows, the mean of x less that of y; in one pass, in their type, where these are as many."""
    return (x - y).sum(0) / len(x) if len(x) == len(y) else _mean(x) - _mean(y)


def make_rbm(units: str, visible: int, hidden: int, learn_variance: bool = False) -> RBM:
    """A machine whose visible units are `binary`, `gaussian` or `counts`."""
    if units == "gaussian":
        return GaussianRBM(visible, hidden, learn_variance)
    return CountsRBM(visible, hidden) if units == "counts" else RBM(visible, hidden)
