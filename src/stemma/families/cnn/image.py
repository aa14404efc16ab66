"""What the convolutional nets for images share."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from stemma.errors import StemmaError
from stemma.families.base import Model
from stemma.nn.inputs import Pixels
from stemma.nn.pictures import tiles


class ImageNet(Model):
    """A net of `features` `[B, C, H, W] -> [B, ...]` and a `head` that ends in logits."""

    features: nn.Module
    head: nn.Module

    def __init__(self, spec: dict[str, Any], smallest: int, standardise: bool = True) -> None:
        super().__init__(spec)
        self.channels, self.height, self.width = self.spec.shape
        if min(self.height, self.width) < smallest:
            raise StemmaError(
                f"{type(self).__name__}: needs images of at least {smallest}x{smallest}, "
                f"the data has {self.height}x{self.width}"
            )
        self.encode = Pixels(self.spec, standardise)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return self.head(self.features(self.encode(x)))

    def flat_size(self) -> int:
        """Numbers that `features` makes of one image."""
        with torch.no_grad():
            was_training = self.features.training
            size = self.features.eval()(torch.zeros(1, self.channels, self.height, self.width)).numel()
            self.features.train(was_training)
        return size

    def pictures(self) -> dict[str, np.ndarray]:
        """The filters of the first convolution."""
        first = next(module for module in self.modules() if isinstance(module, nn.Conv2d))
        return {"filters": tiles(first.weight)}
