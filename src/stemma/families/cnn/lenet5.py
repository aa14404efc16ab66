"""lenet5: the 1998 network with all its parts, and its modern form."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stemma.errors import StemmaError
from stemma.families.cnn.image import ImageNet

# Table I of the paper: the S2 maps that each of the 16 C3 maps sees.
C3_TABLE = (
    (0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5),
    (0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5),
    (0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5), (0, 1, 2, 3, 4, 5),
)  # fmt: skip

# Stylised 7x12 pictures of the digits, a row of 7 bits each: the targets of the 84 units of F6 (figure 3).
DIGITS = (
    "3e41414141414141414141 3e", "0818280808080808080808 3e", "3e41010101020408102040 7f",
    "3e41010101011e01010141 3e", "02060a1222427f02020202 02", "7f40404040407e01010141 3e",
    "1e20404040407e41414141 3e", "7f01010202040408081010 10", "3e41414141413e41414141 3e",
    "3e41414141413f01010102 3c",
)  # fmt: skip


class ScaledTanh(nn.Module):
    """1.7159 tanh(2/3 x): f(1) = 1, f(-1) = -1, largest curvature at +-1 (appendix A)."""

    def forward(self, x: Tensor) -> Tensor:
        return 1.7159 * torch.tanh(2 / 3 * x)


class Subsampling(nn.Module):
    """Sum of 2x2 pixels, times a trainable coefficient, plus a trainable bias, a pair for each map."""

    def __init__(self, maps: int) -> None:
        super().__init__()
        self.coefficient = nn.Parameter(torch.full((maps, 1, 1), 0.25))
        self.bias = nn.Parameter(torch.zeros(maps, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.coefficient * 4 * F.avg_pool2d(x, 2) + self.bias


class TableConvolution(nn.Module):
    """5x5 convolution whose output maps see only the input maps that `C3_TABLE` lists."""

    outputs: Tensor
    inputs: Tensor

    def __init__(self) -> None:
        super().__init__()
        pairs = torch.tensor([(out, source) for out, sources in enumerate(C3_TABLE) for source in sources])
        self.register_buffer("outputs", pairs[:, 0], persistent=False)
        self.register_buffer("inputs", pairs[:, 1], persistent=False)
        fan_in = 25 * torch.tensor([len(sources) for sources in C3_TABLE])[pairs[:, 0]]
        bound = 2.4 / fan_in[:, None, None]
        self.weight = nn.Parameter((2 * torch.rand(len(pairs), 5, 5) - 1) * bound.sqrt())
        self.bias = nn.Parameter(torch.zeros(len(C3_TABLE)))

    def forward(self, x: Tensor) -> Tensor:
        full = self.weight.new_zeros(len(C3_TABLE), 6, 5, 5)
        return F.conv2d(x, full.index_put((self.outputs, self.inputs), self.weight), self.bias)


class RadialBasis(nn.Module):
    """Logits = minus the squared distance to each class's fixed code.

    Softmax cross-entropy of them is the paper's discriminative criterion (equation 9) without its
    constant for rubbish classes.
    """

    codes: Tensor

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.register_buffer("codes", _codes(classes))
        self.in_features = self.codes.shape[1]

    def forward(self, x: Tensor) -> Tensor:
        return -(x[:, None] - self.codes).square().sum(2)


def _codes(classes: int) -> Tensor:
    """Codes +-1 `[classes, 84]`: pictures of the digits; fixed random ones for further classes."""
    rows = [bytes.fromhex(digit.replace(" ", "")) for digit in DIGITS]
    digits = torch.tensor(
        [[1.0 if byte >> bit & 1 else -1.0 for byte in row for bit in range(6, -1, -1)] for row in rows]
    )
    if classes <= len(digits):
        return digits[:classes]
    generator = torch.Generator().manual_seed(1998)
    others = torch.randint(0, 2, (classes - len(digits), 84), generator=generator) * 2.0 - 1
    return torch.cat([digits, others])


class LeNet5(ImageNet):
    """C1-S2-C3-S4-C5-F6-output for images of 28x28 (padded) or 32x32.

    Form `1998`: trainable subsampling, C3's connection table, scaled tanh, radial basis output with
    fixed codes; one colour channel. Form `modern`: ReLU, max pooling, softmax.
    """

    head: nn.Sequential

    def __init__(self, spec: dict[str, Any], form: str = "1998") -> None:
        super().__init__(spec, smallest=28)
        if (self.height, self.width) not in ((28, 28), (32, 32)):
            raise StemmaError(f"lenet5: takes images of 28x28 or 32x32, the data has {self.height}x{self.width}")
        padding = (32 - self.height) // 2
        self.features, self.head = self._of_1998(padding) if form == "1998" else self._modern(padding)
        self.save_hyperparameters()

    def output_layer(self) -> nn.Module:
        """The radial basis units of form 1998, the dense layer of the modern one."""
        return self.head[-1]

    def _of_1998(self, padding: int) -> tuple[nn.Module, nn.Sequential]:
        if self.channels != 1:
            found = f"the data has {self.channels} channels"
            raise StemmaError(f"lenet5: form 1998 takes grey images, {found}; use form: modern")
        black = self.encode(torch.zeros(1, 1, 1, 1, dtype=torch.uint8)).item()
        features = nn.Sequential(
            nn.ConstantPad2d(padding, black),
            nn.Conv2d(1, 6, 5), ScaledTanh(), Subsampling(6), ScaledTanh(),
            TableConvolution(), ScaledTanh(), Subsampling(16), ScaledTanh(),
            nn.Conv2d(16, 120, 5), ScaledTanh(), nn.Flatten(),
        )  # fmt: skip
        return features, nn.Sequential(nn.Linear(120, 84), ScaledTanh(), RadialBasis(self.spec.outputs))

    def _modern(self, padding: int) -> tuple[nn.Module, nn.Sequential]:
        features = nn.Sequential(
            nn.ConstantPad2d(padding, 0.0),
            nn.Conv2d(self.channels, 6, 5), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 120, 5), nn.ReLU(), nn.Flatten(),
        )  # fmt: skip
        return features, nn.Sequential(nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, self.spec.outputs))
