"""What falls out at random in training: connections (DropConnect) or units by their input (standout)."""

from collections.abc import Callable
from math import log

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class DropConnect(nn.Linear):
    """A dense layer that drops each weight and bias with probability `rate` (Wan et al. 2013).

    What stays is scaled by 1 / (1 - rate), so that the expected output is that of the mean weights, and those predict.
    (The paper predicts with Gaussian samples of the same mean and the dropped sum's variance.)

    Args:
        shared: one mask a batch, instead of one an example, which takes B times the memory of the weights.
    """

    def __init__(self, inputs: int, outputs: int, rate: float = 0.5, shared: bool = False) -> None:
        super().__init__(inputs, outputs)
        self.rate, self.shared = rate, shared

    def forward(self, x: Tensor) -> Tensor:
        """`[B, inputs]` -> `[B, outputs]`."""
        if not self.training or self.rate == 0:
            return super().forward(x)
        if self.shared:
            return F.linear(x, F.dropout(self.weight, self.rate), F.dropout(self.bias, self.rate))
        weight = F.dropout(self.weight.expand(len(x), -1, -1), self.rate)
        return torch.bmm(weight, x[:, :, None])[:, :, 0] + F.dropout(self.bias.expand(len(x), -1), self.rate)


class Standout(nn.Module):
    """An activation whose units stay with probability sigmoid(alpha z + beta), z the unit's input (Ba, Frey 2013).

    The standout net's weights are the layer's own, scaled by `alpha` and shifted by `beta` (section 3.1). Prediction
    takes the expected value. With `alpha` 0 it is dropout.

    Args:
        rate: probability of falling out where z is 0: beta = log((1 - rate) / rate).
    """

    def __init__(self, activation: nn.Module, rate: float = 0.5, alpha: float = 1.0) -> None:
        super().__init__()
        self.activation, self.alpha, self.beta = activation, alpha, log((1 - rate) / rate)

    def stay(self, z: Tensor) -> Tensor:
        """Probability that each unit stays, of the shape of `z`."""
        return torch.sigmoid(self.alpha * z + self.beta)

    def forward(self, z: Tensor) -> Tensor:
        probability, values = self.stay(z), self.activation(z)
        return values * (torch.bernoulli(probability.detach()) if self.training else probability)


DROPS: dict[str, Callable[[float], nn.Module]] = {"dropout": nn.Dropout, "alpha_dropout": nn.AlphaDropout}
