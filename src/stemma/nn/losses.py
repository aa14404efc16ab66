"""Losses of logits `[B, classes]` and labels `[B]` by the name that params.yaml uses."""

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional as F


def cross_entropy(logits: Tensor, labels: Tensor, weight: Tensor | None = None) -> Tensor:
    """Mean over the batch, weighted by `weight` `[classes]`."""
    return F.cross_entropy(logits, labels, weight)


def one_hot_mse(logits: Tensor, labels: Tensor, weight: Tensor | None = None) -> Tensor:
    """Mean squared error of the softmax against one-hot labels, mean over classes and, weighted, over the batch."""
    targets = F.one_hot(labels, logits.shape[1]).to(logits.dtype)
    errors = (logits.softmax(1) - targets).square().mean(1)
    return errors.mean() if weight is None else (errors * weight[labels]).sum() / weight[labels].sum()


LOSSES: dict[str, Callable[[Tensor, Tensor, Tensor | None], Tensor]] = {
    "cross_entropy": cross_entropy,
    "mse": one_hot_mse,
}


def balanced(counts: tuple[int, ...]) -> list[float]:
    """Weight of each class: the inverse of its number of examples, scaled so that examples weigh 1 on average."""
    return [sum(counts) / (len(counts) * max(count, 1)) for count in counts]
