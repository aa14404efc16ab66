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
    """What the gradients are made of: data v `[B, V]`, fantasies `[N, V]`, hidden means of both, and the loss."""

    v: Tensor
    h: Tensor
    fantasy: Tensor
    fantasy_h: Tensor
    loss: Tensor


def statistics(rbm: RBM, v: Tensor, contrast: Contrast = PLAIN, chains: Tensor | None = None) -> Statistics:
    """Run the chains of a batch; persistent ones go on from `chains` and leave their states there.

    The loss is the mean squared length of (v - fantasy), or of persistent chains the mean free energy of v less that
    of the fantasies: what the gradients are those of.
    """
    activation = rbm.hidden_activation(v)
    h = torch.sigmoid(activation)
    fantasy = _fantasies(rbm, h, v, contrast, chains)
    fantasy_activation = rbm.hidden_activation(fantasy)
    fantasy_h = torch.sigmoid(fantasy_activation)
    if chains is None:
        return Statistics(v, h, fantasy, fantasy_h, _squares(v, fantasy))
    chains.copy_(bernoulli(fantasy_h))
    loss = rbm.free_energy(v, activation).mean() - rbm.free_energy(fantasy, fantasy_activation).mean()
    return Statistics(v, h, fantasy, fantasy_h, loss)


def held_out_loss(rbm: RBM, v: Tensor, contrast: Contrast = PLAIN, chains: Tensor | None = None) -> Tensor:
    """The loss of `statistics` for data that nothing is learnt from: the chains stay where they are."""
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


def gradients(rbm: RBM, found: Statistics, contrast: Contrast, scale: Tensor | None = None) -> tuple[Tensor, ...]:
    """`scale` (1) times the gradients of mean F(v) - F(fantasy), fantasies held constant, and of the sparsity penalty.

    One product makes both phases' statistics. They come in the order of the machine's parameters.
    """
    v, h, fantasy, fantasy_h, _ = found
    if contrast.sparsity_weight:
        h = h - contrast.sparsity_weight * (h.mean(0) - contrast.sparsity_target)
    sign = torch.cat([h.new_ones(len(v), 1), h.new_full((len(fantasy), 1), -len(v) / len(fantasy))])
    sign = sign if scale is None else sign * scale
    return rbm.energy_gradients(torch.cat([v, fantasy]), torch.cat([h, fantasy_h]), sign, 1 / len(v))


class ContrastiveDivergence(torch.autograd.Function):
    """Forward runs the chains and gives the loss, backward the statistics as gradients.

    They equal those of mean free_energy(v) - free_energy(fantasy) with the fantasies held constant, without an
    autograd graph; DDP's hooks still fire. Under autocast the whole step is of its lower precision, but for sums and
    for the parameters, which keep theirs.
    """

    @staticmethod
    def forward(
        ctx: Any, rbm: RBM, v: Tensor, contrast: Contrast, chains: Tensor | None, *parameters: Tensor
    ) -> Tensor:
        device = v.device.type
        if torch.is_autocast_enabled(device):
            dtype = torch.get_autocast_dtype(device)
            rbm, v = rbm.lowered(dtype), v.to(dtype)
        with torch.autocast(device, enabled=False):
            found = statistics(rbm, v, contrast, chains)
        ctx.rbm, ctx.contrast = rbm, contrast
        ctx.save_for_backward(*found)
        return found.loss

    @staticmethod
    def backward(ctx: Any, scale: Tensor) -> tuple[Tensor | None, ...]:
        with torch.no_grad():
            found = gradients(ctx.rbm, Statistics(*ctx.saved_tensors), ctx.contrast, scale)
        return None, None, None, None, *found


def contrastive_loss(rbm: RBM, v: Tensor, contrast: Contrast = PLAIN, chains: Tensor | None = None) -> Tensor:
    """The loss of `statistics`; its `backward` leaves their gradients."""
    loss = ContrastiveDivergence.apply(rbm, v, contrast, chains, *rbm.parameters())
    assert isinstance(loss, Tensor)
    return loss
