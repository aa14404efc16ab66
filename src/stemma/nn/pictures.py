"""Weights as small pictures."""

import numpy as np
from torch import Tensor


def tiles(weights: Tensor, most: int = 64) -> np.ndarray:
    """Weights `[n, C, H, W]` -> uint8 `[n, H, W, C]`, each tile stretched to its own largest magnitude.

    C other than 1 or 3 is averaged to 1. Grey 128 is weight 0.
    """
    values = weights.detach().float().cpu().numpy()[:most]
    if values.shape[1] not in (1, 3):
        values = values.mean(1, keepdims=True)
    peak = np.abs(values).max(axis=(1, 2, 3), keepdims=True)
    scaled = 127.5 * values / np.where(peak > 0, peak, 1) + 128
    return scaled.clip(0, 255).astype(np.uint8).transpose(0, 2, 3, 1)
