"""mlp: dense layers (Rumelhart, Hinton, Williams 1986)."""

from math import log
from typing import Any

import torch
from torch import Tensor, nn

from stemma.families.base import Model
from stemma.nn.activations import ACTIVATIONS
from stemma.nn.inputs import Vector


class MLP(Model):
    """Flat pixels, a bag of `words` words or columns, hidden layers with dropout, a dense layer.

    With `starts` above 1 so many nets are trained side by side from random starts of their own, each by its own
    loss, and their predictions are averaged (Hastie, Tibshirani, Friedman 2009, section 11.5.5).
    """

    def __init__(
        self,
        spec: dict[str, Any],
        hidden: tuple[int, ...] = (256, 128),
        activation: str = "relu",
        dropout: float = 0.0,
        words: int = 2000,
        starts: int = 1,
    ) -> None:
        super().__init__(spec)
        self.encode = Vector(self.spec, words)
        self.layers, self.head = self._net(hidden, activation, dropout)
        self.others = nn.ModuleList(nn.Sequential(*self._net(hidden, activation, dropout)) for _ in range(starts - 1))
        self.save_hyperparameters()

    def _net(self, hidden: tuple[int, ...], activation: str, dropout: float) -> tuple[nn.Sequential, nn.Linear]:
        layers: list[nn.Module] = []
        inputs = self.encode.size
        for outputs in hidden:
            layers += [nn.Linear(inputs, outputs), ACTIVATIONS[activation](), nn.Dropout(dropout)]
            inputs = outputs
        return nn.Sequential(*layers), nn.Linear(inputs, self.spec.outputs)

    def each(self, x: Tensor) -> list[Tensor]:
        """Outputs `[B, spec.outputs]` of every net."""
        v = self.encode(x)
        return [self.head(self.layers(v)), *(net(v) for net in self.others)]

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The mean of the nets' values, or the logarithm of the mean of their probabilities."""
        outputs = self.each(x)
        if len(outputs) == 1:
            return outputs[0]
        if self.spec.task == "regress":
            return torch.stack(outputs).mean(0)
        return torch.stack(outputs).log_softmax(2).logsumexp(0) - log(len(outputs))

    def objective(self, batch: Any) -> dict[str, Tensor]:
        """While training, means over the nets; each net's gradient is that of its own loss."""
        if not self.training or not self.others:
            return super().objective(batch)
        found = [self.judge(outputs, batch.y) for outputs in self.each(batch.x)]
        means = {name: torch.stack([values[name] for values in found]).mean() for name in found[0]}
        rest = means["loss"] * (len(found) - 1)
        return {**means, "loss": means["loss"] + rest - rest.detach()}
