"""contractive_ae: an autoencoder whose code changes little with its input (Rifai et al. 2011)."""

from typing import Any

import torch
from torch import Tensor

from stemma.families.dbn.autoencoder import Autoencoder
from stemma.families.dbn.coders import ACTIVATIONS, Coder, slope


def encoder_contraction(coder: Coder, hidden: Tensor) -> Tensor:
    """Mean over the batch of the squared Frobenius norm of dh/dv, h `[B, H]` (equation 7 there).

    dh_j/dv_i = s'_j W_ji, so that the norm is a sum over the units of s'_j^2 |W_j|^2.
    """
    return (slope(hidden, coder.activation).square() @ coder.weight.square().sum(1)).mean()


def reconstruction_contraction(coder: Coder, hidden: Tensor, logits: Tensor) -> Tensor:
    """Mean over the batch of the squared Frobenius norm of dr/dv, r the reconstruction `[B, V]` of h `[B, H]`.

    dr/dv = G D S W with the slopes G of r and S of h on diagonals, D the decoder: no matrix V x V is built, the norm
    is s'(A * WW')s with A = D'GGD.
    """
    r, s = slope(ACTIVATIONS[coder.output](logits), coder.output), slope(hidden, coder.activation)
    weighted = coder.decoding * r[:, None, :]
    products = torch.bmm(weighted, weighted.transpose(1, 2)) * (coder.weight @ coder.weight.T)
    return torch.einsum("bj,bjk,bk->b", s, products, s).mean()


class ContractiveAE(Autoencoder):
    """One coder; the loss takes on `contraction` times the squared Frobenius norm of a Jacobian, mean over the batch.

    Args:
        form: `encoder`: of the code by the input, as in the paper; `reconstruction`: of the reconstruction by the
            input, as some texts print it, which costs as much as a product of hidden x hidden x input an example.
        contraction: factor of the penalty, the paper's lambda.
    """

    def __init__(
        self,
        spec: dict[str, Any],
        hidden: int = 200,
        activation: str = "sigmoid",
        form: str = "encoder",
        contraction: float = 0.1,
        tied: bool = True,
        **autoencoder: Any,
    ) -> None:
        super().__init__(spec, (hidden,), activation, linear_code=False, tied=tied, **autoencoder)
        self.form, self.contraction = form, contraction
        self.save_hyperparameters()

    def penalties(self, hidden: list[Tensor], logits: Tensor) -> dict[str, Tensor]:
        (coder,), (units,) = self.stack, hidden
        if self.form == "encoder":
            found = encoder_contraction(coder, units)
        else:
            found = reconstruction_contraction(coder, units, logits)
        return {"contraction": self.contraction * found}
