"""denoising_ae: reconstruct the clean example from a corrupted one (Vincent, Larochelle, Bengio, Manzagol 2008)."""

from typing import Any

import torch
from torch import Tensor, nn

from stemma.errors import StemmaError
from stemma.families.dbn.autoencoder import Autoencoder
from stemma.spec import DataSpec


class Corruption(nn.Module):
    """Random damage to `[B, ...]`: `none`; `masking`, a share `level` of the values becomes 0; `gaussian`, noise of
    standard deviation `level`; `salt_and_pepper`, a share `level` becomes 0 or 1 (Vincent et al. 2010, section 3.3).
    """

    def __init__(self, kind: str, level: float) -> None:
        super().__init__()
        self.kind, self.level = kind, level

    def forward(self, v: Tensor) -> Tensor:
        if self.kind == "none":
            return v
        if self.kind == "gaussian":
            return v + self.level * torch.randn_like(v)
        damaged = torch.rand_like(v) < self.level
        salt = (torch.rand_like(v) < 0.5).to(v.dtype) if self.kind == "salt_and_pepper" else torch.zeros_like(v)
        return torch.where(damaged, salt, v)


def make_corruption(spec: DataSpec, kind: str, level: float) -> Corruption:
    """The corruption of data of `spec`.

    Raises:
        StemmaError: a share of 1 or more, or a kind that needs values in [0, 1] for a table.
    """
    if kind == "salt_and_pepper" and spec.kind == "table":
        raise StemmaError(
            "parameters.corruption: salt_and_pepper is of values in [0, 1], a table's columns are standardised; "
            "allowed: masking, gaussian"
        )
    if kind in ("masking", "salt_and_pepper") and level >= 1:
        raise StemmaError(f"parameters.level: {level}; of {kind} it is a share, allowed: 0 < level < 1")
    return Corruption(kind, level)


class DenoisingAE(Autoencoder):
    """What is encoded while training is corrupted, what is compared is clean. Codes and answers are of clean examples.

    Args:
        corruption: masking, gaussian or salt_and_pepper.
        level: share of the values, or standard deviation of the noise in their unit.
    """

    def __init__(
        self,
        spec: dict[str, Any],
        hidden: tuple[int, ...] = (500,),
        activation: str = "sigmoid",
        corruption: str = "masking",
        level: float = 0.3,
        tied: bool = True,
        linear_code: bool = False,
        **autoencoder: Any,
    ) -> None:
        super().__init__(spec, hidden, activation, linear_code, tied, **autoencoder)
        self.corrupt = make_corruption(self.spec, corruption, level)
        self.save_hyperparameters()

    def disturbed(self, v: Tensor) -> Tensor:
        return self.corrupt(v)

    def compared(self, x: Tensor) -> list[Tensor]:
        """Clean, corrupted (the same in every call), and restored."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            clean = self.targets(x)
            damaged = self.corrupt(clean)
        return [clean, damaged, self.decode(self.up(damaged)[-1])]
