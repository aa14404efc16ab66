"""Losses of features that go beside softmax: they draw a class together, or classes apart."""

import torch
from torch import Tensor, nn


class CentreLoss(nn.Module):
    """Half the mean squared distance of features to their class's centre (Wen et al. 2016, equation 2, by the batch).

    Calling it changes nothing; `update` moves the centres, once a step.

    Args:
        rate: share of the way that a centre goes at a step, the paper's alpha.
    """

    centres: Tensor

    def __init__(self, classes: int, size: int, rate: float = 0.5) -> None:
        super().__init__()
        self.rate = rate
        self.register_buffer("centres", torch.zeros(classes, size))

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        """Features `[B, size]`, labels `[B]` -> scalar."""
        return (features - self.centres[labels]).square().sum(1).mean() / 2

    @torch.no_grad()
    def update(self, features: Tensor, labels: Tensor) -> None:
        """Each centre goes towards its examples (equation 4); one without examples stays."""
        counts = torch.bincount(labels, minlength=len(self.centres)).to(self.centres.dtype)
        gaps = (self.centres[labels] - features).to(self.centres.dtype)
        sums = torch.zeros_like(self.centres).index_add_(0, labels, gaps)
        self.centres -= self.rate * sums / (1 + counts)[:, None]


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
