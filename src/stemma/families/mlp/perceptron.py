"""perceptron: a threshold unit a class by the perceptron rule (Rosenblatt 1958), with a pocket (Gallant 1990)."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from stemma.families.mlp.linear import LinearUnits

TIE = 1e-6


class Perceptron(LinearUnits):
    """Units sign(w'x + b) with sign(0) = +1: one for two classes, else one a class against the rest.

    From w = 0, an example x of target t = +-1 that a unit gets wrong changes it by t x; where the data can be
    separated this ends after finitely many changes (Novikoff 1962). Where not, it ends after `passes` passes, and
    the pocket holds the weights that were wrong on the fewest training examples at the end of a pass.
    """

    def __init__(self, spec: dict[str, Any], passes: int = 100, words: int = 2000) -> None:
        super().__init__(spec, words, 1 if len(spec["classes"]) == 2 else len(spec["classes"]))
        self.passes = passes
        self.save_hyperparameters()

    def solve(self, split: Any) -> None:
        x, units = self.design(split), self.head.out_features
        targets = np.where(np.asarray(split.y)[:, None] == (np.arange(units) if units > 1 else 1), 1.0, -1.0)
        weights = pocket = np.zeros((units, x.shape[1]))
        least = wrong(pocket, x, targets).sum(axis=0)
        for _ in range(self.passes):
            if not least.any():
                break
            weights = one_pass(weights, x, targets)
            errors = wrong(weights, x, targets).sum(axis=0)
            pocket = np.where((errors < least)[:, None], weights, pocket)
            least = np.minimum(errors, least)
        self.put(pocket)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Logits: signed distances from the units' hyperplanes."""
        norm = self.head.weight.norm(dim=1).clamp(min=torch.finfo(self.head.weight.dtype).tiny)
        distance = self.head(self.encode(x)) / norm
        if distance.shape[1] > 1:
            return distance
        distance = torch.where(distance == 0, TIE, distance)
        return torch.cat([-distance, distance], 1)


def wrong(weights: np.ndarray, x: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Which of the examples `[N, D]` each unit `[U, D]` gets wrong, bool `[N, U]`; `targets` +-1 `[N, U]`."""
    return np.where(x @ weights.T >= 0, 1.0, -1.0) != targets


def one_pass(weights: np.ndarray, x: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The units after every example in order has had its say."""
    weights = weights.copy()
    for row, target in zip(x, targets, strict=True):
        missed = np.where(weights @ row >= 0, 1.0, -1.0) != target
        if missed.any():
            weights[missed] += target[missed, None] * row
    return weights
