"""What an RBM's phase records besides its loss, once an epoch, and what it refuses before it begins."""

from math import isfinite

import torch
from torch import Tensor

from stemma.errors import StemmaError
from stemma.families.dbn.likelihood import pseudo_likelihood
from stemma.families.dbn.machine import RBM, GaussianRBM

SUBSET = 250
"""Examples of each split, evenly spread over it, that an epoch's curves are measured on."""
FAR = 3.0
"""A standardised column's mean and standard deviation are well below it; a 0/1 column's are below 1."""


@torch.no_grad()
def curves(rbm: RBM, train: Tensor, validation: Tensor | None) -> dict[str, Tensor]:
    """Those of any RBM, and of one with binary units the pseudo-likelihood in train."""
    v = subset(train)
    activation = rbm.hidden_activation(v)
    found = common_curves(rbm, v, validation, activation)
    if rbm.units == "binary":
        found["pseudo_likelihood"] = pseudo_likelihood(rbm, v, activation).mean()
    return found


@torch.no_grad()
def common_curves(
    rbm: RBM, train: Tensor, validation: Tensor | None, activation: Tensor | None = None
) -> dict[str, Tensor]:
    """Of inputs `[N, V]`: squared reconstruction error a value in train; the free-energy gap, validation's mean less
    train's, which grows when the machine overfits (Hinton 2012, section 6). `activation` is that of the hidden units
    of the training inputs' subset, if it is known.
    """
    v = subset(train)
    activation = rbm.hidden_activation(v) if activation is None else activation
    reconstructed = rbm.visible_given_hidden(torch.sigmoid(activation), rbm.totals(v))
    found = {"reconstruction": (reconstructed - v).square().mean()}
    if validation is not None:
        held_out = rbm.free_energy(subset(validation)).mean()
        found["free_energy_gap"] = held_out - rbm.free_energy(v, activation).mean()
    return found


def subset(x: Tensor) -> Tensor:
    """`SUBSET` rows of x at most, always the same, in single precision or better."""
    x = x[:: -(-len(x) // SUBSET)]
    return x.to(torch.promote_types(x.dtype, torch.float32))


def check_inputs(rbm: RBM, v: Tensor, name: str) -> None:
    """Refuse inputs `[N, V]` that the visible units cannot take.

    Raises:
        StemmaError: another number of values, values outside [0, 1] of binary units, negative or broken counts, or
            Gaussian units whose values are not standardised or do not vary.
    """
    units = len(rbm.visible_bias)
    if v.shape[1] != units:
        raise StemmaError(f"{name}: {units} visible units, but its inputs have {v.shape[1]} values")
    low, high = (float(end) for end in v.aminmax())
    if not (isfinite(low) and isfinite(high)):
        raise StemmaError(f"{name}: its inputs hold values that are not finite")
    if rbm.units == "binary" and not (low >= 0 and high <= 1):
        raise StemmaError(f"{name}: inputs from {low:g} to {high:g}; allowed with visible 'binary': 0 to 1")
    if rbm.units == "counts" and (low < 0 or bool((v != v.round()).any())):
        raise StemmaError(f"{name}: inputs from {low:g} to {high:g}; allowed with visible 'counts': 0, 1, 2, ...")
    if isinstance(rbm, GaussianRBM):
        _check_standardised(rbm, v, name)


def _check_standardised(rbm: GaussianRBM, v: Tensor, name: str) -> None:
    deviation, mean = torch.std_mean(v, 0, correction=0)
    constant = int((deviation < 1e-6).sum())
    if constant == len(mean) or (constant and rbm.learn_variance):
        which = "of a learned variance every unit must vary" if rbm.learn_variance else "some unit must vary"
        raise StemmaError(f"{name}: {constant} of {len(mean)} visible units have zero variance; {which}")
    unit = int(torch.maximum(mean.abs(), deviation).argmax())
    if max(float(mean[unit].abs()), float(deviation[unit])) > FAR:
        raise StemmaError(
            f"{name}: visible unit {unit} has mean {float(mean[unit]):.3g} and deviation {float(deviation[unit]):.3g}; "
            "visible 'gaussian' takes standardised values (mean 0, deviation 1)"
        )
