"""mlp: dense layers (Rumelhart, Hinton, Williams 1986)."""

from typing import Any

from torch import Tensor, nn

from stemma.families.base import Model
from stemma.nn.activations import ACTIVATIONS
from stemma.nn.inputs import Vector


class MLP(Model):
    """Flat pixels or a bag of `words` words, hidden layers with dropout, a dense layer of logits."""

    def __init__(
        self,
        spec: dict[str, Any],
        hidden: tuple[int, ...] = (256, 128),
        activation: str = "relu",
        dropout: float = 0.0,
        words: int = 2000,
    ) -> None:
        super().__init__(spec)
        self.encode = Vector(self.spec, words)
        layers: list[nn.Module] = []
        inputs = self.encode.size
        for outputs in hidden:
            layers += [nn.Linear(inputs, outputs), ACTIVATIONS[activation](), nn.Dropout(dropout)]
            inputs = outputs
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(inputs, len(self.spec.classes))
        self.save_hyperparameters()

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return self.head(self.layers(self.encode(x)))
