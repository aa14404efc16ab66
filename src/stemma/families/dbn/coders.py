"""Layers that encode and decode: what autoencoders are stacked from.

`coder(v)` encodes, `coder.decode(h)` goes back. Both matrices of a layer stand in one module: tied, they are one
parameter, whose gradient is the sum of what both uses give.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "linear": lambda z: z,
}


def slope(values: Tensor, activation: str) -> Tensor:
    """Derivative of an activation, from its values."""
    slopes: dict[str, Callable[[Tensor], Tensor]] = {
        "sigmoid": lambda a: a * (1 - a),
        "tanh": lambda a: 1 - a.square(),
        "relu": lambda a: (a > 0).to(a.dtype),
        "linear": torch.ones_like,
    }
    return slopes[activation](values)


class Coder(nn.Module):
    """h = activation(W v + c) and back, output(W' h + b); W' is W transposed if `tied`, else `decoder`.

    Args:
        weight: first values of W, hidden units first; the decoder starts as its transpose.
        hidden, visible: number of biases.
    """

    def __init__(self, weight: Tensor, hidden: int, visible: int, activation: str, output: str, tied: bool) -> None:
        super().__init__()
        self.activation, self.output = activation, output
        self.weight = nn.Parameter(nn.init.xavier_uniform_(weight))
        self.hidden_bias = nn.Parameter(torch.zeros(hidden))
        self.visible_bias = nn.Parameter(torch.zeros(visible))
        self.decoder = None if tied else nn.Parameter(nn.init.xavier_uniform_(torch.empty_like(weight)))

    @property
    def encoding(self) -> tuple[nn.Parameter, nn.Parameter]:
        """The parameters that encode; the others only decode, unless they are tied to these."""
        return self.weight, self.hidden_bias

    @property
    def decoding(self) -> Tensor:
        """The decoder's weights, in the shape of `weight`."""
        return self.weight if self.decoder is None else self.decoder

    def forward(self, v: Tensor) -> Tensor:
        """Hidden units of visible ones."""
        return ACTIVATIONS[self.activation](self.up(v))

    def decode(self, h: Tensor) -> Tensor:
        """Visible units of hidden ones."""
        return ACTIVATIONS[self.output](self.down(h))

    def up(self, v: Tensor) -> Tensor:
        """The hidden units' input."""
        raise NotImplementedError

    def down(self, h: Tensor) -> Tensor:
        """The visible units' input: logits where `output` is sigmoid."""
        raise NotImplementedError


class DenseCoder(Coder):
    """`[B, visible]` (or what flattens to it) -> `[B, hidden]`."""

    def __init__(self, visible: int, hidden: int, activation: str, output: str, tied: bool) -> None:
        super().__init__(torch.empty(hidden, visible), hidden, visible, activation, output, tied)

    def up(self, v: Tensor) -> Tensor:
        return F.linear(v.flatten(1), self.weight, self.hidden_bias)

    def down(self, h: Tensor) -> Tensor:
        return F.linear(h, self.decoding.T, self.visible_bias)


class ConvCoder(Coder):
    """A convolution of stride 2 and its transpose, `[B, *shape]` -> `[B, maps, ceil(H / 2), ceil(W / 2)]`.

    Args:
        shape: of one example, `(C, H, W)`.
        kernel: side of the filters, odd: each side is padded by half of it.
    """

    def __init__(
        self, shape: tuple[int, int, int], maps: int, kernel: int, activation: str, output: str, tied: bool
    ) -> None:
        channels, height, width = shape
        super().__init__(torch.empty(maps, channels, kernel, kernel), maps, channels, activation, output, tied)
        self.padding = kernel // 2
        self.shape = (maps, (height + 1) // 2, (width + 1) // 2)
        self.rest = ((height + 1) % 2, (width + 1) % 2)

    def up(self, v: Tensor) -> Tensor:
        return F.conv2d(v, self.weight, self.hidden_bias, 2, self.padding)

    def down(self, h: Tensor) -> Tensor:
        maps = h.reshape(-1, *self.shape)
        return F.conv_transpose2d(maps, self.decoding, self.visible_bias, 2, self.padding, self.rest)
