"""Changing what a network first computes on: its input as continuous numbers, by steps in units of their own."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from torch import Tensor, nn

from stemma.nn.inputs import BagOfWords, Columns, Pixels
from stemma.spec import PAD, UNKNOWN


class Space(NamedTuple):
    """The numbers that an encoder makes of its input `x`, and how they move.

    Attributes:
        name: what they are.
        moved: (encoder, x, values, step) -> the values that lie `step` (of the shape of `values`) from `values`,
            what the encoder gives of `x`.
    """

    name: str
    moved: Callable[[nn.Module, Tensor, Tensor, Tensor], Tensor]


def _moved_pixels(encoder: nn.Module, x: Tensor, values: Tensor, step: Tensor) -> Tensor:
    """In units of the full range of a pixel, within that range; what standardises them follows."""
    assert isinstance(encoder, Pixels)
    return encoder.standardised((encoder.intensities(x) + step).clamp(0, 1))


def _moved_words(encoder: nn.Module, x: Tensor, values: Tensor, step: Tensor) -> Tensor:
    """In units of the root mean square entry of the text's own bag, within 0 (no such word) and 1.

    Not of one entry: a bag has thousands, few of them other than 0, and small steps in all would outweigh the text.
    """
    unit = values.square().mean(1, keepdim=True).sqrt()
    return (values + step * unit).clamp(0, 1)


def _moved_columns(encoder: nn.Module, x: Tensor, values: Tensor, step: Tensor) -> Tensor:
    """In units of the columns as prepared: standard deviations where they are standardised."""
    return values + step


def _moved_vectors(encoder: nn.Module, x: Tensor, values: Tensor, step: Tensor) -> Tensor:
    """In units of the root mean square entry of the word vectors; padding stays."""
    assert isinstance(encoder, nn.Embedding)
    unit = encoder.weight[UNKNOWN:].square().mean().sqrt()
    return values + step * unit * (x != PAD)[..., None]


SPACES: dict[type[nn.Module], Space] = {
    Pixels: Space("pixels", _moved_pixels),
    BagOfWords: Space("bag of words", _moved_words),
    Columns: Space("columns", _moved_columns),
    nn.Embedding: Space("word vectors", _moved_vectors),
}
"""By encoder: a network computes on the output of the first of these that it has."""
Change = Callable[[nn.Module, Tensor, Tensor], Tensor]


def encoder_of(network: nn.Module) -> nn.Module | None:
    """The module that makes the first continuous numbers of an input; None if it is none of `SPACES`."""
    return next((module for module in network.modules() if isinstance(module, tuple(SPACES))), None)


def space_of(encoder: nn.Module) -> Space:
    """Where the encoder's output lies."""
    return next(space for kind, space in SPACES.items() if isinstance(encoder, kind))


@contextmanager
def changing(encoder: nn.Module, change: Change) -> Iterator[None]:
    """Within the block the encoder gives `change(encoder, x, values)` instead of its own `values` of `x`."""
    handle = encoder.register_forward_hook(lambda module, inputs, values: change(module, inputs[0], values))
    try:
        yield
    finally:
        handle.remove()
