"""GreedyModel: what models share that train a stack of RBMs layer by layer."""

from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from stemma.errors import StemmaError
from stemma.families.dbn.chains import ChainModel
from stemma.families.dbn.contrastive import Contrast, descent
from stemma.families.dbn.layerwise import contrast, rbm_phase, through
from stemma.families.dbn.machine import RBM, make_rbm
from stemma.families.phase import Phase
from stemma.nn.inputs import Vector
from stemma.nn.pictures import tiles
from stemma.spec import DataSpec

SAMPLES, GIBBS_STEPS = 32, 30


class GreedyModel(ChainModel):
    """A stack of RBMs, trained one after the other, that a linear layer stands on where there are targets.

    Binary visible units take pixels scaled to [0, 1] or a bag of the `words` most frequent words, counts how often
    each of them occurs; Gaussian ones take standardised pixels or a table's columns. `auto`: Gaussian for colour images
    and tables, else binary. How the statistics are taken: see `Contrast`; with `persistent`, by `chains` persistent
    chains. `pretrain_schedule` is that of each layer's rate over its epochs.

    Raises:
        StemmaError: visible units that do not go with the data or with another setting.
    """

    generated: Tensor
    keeps_samples = True
    """Whether pictures of samples are kept before fine-tuning changes the weights that made them."""

    def __init__(
        self,
        spec: dict[str, Any],
        hidden: tuple[int, ...],
        visible: str = "auto",
        learn_variance: bool = False,
        words: int = 2000,
        cd_steps: int = 1,
        sample_visible: bool = False,
        persistent: bool = False,
        chains: int = 100,
        sparsity_target: float = 0.1,
        sparsity_weight: float = 0.0,
        pretrain_epochs: int = 10,
        pretrain_learning_rate: float = 0.05,
        pretrain_schedule: str = "constant",
        pretrain_momentum: float = 0.9,
        pretrain_weight_decay: float = 2e-4,
        pretrain_batch_size: int = 100,
    ) -> None:
        super().__init__(spec)
        units = visible_units(self.spec, visible, learn_variance, persistent)
        self.encode: nn.Module = Vector(self.spec, words, standardise=units == "gaussian", counts=units == "counts")
        sizes = [int(self.encode.size), *hidden]
        below = [units, *["binary"] * (len(hidden) - 1)]
        layers = zip(below, pairwise(sizes), strict=True)
        self.rbms = nn.ModuleList(
            self.make_layer(level, len(hidden), unit, *size, learn_variance)
            for level, (unit, size) in enumerate(layers)
        )
        if self.spec.task in ("classify", "regress"):
            self.head = nn.Linear(sizes[-1], self.spec.outputs)
        self.contrast = Contrast(cd_steps, sample_visible, sparsity_target, sparsity_weight)
        self.pretrain_epochs, self.persistent = pretrain_epochs, persistent
        self.pretraining = {
            "optimizer": "sgd",
            "optimizer_options": {},
            "l1": 0.0,
            "schedule": pretrain_schedule,
            "learning_rate": pretrain_learning_rate,
            "momentum": pretrain_momentum,
            "weight_decay": pretrain_weight_decay,
            "batch_size": pretrain_batch_size,
        }
        if persistent:
            self._keep_chains(chains)
        if self.spec.kind == "image" and pretrain_epochs and self.keeps_samples:
            channels, height, width = self.spec.shape
            self.register_buffer("generated", torch.zeros(SAMPLES, height, width, channels, dtype=torch.uint8))

    def make_layer(self, level: int, levels: int, units: str, visible: int, hidden: int, learn_variance: bool) -> RBM:
        """The RBM at `level`, from 0, of so many."""
        return make_rbm(units, visible, hidden, learn_variance)

    def _keep_chains(self, count: int) -> None:
        """Persistent chains for each RBM."""
        for level, rbm in enumerate(self.stack):
            rbm.keep_chains(count)
            self.keep_chains(f"rbms.{level}.chains")

    @property
    def stack(self) -> list[RBM]:
        """The RBMs, lowest first."""
        return [rbm for rbm in self.rbms if isinstance(rbm, RBM)]

    def greedy_phases(self) -> list[Phase]:
        """A phase an RBM, which reads the data encoded once by those below it; then pictures of samples."""
        if not self.pretrain_epochs:
            return []
        phases = [self._rbm_phase(level, rbm) for level, rbm in enumerate(self.stack)]
        if "generated" in self._buffers:
            phases.append(Phase("sample", solve=self._generate))
        return phases

    def _rbm_phase(self, level: int, rbm: RBM) -> Phase:
        return rbm_phase(
            f"rbm{level + 1}",
            rbm,
            partial(self._contrast, rbm),
            lambda batch: self.kept(self.up(self.encode(batch.x), level)),
            self.pretrain_epochs,
            self.pretraining,
            gradients=partial(self._descent, rbm),
        )

    def _contrast(self, rbm: RBM, batch: Any) -> dict[str, Tensor]:
        return contrast(rbm, batch.x, self.training, self.contrast, self._chains(rbm))

    def _descent(self, rbm: RBM, batch: Any) -> tuple[dict[str, Tensor], tuple[Tensor, ...]]:
        loss, gradients = descent(rbm, batch.x, self.contrast, self._chains(rbm))
        return {"loss": loss}, gradients

    def _chains(self, rbm: RBM) -> Tensor | None:
        """The persistent ones, if there are any, that this device moves."""
        return self.own(rbm.chains) if self.persistent else None

    def kept(self, v: Tensor) -> Tensor:
        """Inputs of a phase in the precision that its steps would round them to: half the memory to read."""
        return v.bfloat16() if self.settings.precision == "bf16-mixed" else v

    def up(self, v: Tensor, levels: int) -> Tensor:
        """Means of the hidden units after the lowest `levels` RBMs."""
        return through(self.stack[:levels], v)

    @torch.no_grad()
    def _generate(self, split: Any) -> None:
        """Keep pictures of the pre-trained model, before fine-tuning changes the weights.

        `GIBBS_STEPS` in the top RBM from training examples spread over the set, then down. Chains from
        noise take far longer to find the data than contrastive divergence ever looked (Tieleman 2008).
        """
        positions = np.linspace(0, len(split.x) - 1, SAMPLES).astype(int)
        x = torch.from_numpy(np.array(split.x[positions])).to(self.device)
        *lower, top = self.stack
        v = top.gibbs(self.up(self.encode(x), len(lower)), GIBBS_STEPS)
        for rbm in reversed(lower):
            v = rbm.visible_given_hidden(v)
        self.generated = intensities(v, self.spec, self.stack[0].units == "gaussian")

    def pictures(self) -> dict[str, np.ndarray]:
        """First-layer filters and samples, for images."""
        if self.spec.kind != "image":
            return {}
        pictures = {"filters": tiles(self.stack[0].weight.reshape(-1, *self.spec.shape))}
        if "generated" in self._buffers:
            pictures["samples"] = self.generated.cpu().numpy()
        return pictures


def visible_units(spec: DataSpec, visible: str, learn_variance: bool, persistent: bool) -> str:
    """`binary`, `gaussian` or `counts`; what `auto` stands for.

    Raises:
        StemmaError: they do not go with the data or with another setting.
    """
    grey = spec.kind == "image" and spec.shape[0] == 1
    units = ("binary" if grey or spec.kind == "text" else "gaussian") if visible == "auto" else visible
    if units == "counts" and spec.kind != "text":
        raise StemmaError(f"visible: 'counts' is of words, the data is {spec.kind}; allowed: auto, binary, gaussian")
    if units == "gaussian" and spec.kind == "text":
        raise StemmaError("visible: 'gaussian' takes standardised values, a text is words; allowed: binary, counts")
    if units == "counts" and persistent:
        raise StemmaError("persistent: true; allowed with visible 'counts', where each text has a length: false")
    if learn_variance and units != "gaussian":
        raise StemmaError(f"learn_variance: true; allowed with visible '{units}': false")
    return units


def intensities(v: Tensor, spec: DataSpec, standardised: bool) -> Tensor:
    """Visible units -> uint8 pictures `[B, H, W, C]`."""
    v = v.reshape(-1, *spec.shape)
    if standardised:
        v = v * v.new_tensor(spec.std).view(-1, 1, 1) + v.new_tensor(spec.mean).view(-1, 1, 1)
    return (v.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).clone(memory_format=torch.contiguous_format)
