"""lstm: long short-term memory, three gates and a cell (Hochreiter, Schmidhuber 1997; Gers et al. 2000)."""

from typing import Any

from torch import nn

from stemma.families.rnn.recurrent import RecurrentClassifier


class LSTM(RecurrentClassifier):
    """torch's fused LSTM layers, then a dense layer on the pooled state."""

    def __init__(
        self,
        spec: dict[str, Any],
        embedding: int = 100,
        hidden: int = 128,
        layers: int = 1,
        pooling: str = "last",
        dropout: float = 0.0,
    ) -> None:
        super().__init__(spec, embedding, hidden, pooling, dropout)
        self.recurrent = nn.LSTM(self.steps.size, hidden, layers, batch_first=True)
        self.save_hyperparameters()
