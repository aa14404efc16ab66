"""sparse_ae: an autoencoder whose hidden units are rarely active (Ng 2011; Lee, Ekanadham, Ng 2008)."""

from typing import Any

import torch
from torch import Tensor

from stemma.families.dbn.autoencoder import Autoencoder


def sparsity(hidden: Tensor, rho: float, activation: str) -> Tensor:
    """Sum over the units of KL(rho, rho_j), in nats; rho_j is unit j's mean over a batch `[B, H]`.

    A tanh unit counts as active by (1 + its value) / 2, so that -1 is rest.
    """
    mean = ((1 + hidden) / 2 if activation == "tanh" else hidden).mean(0)
    mean = mean.clamp(1e-6, 1 - 1e-6)
    target = torch.full_like(mean, rho)
    return (torch.xlogy(target, target / mean) + torch.xlogy(1 - target, (1 - target) / (1 - mean))).sum()


class SparseAE(Autoencoder):
    """The loss takes on beta times the sum over all hidden units of KL(rho, rho_j), rho_j taken over the batch.

    Args:
        rho: the wanted mean activation.
        beta: factor of the penalty.
    """

    def __init__(
        self,
        spec: dict[str, Any],
        hidden: tuple[int, ...] = (500,),
        activation: str = "sigmoid",
        rho: float = 0.05,
        beta: float = 0.5,
        **autoencoder: Any,
    ) -> None:
        super().__init__(spec, hidden, activation, linear_code=False, **autoencoder)
        self.rho, self.beta = rho, beta
        self.save_hyperparameters()

    def penalties(self, hidden: list[Tensor], logits: Tensor) -> dict[str, Tensor]:
        terms = [sparsity(units, self.rho, coder.activation) for units, coder in zip(hidden, self.stack, strict=True)]
        return {"sparsity": self.beta * torch.stack(terms).sum()}
