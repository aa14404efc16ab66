"""DensityModel: what models share that can be asked how likely examples are."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from stemma.errors import StemmaError
from stemma.families.dbn.greedy import GreedyModel
from stemma.families.dbn.likelihood import LogZ
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


class DensityModel(GreedyModel):
    """A stack of RBMs that, for the task `density`, tells the log-likelihood of examples or a bound of it.

    With binary units it is that of images binarised at one half, with Gaussian ones of the standardised values. Its
    log Z is exact where it can be enumerated, else estimated by `ais_chains` chains over `ais_temperatures`
    temperatures. A subclass defines `find_log_z` and `log_likelihood`.

    Raises:
        StemmaError: the density of counts, of which each length of a text has its own log Z.
    """

    log_z: Tensor
    log_z_low: Tensor
    log_z_high: Tensor
    log_z_exact: Tensor
    find_log_z: Callable[[Tensor], LogZ]
    """Of the machine whose visible units have such means `[V]` in train."""
    log_likelihood: Any

    def __init__(
        self,
        spec: dict[str, Any],
        hidden: tuple[int, ...],
        ais_chains: int = 100,
        ais_temperatures: int = 2000,
        **contrastive: Any,
    ) -> None:
        super().__init__(spec, hidden, **contrastive)
        self.annealing = {"chains": ais_chains, "temperatures": ais_temperatures}
        if self.spec.task == "density":
            self._begin_density()

    def _begin_density(self) -> None:
        units = self.stack[0].units
        if units == "counts":
            raise StemmaError("visible: 'counts' has a log Z a length of text; allowed with task density: binary")
        if units == "binary" and self.spec.kind == "image":
            self.encode = Binarised(self.encode)
        for name in ("log_z", "log_z_low", "log_z_high"):
            self.register_buffer(name, torch.tensor(float("nan"), dtype=torch.float64))
        self.register_buffer("log_z_exact", torch.tensor(False))

    def density_phase(self) -> Phase:
        """The last one of the task `density`."""
        return Phase("log_z", solve=self.prepare_density)

    @torch.no_grad()
    def prepare_density(self, split: Any) -> None:
        """Find log Z, which `log_likelihood` needs; the annealing starts from the means of the training split."""
        self.eval()
        parts = [self.read(x).double().sum(0) for x, _ in self.pieces(split.x, None, CHUNK)]
        found = self.find_log_z((torch.stack(parts).sum(0) / len(split.x)).to(self.stack[0].weight))
        for name, value in zip(("log_z", "log_z_low", "log_z_high", "log_z_exact"), found, strict=True):
            self._buffers[name].fill_(value)  # type: ignore[union-attr]

    def read(self, x: Tensor) -> Tensor:
        """Visible states `[B, V]` of the machine whose log Z counts."""
        return self.encode(x)
