"""conv1d: convolution along one dimension, for signals, tables and sequences."""

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from stemma.errors import StemmaError
from stemma.families.base import Model
from stemma.nn.activations import make_activation
from stemma.nn.inputs import Steps
from stemma.nn.pooling import mask
from stemma.spec import PAD


class Conv1d(Model):
    """Layers of convolution, activation and maximum of each `pool` neighbours, then a dense layer.

    A text is read word by word, an image row by row, a table column by column. Windows do not leave the input: n
    steps and a width of w give n - w + 1, of which the pool leaves a `pool`-th, rounded down.

    `summary` says what the dense layer sees of the last positions: `all` of them, the `max` or the `mean` of each map;
    `auto` is `max` for texts, whose lengths differ, and `all` otherwise. A text's windows that reach into the padding
    count only where it is shorter than one window of the whole net.
    """

    def __init__(
        self,
        spec: dict[str, Any],
        maps: tuple[int, ...] = (64,),
        width: int = 3,
        pool: int = 1,
        summary: str = "auto",
        activation: str = "relu",
        embedding: int = 100,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(spec)
        self.width, self.pool = width, pool
        self.steps = Steps(self.spec, embedding)
        self.convolutions = nn.ModuleList(nn.Conv1d(i, o, width) for i, o in pairwise([self.steps.size, *maps]))
        self.activation, self.dropout = make_activation(activation), nn.Dropout(dropout)
        is_text = self.spec.kind == "text"
        self.summary = ("max" if is_text else "all") if summary == "auto" else summary
        if is_text and self.summary == "all":
            raise StemmaError("conv1d: summary: 'all' takes inputs of one length, texts have many; use max or mean")
        positions = self.left(self._available())
        self.head = nn.Linear(maps[-1] * (positions if self.summary == "all" else 1), self.spec.outputs)
        self.save_hyperparameters()

    @property
    def least(self) -> int:
        """Steps of the input that one position after the last layer sees."""
        steps = 1
        for _ in self.convolutions:
            steps = steps * self.pool + self.width - 1
        return steps

    def left(self, steps: Any) -> Any:
        """Positions after the last layer, of a number of steps or a tensor of such."""
        for _ in self.convolutions:
            steps = (steps - self.width + 1) // self.pool
        return steps

    def _available(self) -> int:
        """Steps of an example.

        Raises:
            StemmaError: too few for the layers.
        """
        steps = self.spec.shape[1] if self.spec.kind == "image" else self.spec.shape[0]
        if steps < self.least:
            layers = f"{len(self.convolutions)} layer(s) of width {self.width} and pool {self.pool}"
            raise StemmaError(f"conv1d: {layers} need at least {self.least} steps, the data has {steps}")
        return steps

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        if self.spec.kind == "text":
            x = nn.functional.pad(x, (0, max(0, self.least - x.shape[1])), value=PAD)
        values = self.dropout(self.steps(x)).transpose(1, 2)
        for convolution in self.convolutions:
            values = nn.functional.max_pool1d(self.activation(convolution(values)), self.pool)
        inside = None if lengths is None else mask(self.left(lengths.clamp(min=self.least)), values.shape[2])
        return self.head(self.dropout(self._summarise(values, inside)))

    def _summarise(self, values: Tensor, inside: Tensor | None) -> Tensor:
        """Maps `[B, M, T]`, positions that count `[B, T]` or None for all -> `[B, M]`, or `[B, M * T]` for `all`."""
        if self.summary == "all":
            return values.flatten(1)
        inside = torch.ones_like(values[:, 0], dtype=torch.bool) if inside is None else inside
        if self.summary == "max":
            return values.masked_fill(~inside[:, None], -torch.inf).amax(2)
        return values.masked_fill(~inside[:, None], 0).sum(2) / inside.sum(1, keepdim=True)
