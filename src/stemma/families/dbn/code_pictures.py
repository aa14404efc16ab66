"""Pictures of what a code keeps: examples beside their reconstructions, places of codes, what lies between them."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from stemma.spec import DataSpec

SIDE, GRID = 320, 12
"""Pixels of a side of the picture of codes; decoded points along a side of the grid between them."""
COLOURS = np.array(
    [
        (31, 119, 180), (255, 127, 14), (44, 160, 44), (214, 39, 40), (148, 103, 189),
        (140, 86, 75), (227, 119, 194), (110, 110, 110), (188, 189, 34), (23, 190, 207),
    ],
    np.uint8,
)  # fmt: skip
"""A colour a class; further classes begin anew."""


def intensities(spec: DataSpec, flat: Tensor) -> np.ndarray:
    """Pixels in [0, 1], `[B, C * H * W]`, as uint8 pictures `[B, H, W, C]`."""
    pixels = (flat.reshape(-1, *spec.shape).clamp(0, 1) * 255).round().byte()
    return np.ascontiguousarray(pixels.permute(0, 2, 3, 1).cpu().numpy())


def beside(spec: DataSpec, *versions: Tensor) -> np.ndarray:
    """Versions `[B, D]` of the same images from left to right, uint8 `[B, H, versions * W, C]`."""
    return np.concatenate([intensities(spec, version) for version in versions], axis=2)


def scatter(codes: Tensor, targets: Tensor) -> np.ndarray:
    """Codes `[N, 2]` as dots in the colour of their class, or from blue to red by value; uint8 `[1, H, W, 3]`."""
    places, values = codes.cpu().double().numpy(), targets.cpu().numpy()
    low, high = places.min(0), places.max(0)
    at = np.round(6 + (SIDE - 13) * (places - low) / np.maximum(high - low, 1e-12)).astype(int)
    picture = np.full((1, SIDE, SIDE, 3), 255, np.uint8)
    for (across, up), colour in zip(at, _colours(values), strict=True):
        for row in range(-2, 3):
            wide = 2 if abs(row) < 2 else 1
            picture[0, SIDE - 1 - up + row, across - wide : across + wide + 1] = colour
    return picture


def _colours(values: np.ndarray) -> np.ndarray:
    """uint8 `[N, 3]`: of whole numbers from 0 the classes' colours, else by size."""
    if (values == np.round(values)).all() and values.min() >= 0 and values.max() < 10 * len(COLOURS):
        return COLOURS[values.astype(int) % len(COLOURS)]
    share = ((values - values.min()) / max(np.ptp(values), 1e-12))[:, None]
    return ((1 - share) * COLOURS[0] + share * COLOURS[3]).astype(np.uint8)


def manifold(spec: DataSpec, codes: Tensor, decode: Callable[[Tensor], Tensor]) -> np.ndarray:
    """What lies on a grid over the middle 90 % of codes `[N, 2]`, rows from the top; uint8 `[GRID^2, H, W, C]`."""
    shares = torch.linspace(0.05, 0.95, GRID, device=codes.device)
    across, up = torch.quantile(codes[:, 0], shares), torch.quantile(codes[:, 1], shares).flip(0)
    grid = torch.stack([across.repeat(GRID), up.repeat_interleave(GRID)], dim=1)
    return intensities(spec, decode(grid))
