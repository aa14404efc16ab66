"""resnet: residual networks of 6n + 2 layers for small images (He et al. 2016, section 4.2)."""

from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from stemma.families.cnn.image import ImageNet


class Block(nn.Module):
    """h(x) = x + f(x) with two 3x3 convolutions; the shortcut pads new channels with zeros (option A)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.stride, self.extra = stride, outputs - inputs

    def forward(self, x: Tensor) -> Tensor:
        residual = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))
        shortcut = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.extra))
        return F.relu(residual + shortcut)


class ResNet(ImageNet):
    """A 3x3 convolution, three stages of n blocks with 16, 32 and 64 channels, global mean, dense.

    `depth` is 6n + 2. Convolutions start from He's normal distribution (He et al. 2015).
    """

    def __init__(self, spec: dict[str, Any], depth: int = 20, width: int = 16) -> None:
        super().__init__(spec, smallest=8)
        layers: list[nn.Module] = [
            nn.Conv2d(self.channels, width, 3, 1, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
        ]
        inputs = width
        for stage, outputs in enumerate((width, 2 * width, 4 * width)):
            for block in range((depth - 2) // 6):
                layers.append(Block(inputs, outputs, 2 if stage and not block else 1))
                inputs = outputs
        self.features = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Linear(inputs, self.spec.outputs)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        self.save_hyperparameters()
