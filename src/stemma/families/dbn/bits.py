"""Prepared examples as patterns of two-valued units, for memories."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stemma.spec import DataSpec


class Bits(nn.Module):
    """Images or a table's rows -> bits 0/1, float `[B, size]`.

    Of an image (its channels averaged, reduced to `side` x `side` means unless that is None) the pixels above
    `threshold` of full brightness; of a table the columns above 0: standardised ones that exceed their mean, categories
    that apply.
    """

    def __init__(self, spec: DataSpec, side: int | None = None, threshold: float = 0.5) -> None:
        super().__init__()
        self.image, self.side, self.threshold = spec.kind == "image", side, threshold
        self.shape = (1, spec.shape[0]) if not self.image else (side, side) if side else spec.shape[1:]
        self.size = self.shape[0] * self.shape[1]

    def forward(self, x: Tensor) -> Tensor:
        if not self.image:
            return (x > 0).float()
        grey = x.float().mean(1, keepdim=True) / 255
        grey = F.adaptive_avg_pool2d(grey, self.side) if self.side else grey
        return (grey > self.threshold).float().flatten(1)

    def drawn(self, *bits: Tensor) -> np.ndarray:
        """Bits 0/1 `[N, size]` of each kind beside each other, uint8 `[N, H, W * kinds + gaps, 1]`; gaps are grey."""
        height, width = self.shape
        gap = torch.full((len(bits[0]), height, 1), 128, dtype=torch.uint8)
        parts = [gap]
        for each in bits:
            parts += [(255 * each.detach().cpu()).byte().reshape(-1, height, width), gap]
        return torch.cat(parts[1:-1], 2).unsqueeze(3).numpy()
