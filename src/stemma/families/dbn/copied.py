"""RBMs whose units stand there more than once: how the layers of a deep Boltzmann machine are trained one by one.

Salakhutdinov, Hinton 2009, section 3.1: a second copy takes the place of the layer that is not there yet.
"""

from torch import Tensor
from torch.nn import functional as F

from stemma.families.dbn.machine import RBM, GaussianRBM, States


class Copied:
    """Mixed into an RBM: `visible_copies` of its visible units and `hidden_copies` of the hidden ones share the weights
    and biases, and copies of a unit have one state.
    """

    visible_copies = hidden_copies = 1

    def hidden_activation(self, v: Tensor) -> Tensor:
        return super().hidden_activation(v * self.visible_copies)  # type: ignore[misc]

    def visible_activation(self, h: Tensor) -> Tensor:
        return super().visible_activation(h * self.hidden_copies)  # type: ignore[misc]

    def free_energy(self, v: Tensor, activation: Tensor | None = None) -> Tensor:
        """-log of the sum over the states of all hidden copies of exp(-energy), `[B]`."""
        activation = self.hidden_activation(v) if activation is None else activation
        energy = self.visible_energy(v, self.visible_bias)  # type: ignore[attr-defined]
        return energy * self.visible_copies - self.hidden_copies * F.softplus(activation).sum(1)

    def energy_gradients(self, data: States, fantasies: States) -> tuple[Tensor, ...]:
        found = super().energy_gradients(data, fantasies)  # type: ignore[misc]
        times = (self.visible_copies * self.hidden_copies, self.visible_copies, self.hidden_copies)
        return tuple(gradient * copies for gradient, copies in zip(found, times, strict=True))


class CopiedRBM(Copied, RBM):
    """Of binary visible units."""


class CopiedGaussianRBM(Copied, GaussianRBM):
    """Of Gaussian visible units of variance 1."""


def make_copied(units: str, visible: int, hidden: int, visible_copies: int, hidden_copies: int) -> RBM:
    """A machine whose visible units are `binary` or `gaussian`."""
    rbm = CopiedGaussianRBM(visible, hidden) if units == "gaussian" else CopiedRBM(visible, hidden)
    rbm.visible_copies, rbm.hidden_copies = visible_copies, hidden_copies
    return rbm
