"""rbm: one restricted Boltzmann machine: a linear classifier on its features, or the density of the data."""

from typing import Any

import torch
from torch import Tensor, nn

from stemma.errors import StemmaError
from stemma.families.dbn.greedy import GreedyModel
from stemma.families.dbn.likelihood import log_z
from stemma.families.phase import Phase

CHUNK = 1000


class Binarised(nn.Module):
    """What `encode` gives, in [0, 1], as 0 or 1: intensities above one half are on."""

    def __init__(self, encode: nn.Module) -> None:
        super().__init__()
        self.encode = encode

    def forward(self, x: Tensor) -> Tensor:
        intensities = self.encode(x)
        return (intensities > 0.5).to(intensities.dtype)


class RBMModel(GreedyModel):
    """One RBM and, on its fixed features, multinomial logistic (or linear) regression.

    For the task `density` it stands alone, and tells the log-likelihood of examples: with binary units of images
    binarised at one half, with Gaussian ones of the standardised values. Its log Z is exact where it can be enumerated,
    else estimated by `ais_chains` chains over `ais_temperatures` temperatures.

    Raises:
        StemmaError: the density of counts, of which each length of a text has its own log Z.
    """

    log_z: Tensor
    log_z_low: Tensor
    log_z_high: Tensor
    log_z_exact: Tensor

    def __init__(
        self,
        spec: dict[str, Any],
        hidden: int = 500,
        ais_chains: int = 100,
        ais_temperatures: int = 2000,
        **contrastive: Any,
    ) -> None:
        super().__init__(spec, (hidden,), **contrastive)
        self.annealing = {"chains": ais_chains, "temperatures": ais_temperatures}
        if self.spec.task == "density":
            self._begin_density()
        self.save_hyperparameters()

    def _begin_density(self) -> None:
        units = self.stack[0].units
        if units == "counts":
            raise StemmaError("visible: 'counts' has a log Z a length of text; allowed with task density: binary")
        if units == "binary" and self.spec.kind == "image":
            self.encode = Binarised(self.encode)
        for name in ("log_z", "log_z_low", "log_z_high"):
            self.register_buffer(name, torch.tensor(float("nan"), dtype=torch.float64))
        self.register_buffer("log_z_exact", torch.tensor(False))

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Outputs `[B, spec.outputs]`; of a density the log-likelihood `[B]`."""
        if self.spec.task == "density":
            return self.log_likelihood(x)
        return self.head(self.up(self.encode(x), 1))

    def phases(self) -> list[Phase]:
        if self.spec.task == "density":
            return [*self.greedy_phases(), Phase("log_z", solve=self.prepare_density)]
        return [*self.greedy_phases(), Phase("fit", self.objective, trainable=(self.head,))]

    @torch.no_grad()
    def prepare_density(self, split: Any) -> None:
        """Find log Z, which `log_likelihood` needs; the annealing starts from the means of the training split."""
        self.eval()
        total = sum(self.encode(x).double().sum(0) for x, _ in self.pieces(split.x, None, CHUNK))
        found = log_z(self.stack[0], (total / len(split.x)).to(self.stack[0].weight), **self.annealing)
        for name, value in zip(("log_z", "log_z_low", "log_z_high", "log_z_exact"), found, strict=True):
            self._buffers[name].fill_(value)  # type: ignore[union-attr]

    def log_likelihood(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """log p of each example `[B]`, in nats: -F(v) - log Z."""
        return -self.stack[0].free_energy(self.encode(x)).double() - self.log_z
