"""What the recurrent classifiers share: steps in, states, one pooled state, logits."""

from typing import Any

from torch import Tensor, nn

from stemma.families.base import Model
from stemma.nn.inputs import Steps
from stemma.nn.pooling import POOLING


class RecurrentClassifier(Model):
    """Reads a text word by word, an image row by row or a table column by column; one layer on the pooled states.

    A subclass sets `self.recurrent`: `[B, T, size] -> ([B, T, hidden], _)`.
    """

    recurrent: nn.Module

    def __init__(self, spec: dict[str, Any], embedding: int, hidden: int, pooling: str, dropout: float) -> None:
        super().__init__(spec)
        self.steps = Steps(self.spec, embedding)
        self.pool = POOLING[pooling]
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(hidden, self.spec.outputs)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        states, _ = self.recurrent(self.dropout(self.steps(x)))
        return self.head(self.dropout(self.pool(states, lengths)))
