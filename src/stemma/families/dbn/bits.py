"""Prepared examples as patterns of two-valued units, for memories."""

import numpy as np
from torch import Tensor, nn
from torch.nn import functional as F

from stemma.spec import DataSpec

LARGE, GAP = 28, 2
"""Pixels a side of a picture, and between two."""


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
        """Bits 0/1 `[N, size]` of each kind beside each other, uint8 `[N, H, W * kinds + gaps, 1]`.

        Gaps are dark grey. A pixel of a small picture is several wide, so that the picture is about `LARGE`.
        """
        height, width = self.shape
        zoom = max(1, LARGE // max(height, width))
        shown = [(255 * each.detach().cpu()).byte().reshape(-1, height, width).numpy() for each in bits]
        shown = [each.repeat(zoom, 1).repeat(zoom, 2) for each in shown]
        gap = np.full((len(bits[0]), height * zoom, GAP), 64, np.uint8)
        return np.concatenate([part for each in shown for part in (gap, each)][1:], axis=2)[..., None]
