"""linear: least squares (Legendre 1805; Gauss 1809), solved in closed form or by gradients."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from stemma.families.base import Model
from stemma.families.phase import Phase
from stemma.nn.inputs import Vector


class LinearUnits(Model):
    """Flat pixels, a bag of `words` words or columns, and one layer of `units` that a subclass solves for."""

    head: nn.Linear

    def __init__(self, spec: dict[str, Any], words: int, units: int) -> None:
        super().__init__(spec)
        self.encode = Vector(self.spec, words)
        self.head = nn.Linear(self.encode.size, units)

    def phases(self) -> list[Phase]:
        return [Phase("fit", solve=self.solve)]

    def solve(self, split: Any) -> None:
        """Fit to the training split (`x`, `y`)."""
        raise NotImplementedError

    @torch.no_grad()
    def design(self, split: Any, batch: int = 1000) -> np.ndarray:
        """Inputs of the layer and a column of ones for its bias, float64 `[N, size + 1]`."""
        starts = range(0, len(split.x), batch)
        parts = [self.encode(torch.as_tensor(np.array(split.x[i : i + batch]))).double().numpy() for i in starts]
        inputs = np.concatenate(parts)
        return np.concatenate([inputs, np.ones((len(inputs), 1))], axis=1)

    @torch.no_grad()
    def put(self, weights: np.ndarray) -> None:
        """Take over `weights` `[units, size + 1]`, the bias last."""
        self.head.weight.copy_(torch.from_numpy(weights[:, :-1]))
        self.head.bias.copy_(torch.from_numpy(weights[:, -1]))

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return self.head(self.encode(x))


class LinearRegression(LinearUnits):
    """One linear unit; of several solutions that with the least norm.

    With the solver `gradient` it learns by the experiment's optimiser and loss instead, as a network does.
    """

    def __init__(self, spec: dict[str, Any], words: int = 2000, solver: str = "least_squares") -> None:
        super().__init__(spec, words, 1)
        self.solver = solver
        self.save_hyperparameters()

    def phases(self) -> list[Phase]:
        if self.solver == "gradient":
            return [Phase("fit", self.objective, trainable=(self,))]
        return super().phases()

    def solve(self, split: Any) -> None:
        targets = (np.asarray(split.y, np.float64) - self.spec.target_mean) / self.spec.target_std
        self.put(np.linalg.lstsq(self.design(split), targets, rcond=None)[0][None])
