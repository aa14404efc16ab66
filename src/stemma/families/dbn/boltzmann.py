"""boltzmann: a Boltzmann machine whose units are all coupled (Ackley, Hinton, Sejnowski 1985), for few units."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from stemma.families.base import Model
from stemma.families.dbn.annealing import HOT, CoupledUnits, cooling
from stemma.families.dbn.bits import Bits
from stemma.families.phase import Phase

EXACT = 14
"""Units, at most, for which all states are enumerated."""
SHOWN = 16
SEED = 0


class Boltzmann(Model):
    """Learns the joint distribution of the bits of its data, and completes the second half of them from the first.

    Visible units come first, `hidden` ones after them. Learning lowers mean E of the data, their hidden units sampled
    (or summed over), against mean E of the machine's own states: by enumeration of up to `EXACT` units in all, else
    in `learn_sweeps` sweeps of Gibbs sampling that cool from 4 to 1. Completion searches the state of least energy with
    the known bits clamped, in `sweeps` sweeps of simulated annealing.
    """

    known: Tensor
    shown: Tensor

    def __init__(
        self,
        spec: dict[str, Any],
        hidden: int = 8,
        sweeps: int = 30,
        learn_sweeps: int = 10,
        side: int | None = 5,
        threshold: float = 0.3,
    ) -> None:
        super().__init__(spec)
        self.encode = Bits(self.spec, side, threshold)
        visible = self.encode.size
        self.units = CoupledUnits(visible + hidden)
        self.hidden_units, self.sweeps, self.learn_sweeps = hidden, sweeps, learn_sweeps
        self.register_buffer("known", torch.arange(visible) < visible // 2)
        self.register_buffer("shown", torch.zeros(SHOWN, visible))
        self.save_hyperparameters()

    @property
    def exact(self) -> bool:
        """Whether all states are enumerated."""
        return len(self.units.bias) <= EXACT

    def phases(self) -> list[Phase]:
        fit = Phase("fit", self.objective, trainable=(self.units,), labels=False)
        return [Phase("keep", solve=self._keep), fit]

    def _keep(self, split: Any) -> None:
        """Training examples for pictures."""
        places = np.linspace(0, len(split.x) - 1, SHOWN).astype(int)
        self.shown.copy_(self.encode(torch.from_numpy(np.array(split.x[places])).to(self.device)))

    def objective(self, batch: Any) -> dict[str, Tensor]:
        """Negative log-likelihood of a batch, in nats.

        Of too many units for that the value is the negative log pseudo-likelihood of the visible ones, the gradient
        still that of the likelihood, estimated.
        """
        v = self.encode(batch.x)
        if self.exact:
            return {"loss": (self.units.free_energy(v) + self.units.log_z()).mean()}
        data, own = self.clamped(v), self.dreamt(len(v))
        contrast = self.units.energy(data).mean() - self.units.energy(own).mean()
        fields = self.units(data)[:, : v.shape[1]]
        value = F.binary_cross_entropy_with_logits(fields, v, reduction="none").sum(1).mean()
        return {"loss": value.detach() + contrast - contrast.detach()}

    def clamped(self, v: Tensor) -> Tensor:
        """States `[B, U]` with the visible bits `[B, V]` and hidden ones sampled given them."""
        states = self._with_hidden(v)
        return self._cooled(states, torch.arange(v.shape[1], states.shape[1]))

    def dreamt(self, count: int) -> Tensor:
        """States `[count, U]` sampled from the machine."""
        states = torch.rand(count, len(self.units.bias), device=self.device).round()
        return self._cooled(states, torch.arange(states.shape[1]))

    def _cooled(self, states: Tensor, free: Tensor) -> Tensor:
        """Gibbs sampling that cools to temperature 1 in half of its sweeps and stays there."""
        hot = self.learn_sweeps // 2
        temperatures = torch.cat([cooling(HOT, 1.0, hot), torch.ones(self.learn_sweeps - hot)])
        noise = torch.rand(len(temperatures), len(free), len(states), device=states.device)
        return self.units.gibbs(states, free, temperatures, noise)

    def _with_hidden(self, v: Tensor) -> Tensor:
        return torch.cat([v, v.new_zeros(len(v), self.hidden_units)], 1)

    def corrupt(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """The bits of prepared examples, the unknown ones drawn by a fair coin."""
        bits = self.encode(x)
        coins = torch.rand(bits.shape, generator=generator, device=generator.device).round()
        return torch.where(self.known, bits, coins.to(bits))

    def recall(self, states: Tensor) -> Tensor:
        """Bits `[B, V]` whose known half is that of `states` and whose rest goes best with it."""
        count = states.shape[1]
        free = torch.cat([(~self.known).nonzero()[:, 0].cpu(), torch.arange(count, len(self.units.bias))])
        generator = torch.Generator().manual_seed(SEED)
        return self.units.search(self._with_hidden(states), free, self.sweeps, generator, alike=True)[:, :count]

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The fields of all units at prepared examples, hidden ones at 0, `[B, U]`."""
        return self.units(self._with_hidden(self.encode(x)))

    @torch.no_grad()
    def pictures(self) -> dict[str, np.ndarray]:
        """Of images: examples whole, half unknown (grey), completed; and states sampled from the machine."""
        if self.spec.kind != "image":
            return {}
        half = torch.where(self.known, self.shown, 0.5)
        torch.manual_seed(SEED)
        own = self.dreamt(2 * SHOWN)[:, : self.shown.shape[1]]
        completed = self.encode.drawn(self.shown, half, self.recall(half))
        return {"completed": completed, "samples": self.encode.drawn(own)}
