"""Losses by the name that params.yaml uses, for each task that they fit.

`classify`: (logits `[B, K]`, labels `[B]` or target probabilities `[B, K]`, weight `[K]` or None) -> scalar.
`regress`: (values `[B]`, targets `[B]`) -> scalar.
"""

from collections.abc import Callable
from functools import partial
from inspect import signature
from math import log
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from stemma.errors import StemmaError, unknown


def goals(logits: Tensor, labels: Tensor, smoothing: float = 0.0) -> Tensor:
    """Target probabilities `[B, K]`: one-hot, or as given, mixed with the uniform ones by `smoothing`."""
    classes = logits.shape[1]
    sharp = labels if labels.ndim == 2 else F.one_hot(labels, classes)
    return (1 - smoothing) * sharp.to(logits.dtype) + smoothing / classes


def weighted(errors: Tensor, labels: Tensor, weight: Tensor | None) -> Tensor:
    """Mean of `errors` `[B]`, each weighing as its label does."""
    if weight is None:
        return errors.mean()
    shares = labels.to(weight.dtype) @ weight if labels.ndim == 2 else weight[labels]
    return (errors * shares).sum() / shares.sum()


def cross_entropy(logits: Tensor, labels: Tensor, weight: Tensor | None = None, smoothing: float = 0.0) -> Tensor:
    """Softmax loss: -sum of target times log probability; `smoothing` softens the targets (Szegedy et al. 2016)."""
    return F.cross_entropy(logits, labels, weight, label_smoothing=smoothing)


def of_probabilities(distance: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    """The loss for classes that `distance` (`[B, K]`, `[B, K]`) -> `[B]` of softmax and targets makes."""

    def loss(logits: Tensor, labels: Tensor, weight: Tensor | None = None, smoothing: float = 0.0) -> Tensor:
        return weighted(distance(logits.softmax(1), goals(logits, labels, smoothing)), labels, weight)

    return loss


def mean_square(p: Tensor, t: Tensor) -> Tensor:
    """Mean over the classes of the squared error."""
    return (p - t).square().mean(1)


def manhattan(p: Tensor, t: Tensor) -> Tensor:
    """L1: sum of the absolute errors."""
    return (p - t).abs().sum(1)


def euclidean(p: Tensor, t: Tensor) -> Tensor:
    """L2: root of the sum of squares. Some texts print the mean square under this name."""
    return torch.linalg.vector_norm(p - t, dim=1)


one_hot_mse = of_probabilities(mean_square)


def smooth_l1(logits: Tensor, labels: Tensor, weight: Tensor | None = None, smoothing: float = 0.0) -> Tensor:
    """Huber's loss with its bend at 1 (Girshick 2015); between probabilities that is half the squared error."""
    return huber(logits, labels, weight, smoothing, 1.0)


def huber(
    logits: Tensor, labels: Tensor, weight: Tensor | None = None, smoothing: float = 0.0, delta: float = 1.0
) -> Tensor:
    """Square below an error of `delta`, linear above (Huber 1964); mean over the classes."""
    errors = F.huber_loss(logits.softmax(1), goals(logits, labels, smoothing), reduction="none", delta=delta)
    return weighted(errors.mean(1), labels, weight)


def kl(logits: Tensor, labels: Tensor, weight: Tensor | None = None, smoothing: float = 0.0) -> Tensor:
    """Kullback-Leibler divergence of the softmax from the targets: cross-entropy less the targets' entropy."""
    t = goals(logits, labels, smoothing)
    return weighted((torch.xlogy(t, t) - t * logits.log_softmax(1)).sum(1), labels, weight)


def js(logits: Tensor, labels: Tensor, weight: Tensor | None = None, smoothing: float = 0.0) -> Tensor:
    """Jensen-Shannon divergence: the mean of both divergences from the middle; symmetric, at most log 2."""
    t, log_p = goals(logits, labels, smoothing), logits.log_softmax(1)
    log_middle = torch.logaddexp(log_p, t.log()) - log(2)
    to_targets = torch.xlogy(t, t) - t * log_middle
    to_softmax = log_p.exp() * (log_p - log_middle)
    return weighted((to_targets + to_softmax).sum(1) / 2, labels, weight)


def distance(values: Tensor, targets: Tensor) -> Tensor:
    """Euclidean distance of values and targets by root B, so that it does not grow with the batch: RMSE."""
    return torch.linalg.vector_norm(values - targets) / len(values) ** 0.5


def bent(values: Tensor, targets: Tensor, delta: float = 1.0) -> Tensor:
    """Huber's loss with its bend at `delta`, mean over the batch."""
    return F.huber_loss(values, targets, delta=delta)


LOSSES: dict[str, Callable[..., Tensor]] = {
    "cross_entropy": cross_entropy,
    "mse": one_hot_mse,
    "l1": of_probabilities(manhattan),
    "l2": of_probabilities(euclidean),
    "smooth_l1": smooth_l1,
    "huber": huber,
    "kl": kl,
    "js": js,
}
REGRESSION: dict[str, Callable[..., Tensor]] = {
    "mse": F.mse_loss,
    "l1": F.l1_loss,
    "l2": distance,
    "smooth_l1": F.smooth_l1_loss,
    "huber": bent,
}
LOSSES_OF = {"classify": LOSSES, "regress": REGRESSION}


def make_loss(task: str, name: str, smoothing: float = 0.0, delta: float = 1.0) -> Callable[..., Tensor]:
    """The loss `name` of `task`.

    Args:
        smoothing: share of the targets that is spread over all classes; of `classify` alone.
        delta: where `huber` bends.

    Raises:
        StemmaError: the task has no such loss, or takes no smoothing.
    """
    known = LOSSES_OF[task]
    if name not in known:
        raise unknown(f"loss of task '{task}'", name, known)
    if smoothing and task != "classify":
        raise StemmaError(f"label_smoothing: {smoothing}; task '{task}' has no labels, allowed: 0")
    given: dict[str, Any] = {"smoothing": smoothing, "delta": delta}
    takes = signature(known[name]).parameters
    return partial(known[name], **{key: value for key, value in given.items() if key in takes})


def balanced(counts: tuple[int, ...]) -> list[float]:
    """Weight of each class: the inverse of its number of examples, scaled so that examples weigh 1 on average."""
    return [sum(counts) / (len(counts) * max(count, 1)) for count in counts]
