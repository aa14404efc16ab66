"""pca: principal component analysis (Pearson 1901; Hotelling 1933), the best linear code for the squared error."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from stemma.errors import StemmaError
from stemma.families.base import Model
from stemma.families.phase import Phase
from stemma.nn.inputs import Vector
from stemma.nn.pictures import tiles


class PCA(Model):
    """Examples as a mean and so many directions of most variance, of pixels in [0, 1], words that occur, or columns.

    Raises:
        StemmaError: more components than an example has values.
    """

    differentiable = False
    mean: Tensor
    directions: Tensor

    def __init__(self, spec: dict[str, Any], components: int = 30, words: int = 2000) -> None:
        super().__init__(spec)
        self.encode = Vector(self.spec, words, standardise=False)
        if components > self.encode.size:
            raise StemmaError(f"parameters.components: {components}; an example has {self.encode.size} values")
        self.register_buffer("mean", torch.zeros(self.encode.size))
        self.register_buffer("directions", torch.zeros(components, self.encode.size))

    def phases(self) -> list[Phase]:
        return [Phase("fit", solve=self.solve, labels=False)]

    @torch.no_grad()
    def solve(self, split: Any) -> None:
        """Eigenvectors of the covariance, in double precision."""
        pieces = self.pieces(split.x, split.lengths, 1000)
        v = torch.cat([self.encode(x).double() for x, _ in pieces])
        mean = v.mean(0)
        centred = v - mean
        vectors = torch.linalg.eigh(centred.T @ centred)[1].flip(1)
        self.mean.copy_(mean)
        self.directions.copy_(vectors[:, : len(self.directions)].T)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return self.reconstruct(x)

    def codes(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Coordinates along the directions, `[B, components]`."""
        return (self.targets(x) - self.mean) @ self.directions.T

    def reconstruct(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """What the coordinates tell of examples, `[B, D]`."""
        return self.codes(x) @ self.directions + self.mean

    def parameter_count(self) -> int:
        return self.mean.numel() + self.directions.numel()

    def pictures(self) -> dict[str, np.ndarray]:
        """Directions of images."""
        if self.spec.kind != "image":
            return {}
        return {"directions": tiles(self.directions.reshape(-1, *self.spec.shape))}
