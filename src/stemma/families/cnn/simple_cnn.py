"""simple_cnn: three 3x3 convolutions with two poolings between them."""

from typing import Any

from torch import nn

from stemma.families.cnn.image import ImageNet


class SimpleCNN(ImageNet):
    """Conv 32, pool, conv 64, pool, conv 64, dense; 3x3, ReLU. 28x28: maps 26, 13, 11, 5, 3."""

    def __init__(self, spec: dict[str, Any], dropout: float = 0.0) -> None:
        super().__init__(spec, smallest=18)
        self.features = nn.Sequential(
            nn.Conv2d(self.channels, 32, 3),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(64, 64, 3),
            nn.ReLU(),
            nn.Flatten(),
        )
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(self.flat_size(), self.spec.outputs))
        self.save_hyperparameters()
