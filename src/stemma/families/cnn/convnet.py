"""convnet: two convolutions, two poolings, dropout, one dense layer."""

from typing import Any

from torch import nn

from stemma.families.cnn.image import ImageNet
from stemma.nn.initialisation import initialise


class ConvNet(ImageNet):
    """Conv 32@4x4, pool 2, conv 32@3x3, pool 2, dropout, dense; ReLU. 28x28: maps 25, 12, 10, 5.

    Teaching texts scale pixels to 0..1 (`standardise` false) and start as Keras does, from `glorot_uniform` weights.
    """

    def __init__(
        self, spec: dict[str, Any], dropout: float = 0.3, standardise: bool = True, initialisation: str = "default"
    ) -> None:
        super().__init__(spec, smallest=11, standardise=standardise)
        self.features = nn.Sequential(
            nn.Conv2d(self.channels, 32, 4),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(32, 32, 3),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
        )
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(self.flat_size(), self.spec.outputs))
        initialise(self, initialisation)
        self.save_hyperparameters()
