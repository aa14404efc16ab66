"""Hidden units that no gradient taught: random ones, and ones that tell two training examples apart."""

import torch
from torch import Tensor

from stemma.errors import StemmaError


def random_units(size: int, hidden: int, gain: float) -> tuple[Tensor, Tensor]:
    """Weights `[H, size]` and biases `[H]`: activations of standardised inputs have about the deviation `gain`."""
    return gain * torch.randn(hidden, size) / size**0.5, gain * torch.randn(hidden)


def difference_units(first: Tensor, second: Tensor, mask: Tensor, gain: float) -> tuple[Tensor, Tensor]:
    """Weights `[H, D]` and biases `[H]` of units between pairs of examples `[H, D]`.

    A unit's weights point from its second example to its first one, where its `mask` 0/1 `[H, D]` lets it look; its
    activation is gain / 2 at the first, -gain / 2 at the second, 0 half-way (Zhu, Miao, Qing 2014, constrained
    extreme learning machines; with masks McDonnell et al. 2015). Examples that hardly differ there count as further
    apart than they are: a hundredth of the mean squared distance.
    """
    difference = (first - second) * mask
    square = difference.square().sum(1)
    weight = gain * difference / square.clamp(min=0.01 * float(square.mean()) + 1e-12)[:, None]
    return weight, -(weight * (first + second)).sum(1) / 2


def unequal_pairs(y: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Positions `[count]` of random examples, and of others whose target `y` `[N]` is not theirs.

    Raises:
        StemmaError: all targets are equal.
    """
    if (y == y[0]).all():
        raise StemmaError("lower: 'differences' tells examples of different targets apart; all targets here are equal")
    first, second = torch.randint(len(y), (2, count), device=y.device)
    while (same := y[first] == y[second]).any():
        second[same] = torch.randint(len(y), (int(same.sum()),), device=y.device)
    return first, second


def rectangles(count: int, shape: tuple[int, ...], least: float) -> Tensor:
    """Masks 0/1 `[count, C * H * W]` that let a unit see one random rectangle, through all channels.

    Its corners are uniform among those that make each side at least the share `least` of the image's.
    """
    channels, height, width = shape
    masks = _spans(count, height, least)[:, None, :, None] * _spans(count, width, least)[:, None, None, :]
    return masks.expand(-1, channels, -1, -1).flatten(1)


def _spans(count: int, size: int, least: float) -> Tensor:
    """0/1 `[count, size]`: a random run of at least `least * size` ones each."""
    places = torch.arange(size)
    runs = places[None] - places[:, None] + 1 >= max(1.0, least * size)
    allowed = runs.nonzero()
    start, end = allowed[torch.randint(len(allowed), (count,))].unbind(1)
    return ((places >= start[:, None]) & (places <= end[:, None])).float()
