"""mlp: dense layers (Rumelhart, Hinton, Williams 1986)."""

from itertools import pairwise
from math import log
from typing import Any

import torch
from torch import Tensor, nn

from stemma.errors import StemmaError
from stemma.families.base import Model
from stemma.families.phase import Phase
from stemma.nn.dense import dense
from stemma.nn.initialisation import initialise
from stemma.nn.inputs import Vector
from stemma.nn.names import OPTIMIZERS


class MLP(Model):
    """Flat pixels, a bag of `words` words or columns, hidden layers, a dense layer.

    What surrounds a layer is told by `nn.dense.dense`; with the activation maxout it is the net of
    Goodfellow et al. 2013.

    With `starts` above 1 so many nets are trained side by side from random starts of their own, each by its own
    loss, and their predictions are averaged (Hastie, Tibshirani, Friedman 2009, section 11.5.5).
    """

    def __init__(
        self,
        spec: dict[str, Any],
        hidden: tuple[int, ...] = (256, 128),
        dropout: float = 0.0,
        words: int = 2000,
        starts: int = 1,
        activation: str = "relu",
        pieces: int = 2,
        alpha: float | None = None,
        batch_norm: bool = False,
        drop: str = "dropout",
        initialisation: str = "default",
    ) -> None:
        super().__init__(spec)
        self.encode = Vector(self.spec, words)
        layer = {
            "activation": activation,
            "pieces": pieces,
            "alpha": alpha,
            "batch_norm": batch_norm,
            "drop": drop,
            "rate": dropout,
            "initialisation": initialisation,
        }
        self.layers, self.head = self._net(hidden, layer)
        self.others = nn.ModuleList(nn.Sequential(*self._net(hidden, layer)) for _ in range(starts - 1))
        self.save_hyperparameters()

    def _net(self, hidden: tuple[int, ...], layer: dict[str, Any]) -> tuple[nn.Sequential, nn.Linear]:
        sizes = [self.encode.size, *hidden]
        head = nn.Linear(sizes[-1], self.spec.outputs)
        initialise(head, layer["initialisation"])
        return nn.Sequential(*(dense(inputs, outputs, **layer) for inputs, outputs in pairwise(sizes))), head

    def begin(self, phase: Phase, settings: Any) -> None:
        """See `Model.begin`; several starts have a loss each, a line search needs one, a companion is of one net."""
        if self.others and OPTIMIZERS[settings.optimizer].searches:
            raise StemmaError(f"parameters.starts: above 1 does not go with optimizer '{settings.optimizer}'")
        if self.others and settings.companion != "none":
            raise StemmaError(f"parameters.starts: above 1 does not go with companion '{settings.companion}'")
        super().begin(phase, settings)

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
