"""Losses of features that go beside softmax: they draw a class together, or classes apart."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from stemma.errors import unknown


class CentreLoss(nn.Module):
    """Half the mean squared distance of features to their class's centre (Wen et al. 2016, equation 2, by the batch).

    Calling it changes nothing; `update` moves the centres, once a step. They are of training alone: no weights of a
    saved model.

    Args:
        rate: share of the way that a centre goes at a step, the paper's alpha.
    """

    centres: Tensor

    def __init__(self, classes: int, size: int, rate: float = 0.5) -> None:
        super().__init__()
        self.rate = rate
        self.register_buffer("centres", torch.zeros(classes, size), persistent=False)

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        """Features `[B, size]`, labels `[B]` -> scalar."""
        return (features - self.centres[labels]).square().sum(1).mean() / 2

    @torch.no_grad()
    def update(self, features: Tensor, labels: Tensor, total: Callable[[Tensor], Tensor] = lambda here: here) -> None:
        """Each centre goes towards its examples (equation 4); one without examples stays.

        Args:
            total: sums over the devices that share a batch.
        """
        counts = torch.bincount(labels, minlength=len(self.centres)).to(self.centres.dtype)
        gaps = (self.centres[labels] - features).to(self.centres.dtype)
        sums = torch.zeros_like(self.centres).index_add_(0, labels, gaps)
        self.centres -= self.rate * total(sums) / (1 + total(counts))[:, None]


class ContrastiveLoss(nn.Module):
    """Of all pairs of a batch (Hadsell, Chopra, LeCun 2006): half d^2 of a pair of one class, half
    max(0, margin - d)^2 of two classes, mean over the pairs; 0 without a pair."""

    def __init__(self, margin: float = 1.0) -> None:
        super().__init__()
        self.margin = margin

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        """Features `[B, size]`, labels `[B]` -> scalar."""
        i, j = torch.triu_indices(len(features), len(features), 1, device=features.device)
        distances = torch.linalg.vector_norm(features[i] - features[j], dim=1)
        apart = (self.margin - distances).clamp(min=0)
        losses = torch.where(labels[i] == labels[j], distances, apart).square() / 2
        return losses.sum() / max(len(losses), 1)


def make_companion(name: str, classes: int, size: int, margin: float, rate: float) -> CentreLoss | ContrastiveLoss:
    """The loss `name` of features `[B, size]`.

    Args:
        margin: of contrastive.
        rate: of centre.

    Raises:
        StemmaError: no companion has that name.
    """
    makers: dict[str, Callable[[], CentreLoss | ContrastiveLoss]] = {
        "centre": lambda: CentreLoss(classes, size, rate),
        "contrastive": lambda: ContrastiveLoss(margin),
    }
    if name not in makers:
        raise unknown("companion", name, makers)
    return makers[name]()
