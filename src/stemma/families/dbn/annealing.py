"""Two-valued units that are all coupled with each other: energy, Gibbs sampling, simulated annealing, enumeration.

States s are bits 0/1, `[B, U]`; E(s) = -s'Ws / 2 - b's with W symmetric and without diagonal; P(s) = exp(-E(s)) / Z.
Ackley, Hinton, Sejnowski 1985; annealing Kirkpatrick, Gelatt, Vecchi 1983.
"""

import torch
from torch import Tensor, nn

HOT, COLD = 4.0, 0.1
"""Temperatures at which a search starts and ends."""
QUENCHES = 3
"""Sweeps at temperature 0 at its end."""


class CoupledUnits(nn.Module):
    """U units; `couplings` holds each pair's once, in the order of `torch.triu_indices(U, U, 1)`."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.couplings = nn.Parameter(0.1 * torch.randn(units * (units - 1) // 2))
        self.bias = nn.Parameter(torch.zeros(units))

    @property
    def weight(self) -> Tensor:
        """W, `[U, U]`."""
        units = len(self.bias)
        above = self.couplings.new_zeros(units, units)
        above[*torch.triu_indices(units, units, 1, device=above.device)] = self.couplings
        return above + above.T

    def forward(self, states: Tensor) -> Tensor:
        """The fields Ws + b: the log-odds of each unit given all others."""
        return states @ self.weight + self.bias

    def energy(self, states: Tensor) -> Tensor:
        """`[B]`."""
        return -((states @ self.weight) * states).sum(1) / 2 - states @ self.bias

    @torch.no_grad()
    def gibbs(self, states: Tensor, free: Tensor, temperatures: Tensor, noise: Tensor) -> Tensor:
        """The states after a sweep a temperature `[T]` over the units `free` `[F]`; all others are clamped.

        A unit turns on with probability sigmoid(field / temperature), at temperature 0 if its field is positive;
        `noise` in [0, 1), `[T, F, B]`, or `[T, F, 1]` for the same in all states, decides.
        """
        states, weight = states.clone(), self.weight
        for temperature, row in zip(temperatures.tolist(), noise, strict=True):
            for unit, chance in zip(free.tolist(), row, strict=True):
                field = states @ weight[unit] + self.bias[unit]
                on = field > 0 if temperature == 0 else chance < torch.sigmoid(field / temperature)
                states[:, unit] = on.to(states.dtype)
        return states

    def search(
        self, states: Tensor, free: Tensor, sweeps: int, generator: torch.Generator, alike: bool = False
    ) -> Tensor:
        """Where states end whose `free` units cool from HOT to COLD in so many sweeps, then to 0: low energies.

        `alike`: all see the same random numbers, so that what becomes of one does not depend on the others.
        """
        temperatures = torch.cat([cooling(HOT, COLD, sweeps), torch.zeros(QUENCHES)])
        shape = (len(temperatures), len(free), 1 if alike else len(states))
        return self.gibbs(states, free, temperatures, torch.rand(shape, generator=generator).to(states))

    def log_z(self) -> Tensor:
        """log Z by enumeration of all 2^U states."""
        return torch.logsumexp(-self.energy(all_states(len(self.bias)).to(self.bias)), 0)

    def free_energy(self, visible: Tensor) -> Tensor:
        """-log of the sum of exp(-E) over the units behind the visible ones `[B, V]`, by enumeration; `[B]`."""
        hidden = all_states(len(self.bias) - visible.shape[1]).to(visible)
        joint = torch.cat([visible.repeat_interleave(len(hidden), 0), hidden.repeat(len(visible), 1)], 1)
        return -torch.logsumexp(-self.energy(joint).view(len(visible), -1), 1)


def cooling(first: float, last: float, sweeps: int) -> Tensor:
    """Temperatures that fall geometrically, `[sweeps]`."""
    return torch.logspace(0, 1, sweeps, base=last / first) * first


def all_states(units: int) -> Tensor:
    """Every state 0/1 of `units` units, `[2^units, units]`."""
    return (torch.arange(2**units)[:, None] >> torch.arange(units) & 1).float()
