"""Losses of logits `[B, classes]` and labels `[B]` by the name that params.yaml uses."""

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional as F


def one_hot_mse(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean squared error of the softmax against one-hot labels, mean over batch and classes."""
    return F.mse_loss(logits.softmax(1), F.one_hot(labels, logits.shape[1]).to(logits.dtype))


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"cross_entropy": F.cross_entropy, "mse": one_hot_mse}
