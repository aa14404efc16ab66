"""Where the units of a map lie: distances, neighbourhoods and pictures of a rectangular or hexagonal lattice."""

import numpy as np
import torch
from torch import Tensor

BESIDE = 1.5
"""Units nearer than this are neighbours: eight on a rectangular lattice, six on a hexagonal one."""
CELL = 18
"""Pixels a side of a unit in a U-matrix."""


class Lattice:
    """`rows` x `columns` units, row by row; `hexagonal`: odd rows are half a unit to the right, all six beside at 1."""

    def __init__(self, rows: int, columns: int, kind: str = "hexagonal") -> None:
        self.rows, self.columns, self.hexagonal = rows, columns, kind == "hexagonal"

    def places(self) -> Tensor:
        """Coordinates (down, right) of all units, `[U, 2]`."""
        unit = torch.arange(self.rows * self.columns)
        down, right = (unit // self.columns).double(), (unit % self.columns).double()
        if self.hexagonal:
            down, right = down * 0.75**0.5, right + 0.5 * (down % 2)
        return torch.stack([down, right], 1)

    def distances(self) -> Tensor:
        """Euclidean, `[U, U]`."""
        return torch.cdist(self.places(), self.places())

    def neighbourhood(self, radius: float) -> Tensor:
        """exp(-distance^2 / 2 radius^2), `[U, U]`."""
        return torch.exp(-self.distances().square() / (2 * radius**2))

    def adjacency(self) -> Tensor:
        """Which units are neighbours, bool `[U, U]`."""
        distances = self.distances()
        return (distances > 0) & (distances < BESIDE)

    def u_matrix(self, weight: Tensor) -> np.ndarray:
        """Mean distance of each prototype `[U, D]` to its neighbours', from the least (black) to the largest (white).

        One picture `[1, H, W, 1]` (Ultsch, Siemon 1990).
        """
        beside = self.adjacency().to(weight)
        far = (torch.cdist(weight, weight) * beside).sum(1) / beside.sum(1).clamp(min=1)
        shades = (255 * (far - far.min()) / (far.max() - far.min()).clamp(min=1e-12)).round().byte().numpy()
        return self.drawn(np.broadcast_to(shades[:, None, None, None], (len(weight), CELL, CELL, 1)))

    def drawn(self, tiles: np.ndarray) -> np.ndarray:
        """Pictures of all units, uint8 `[U, H, W, C]`, at their places in one picture `[1, H, W, C or 1]`."""
        _, height, width, channels = tiles.shape
        shift = width // 2 if self.hexagonal else 0
        size = (self.rows * height, self.columns * width + shift, channels)
        picture = np.zeros(size, np.uint8)
        for unit, tile in enumerate(tiles):
            row, column = divmod(unit, self.columns)
            left = column * width + shift * (row % 2)
            picture[row * height : (row + 1) * height, left : left + width] = tile
        return picture[None]
