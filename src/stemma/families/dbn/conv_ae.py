"""conv_ae: an autoencoder of convolutions (Masci, Meier, Ciresan, Schmidhuber 2011)."""

from math import prod
from typing import Any

from torch import Tensor

from stemma.families.dbn.autoencoder import Coding
from stemma.families.dbn.coders import ConvCoder, DenseCoder
from stemma.nn.inputs import Pixels


class ConvAE(Coding):
    """Convolutions of stride 2, so many `maps` each, a dense code, and mirrored back by transposed convolutions.

    Strides take the place of the paper's max pooling, whose places would have to be passed on beside the code.

    Args:
        kernel: side of the filters, odd.
        code: units of the code.
        linear_code, tied: see `Autoencoder`.
    """

    def __init__(
        self,
        spec: dict[str, Any],
        maps: tuple[int, ...] = (16, 32),
        kernel: int = 3,
        code: int = 64,
        activation: str = "relu",
        linear_code: bool = True,
        tied: bool = False,
        **coding: Any,
    ) -> None:
        super().__init__(spec, **coding)
        self.encode = Pixels(self.spec, standardise=False)
        channels, height, width = self.spec.shape
        shape, output = (channels, height, width), self.output
        for count in maps:
            coder = ConvCoder(shape, count, kernel, activation, output, tied)
            self.coders.append(coder)
            shape, output = coder.shape, activation
        self.coders.append(DenseCoder(prod(shape), code, "linear" if linear_code else activation, output, tied))
        self.finish(code)
        self.save_hyperparameters()

    def filters(self) -> Tensor:
        return self.stack[0].weight
