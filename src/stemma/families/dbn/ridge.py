"""Ridge regression from sums over batches: no matrix of all examples by all features is ever held."""

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor

SUMS = ("hh", "ht", "h", "t", "tt")


class Moments:
    """Float64 sums over examples of features h `[N, H]` and targets t `[N, K]`, from which ridge regression follows.

    Products are taken in the features' own precision a batch at a time, about `origin`, and summed in float64.
    """

    def __init__(self, features: int, targets: int, device: torch.device, origin: float = 0.5) -> None:
        self.origin, self.count = origin, 0
        sizes = ((features, features), (features, targets), (features,), (targets,), (targets,))
        sums = (torch.zeros(size, dtype=torch.float64, device=device) for size in sizes)
        self.hh, self.ht, self.h, self.t, self.tt = sums

    def add(self, h: Tensor, t: Tensor) -> None:
        """Count a batch in."""
        h, t = h - self.origin, t.to(h.dtype)
        self.count += len(h)
        self.hh += h.T @ h
        self.ht += h.T @ t
        self.h += h.sum(0)
        self.t += t.sum(0)
        self.tt += t.square().sum(0)

    def merge(self, other: "Moments") -> None:
        """Count in all examples of `other`."""
        self.count += other.count
        for name in SUMS:
            getattr(self, name).add_(getattr(other, name))

    def share(self, total: Callable[[Tensor], Tensor]) -> None:
        """Count in what other devices have of a batch; `total` sums over them."""
        self.count = int(total(self.h.new_tensor(self.count)))
        for name in SUMS:
            getattr(self, name).copy_(total(getattr(self, name)))

    def ridge(self, penalties: Iterable[float]) -> list[tuple[Tensor, Tensor]]:
        """For each penalty the weights `[K, H]` and bias `[K]` that minimise mean |Wh + b - t|^2 + penalty |W|^2."""
        scatter = self.hh / self.count - torch.outer(self.h, self.h) / self.count**2
        cross = self.ht / self.count - torch.outer(self.h, self.t) / self.count**2
        solutions, diagonal = [], scatter.diagonal().clone()
        for penalty in penalties:
            scatter.diagonal().copy_(diagonal + penalty)
            weight = torch.cholesky_solve(cross, torch.linalg.cholesky(scatter)).T
            solutions.append((weight, self.t / self.count - weight @ (self.h / self.count + self.origin)))
        return solutions

    def error(self, weight: Tensor, bias: Tensor) -> float:
        """Mean of |Wh + b - t|^2 over the examples."""
        shifted = bias + self.origin * weight.sum(1)
        squares = ((weight @ self.hh) * weight).sum() + self.tt.sum() + self.count * shifted.square().sum()
        products = 2 * ((weight @ self.h) @ shifted - (weight.T * self.ht).sum() - self.t @ shifted)
        return float(squares + products) / self.count


def best_penalty(fitted: Moments, held: Moments, penalties: Sequence[float]) -> float:
    """The penalty whose solution on `fitted` errs least on `held`."""
    errors = [held.error(*solution) for solution in fitted.ridge(penalties)]
    return penalties[errors.index(min(errors))]


def best_scale(outputs: Tensor, labels: Tensor, most: float = 1000.0) -> float:
    """The factor in (0, `most`) of outputs `[N, K]` whose softmax gives the labels `[N]` most likelihood.

    One further example with every label at once, of weight 1, keeps it finite. The log-likelihood is concave in the
    factor: its slope is bisected (a temperature, Guo et al. 2017).
    """
    share = 1 / (1 + len(labels))
    right = (1 - share) * outputs.gather(1, labels[:, None]).mean() + share * outputs.mean()
    low, high = 0.0, most
    for _ in range(40):
        middle = (low + high) / 2
        expected = ((middle * outputs).softmax(1) * outputs).sum(1).mean()
        low, high = (middle, high) if expected < right else (low, middle)
    return max(low, 1e-3)
