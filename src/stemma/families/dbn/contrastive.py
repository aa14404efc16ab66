"""Contrastive divergence, plain (Hinton 2002) and persistent (Tieleman 2008), as gradients for any optimiser."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from stemma.families.dbn.machine import RBM
from stemma.families.dbn.sampling import bernoulli


@dataclass(frozen=True)
class Contrast:
    """How the statistics are taken.

    Attributes:
        steps: alternations of a chain.
        sampled: visible states of plain chains are sampled; otherwise they take their means (Hinton 2012, section 3).
            Persistent chains sample them always.
        sparsity_target, sparsity_weight: a cross-entropy, so weighted, pulls each hidden unit's mean activity over
            the batch to the target (Hinton 2012, section 11; the aim of Lee, Ekanadham, Ng 2008).
    """

    steps: int = 1
    sampled: bool = False
    sparsity_target: float = 0.1
    sparsity_weight: float = 0.0


PLAIN = Contrast()


class Statistics(NamedTuple):
    """What the gradients are made of: data v `[B, V]`, fantasies `[N, V]` and the hidden means of both; with persistent
    chains also their free energies, `[B]` and `[N]`.
    """

    v: Tensor
    h: Tensor
    fantasy: Tensor
    fantasy_h: Tensor
    free_energies: tuple[Tensor | None, Tensor | None]


def statistics(rbm: RBM, v: Tensor, contrast: Contrast = PLAIN, chains: Tensor | None = None) -> Statistics:
    """Run the chains of a batch; persistent ones go on from `chains` and leave their states there."""
    h, free_energy = _hidden(rbm, v, chains is not None)
    fantasy = _fantasies(rbm, h, v, contrast, chains)
    fantasy_h, fantasy_free_energy = _hidden(rbm, fantasy, chains is not None)
    if chains is not None:
        chains.copy_(bernoulli(fantasy_h))
    return Statistics(v, h, fantasy, fantasy_h, (free_energy, fantasy_free_energy))


def _hidden(rbm: RBM, v: Tensor, persistent: bool) -> tuple[Tensor, Tensor | None]:
    """Hidden means given v, and where the loss needs it the free energy."""
    activation = rbm.hidden_activation(v)
    return torch.sigmoid(activation), rbm.free_energy(v, activation) if persistent else None


def contrast_loss(found: Statistics) -> Tensor:
    """The mean squared length of (v - fantasy), or of persistent chains the mean free energy of v less that of the
    fantasies: what the gradients are those of.
    """
    of_data, of_fantasies = found.free_energies
    if of_data is None or of_fantasies is None:
        return _squares(found.v, found.fantasy)
    return of_data.mean() - of_fantasies.mean()


def held_out_loss(rbm: RBM, v: Tensor, contrast: Contrast = PLAIN, chains: Tensor | None = None) -> Tensor:
    """The loss for data that nothing is learnt from: the chains stay where they are."""
    fantasy = _fantasies(rbm, rbm.hidden_given_visible(v), v, contrast, chains)
    if chains is not None:
        return rbm.free_energy(v).mean() - rbm.free_energy(fantasy).mean()
    return _squares(v, fantasy)


def _fantasies(rbm: RBM, h: Tensor, v: Tensor, contrast: Contrast, chains: Tensor | None) -> Tensor:
    """Visible states at the end of chains from the hidden means h of v, or of the persistent ones."""
    h, total = (h, rbm.totals(v)) if chains is None else (chains.to(h.dtype), None)
    for step in range(contrast.steps):
        h = rbm.hidden_given_visible(v) if step else h
        v = rbm.visible_given_hidden(bernoulli(h), total)
        v = rbm.sample_visible(v) if contrast.sampled or chains is not None else v
    return v


def _squares(v: Tensor, fantasy: Tensor) -> Tensor:
    return torch.linalg.vector_norm(v - fantasy, dtype=torch.promote_types(v.dtype, torch.float32)).square() / len(v)


def gradients(rbm: RBM, found: Statistics, contrast: Contrast = PLAIN) -> tuple[Tensor, ...]:
    """Those of mean F(v) - F(fantasy), fantasies held constant, and of the sparsity penalty, in the order of the
    machine's parameters.
    """
    v, h, fantasy, fantasy_h, _ = found
    if contrast.sparsity_weight:
        h = h - contrast.sparsity_weight * (h.mean(0) - contrast.sparsity_target)
    return rbm.energy_gradients((v, h), (fantasy, fantasy_h))


@torch.no_grad()
def descent(
    rbm: RBM, v: Tensor, contrast: Contrast = PLAIN, chains: Tensor | None = None
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """The loss of a batch and its gradients, without autograd.

    Under autocast all is of its lower precision, but for sums and for the parameters, which keep theirs.
    """
    device = v.device.type
    if torch.is_autocast_enabled(device):
        dtype = torch.get_autocast_dtype(device)
        rbm, v = rbm.lowered(dtype), v.to(dtype)
    with torch.autocast(device, enabled=False):
        found = statistics(rbm, v, contrast, chains)
        return contrast_loss(found), gradients(rbm, found, contrast)


class ContrastiveDivergence(torch.autograd.Function):
    """`descent` for autograd, which takes its gradients as those of the loss; DDP's hooks still fire."""

    @staticmethod
    def forward(
        ctx: Any, rbm: RBM, v: Tensor, contrast: Contrast, chains: Tensor | None, *parameters: Tensor
    ) -> Tensor:
        loss, found = descent(rbm, v, contrast, chains)
        ctx.save_for_backward(*found)
        return loss

    @staticmethod
    def backward(ctx: Any, scale: Tensor) -> tuple[Tensor | None, ...]:
        return None, None, None, None, *(gradient * scale for gradient in ctx.saved_tensors)


def contrastive_loss(rbm: RBM, v: Tensor, contrast: Contrast = PLAIN, chains: Tensor | None = None) -> Tensor:
    """The loss of a batch; its `backward` leaves the gradients of `descent`."""
    loss = ContrastiveDivergence.apply(rbm, v, contrast, chains, *rbm.parameters())
    assert isinstance(loss, Tensor)
    return loss
