"""hopfield: an associative memory of symmetric weights (Hopfield 1982; projection rule Personnaz, Guyon, Dreyfus 1986).

States s are +-1, `[B, N]`; E(s) = -s'Ws / 2 with W symmetric and without diagonal.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from stemma.errors import StemmaError
from stemma.families.base import Model
from stemma.families.dbn.bits import Bits
from stemma.families.phase import Phase

SHOWN = 8
SEED = 0
"""Of the order in which units change: the same for every batch."""


def hebb(patterns: Tensor) -> Tensor:
    """Hebb's rule, X'X / N without its diagonal, of patterns X +-1 `[P, N]`."""
    return _hollow(patterns.T @ patterns / patterns.shape[1])


def projection(patterns: Tensor) -> Tensor:
    """The projection on the space of the patterns, X+ X without its diagonal; each pattern is then at rest."""
    return _hollow(torch.linalg.pinv(patterns) @ patterns)


def _hollow(weight: Tensor) -> Tensor:
    weight = (weight + weight.T) / 2
    return weight - torch.diag(weight.diagonal())


STORAGE = {"hebb": hebb, "projection": projection}


class Synapses(nn.Linear):
    """Symmetric weights between N units without diagonal; gives the fields Ws of states s `[B, N]`."""

    def __init__(self, units: int) -> None:
        super().__init__(units, units, bias=False)
        nn.init.zeros_(self.weight)

    def energy(self, states: Tensor) -> Tensor:
        """-s'Ws / 2, `[B]`."""
        return -(self(states) * states).sum(1) / 2

    def synchronous(self, states: Tensor) -> Tensor:
        """The states after all units changed at once; a field of 0 leaves a unit as it is."""
        return _signs(self(states), states)

    def asynchronous(self, states: Tensor, order: Tensor) -> Tensor:
        """The states after each unit in turn followed its field, which never raises the energy."""
        states = states.clone()
        for unit in order.tolist():
            states[:, unit] = _signs(states @ self.weight[unit], states[:, unit])
        return states

    def settled(self, states: Tensor, update: str, sweeps: int) -> Tensor:
        """The states when every unit agrees with its field, or after `sweeps` changes of all units."""
        generator = torch.Generator().manual_seed(SEED)
        for _ in range(sweeps):
            after = self.synchronous(states)
            if torch.equal(after, states):
                break
            order = torch.randperm(states.shape[1], generator=generator)
            states = after if update == "synchronous" else self.asynchronous(states, order)
        return states


def _signs(field: Tensor, states: Tensor) -> Tensor:
    return torch.where(field == 0, states, field.sign())


class Hopfield(Model):
    """Stores `patterns` training examples, spread over the set, as bits, and recalls them from corrupted ones.

    It is asked for what it knows: an example stands for the stored pattern that has most bits in common with it, and
    the share `noise` of that pattern's bits is turned. Updates are `asynchronous`, unit by unit, or `synchronous`, all
    at once, which can end in a cycle of two states; at most `sweeps` times over all units.

    Raises:
        StemmaError: fewer distinct training examples than `patterns`.
    """

    patterns: Tensor

    def __init__(
        self,
        spec: dict[str, Any],
        patterns: int = 10,
        storage: str = "projection",
        update: str = "asynchronous",
        noise: float = 0.1,
        sweeps: int = 20,
        side: int | None = None,
        threshold: float = 0.5,
    ) -> None:
        super().__init__(spec)
        self.encode = Bits(self.spec, side, threshold)
        self.synapses = Synapses(self.encode.size)
        self.storage, self.update, self.noise, self.sweeps = storage, update, noise, sweeps
        self.register_buffer("patterns", torch.ones(patterns, self.encode.size))
        self.save_hyperparameters()

    def phases(self) -> list[Phase]:
        return [Phase("store", solve=self.solve)]

    @torch.no_grad()
    def solve(self, split: Any) -> None:
        """Store training examples."""
        count = len(self.patterns)
        bits = torch.cat([self.encode(x) for x, _ in self.pieces(split.x, split.lengths, 1000)])
        _, first = np.unique(bits.cpu().numpy(), axis=0, return_index=True)
        if len(first) < count:
            raise StemmaError(
                f"patterns: {count}, but train has {len(first)} distinct ones; allowed: 1 to {len(first)}"
            )
        chosen = np.sort(first)[np.linspace(0, len(first) - 1, count).astype(int)]
        self.patterns.copy_(2 * bits[chosen] - 1)
        self.synapses.weight.copy_(STORAGE[self.storage](self.patterns.double()))

    def targets(self, x: Tensor) -> Tensor:
        """The stored patterns nearest to prepared examples, +-1 `[B, N]`."""
        return self.patterns[((2 * self.encode(x) - 1) @ self.patterns.T).argmax(1)]

    def corrupt(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """The targets with bits turned at random."""
        states = self.targets(x)
        turned = torch.rand(states.shape, generator=generator, device=generator.device) < self.noise
        return torch.where(turned.to(states.device), -states, states)

    def recall(self, states: Tensor) -> Tensor:
        """Where states +-1 `[B, N]` settle."""
        return self.synapses.settled(states, self.update, self.sweeps)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return self.recall(self.targets(x))

    @torch.no_grad()
    def pictures(self) -> dict[str, np.ndarray]:
        """Of images, stored patterns: whole, corrupted, recalled."""
        if self.spec.kind != "image":
            return {}
        stored, generator = self.patterns[:SHOWN].cpu(), torch.Generator().manual_seed(SEED)
        corrupted = torch.where(torch.rand(stored.shape, generator=generator) < self.noise, -stored, stored)
        recalled = self.recall(corrupted.to(self.device)).cpu()
        return {"recall": self.encode.drawn(*((states + 1) / 2 for states in (stored, corrupted, recalled)))}


@torch.no_grad()
def stable_share(units: int, patterns: int, storage: str, generator: torch.Generator, sweeps: int = 20) -> float:
    """Share of bits at which random stored patterns stay when the memory settles from each of them (its capacity).

    Above about 0.138 * `units` patterns Hebb's rule loses them all at once (Amit, Gutfreund, Sompolinsky 1985).
    """
    stored = 2.0 * torch.randint(2, (patterns, units), generator=generator) - 1
    memory = Synapses(units)
    memory.weight.copy_(STORAGE[storage](stored))
    return float((memory.settled(stored, "asynchronous", sweeps) == stored).float().mean())


@torch.no_grad()
def max_cut(weights: Tensor, generator: torch.Generator, starts: int = 20) -> tuple[Tensor, float]:
    """A cut of a graph with symmetric edge `weights` `[N, N]`: sides +-1 `[N]`, and the weight of the edges between.

    The network with synapses of minus the weights has its least energy where the cut is largest (Hopfield, Tank 1985);
    the best of `starts` descents from random states.
    """
    memory = Synapses(len(weights)).to(weights)
    memory.weight.copy_(_hollow(-weights))
    states = (2 * torch.randint(2, (starts, len(weights)), generator=generator) - 1).to(weights)
    states = memory.settled(states, "asynchronous", sweeps=10 * len(weights))
    cuts = (weights.triu(1).sum() - memory.energy(states)) / 2
    return states[cuts.argmax()], float(cuts.max())
