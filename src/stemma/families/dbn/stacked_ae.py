"""stacked_ae: autoencoders trained one after the other, then fine-tuned as one network.

Bengio, Lamblin, Popovici, Larochelle 2007; Vincent et al. 2010 (denoising).
"""

from typing import Any

import torch
from torch import Tensor, nn

from stemma.families.dbn.autoencoder import SHOWN, Autoencoder, judged
from stemma.families.dbn.coders import Coder
from stemma.families.dbn.denoising_ae import make_corruption
from stemma.families.dbn.layerwise import layer_phase, through
from stemma.families.phase import Phase


class StackedAE(Autoencoder):
    """Each layer learns to reconstruct what those below give, corrupted by `corruption` where it is not `none`.

    Then the whole network learns the targets; for the task `reconstruct` it is unrolled into a deep autoencoder
    (Hinton, Salakhutdinov 2006). `pretrain_epochs: 0` gives the same network without pre-training.

    Args:
        dropout: of the hidden layers while the network learns the targets.
    """

    restored: Tensor

    def __init__(
        self,
        spec: dict[str, Any],
        hidden: tuple[int, ...] = (500, 500, 500),
        activation: str = "sigmoid",
        corruption: str = "masking",
        level: float = 0.25,
        dropout: float = 0.0,
        tied: bool = True,
        linear_code: bool = False,
        **autoencoder: Any,
    ) -> None:
        super().__init__(spec, hidden, activation, linear_code, tied, **autoencoder)
        self.corrupt, self.dropout = make_corruption(self.spec, corruption, level), nn.Dropout(dropout)
        if self.spec.kind == "image" and self.spec.task != "reconstruct" and "shown" in self._buffers:
            self.register_buffer("restored", torch.zeros(SHOWN, self.stack[0].visible_bias.numel()))
        self.save_hyperparameters()

    def phases(self) -> list[Phase]:
        """Layer by layer, then all that answers. Of untied layers fine-tuning for targets leaves the decoders."""
        if self.spec.task == "reconstruct":
            last = Phase("fit", self.objective, trainable=(self.coders,), labels=False)
        else:
            recognition = [parameter for coder in self.stack for parameter in coder.encoding]
            last = Phase("fit", self.objective, trainable=(self.head, *recognition))
        return [*self.pretrain_phases(), *self.keeping(), last]

    def pretrain_phases(self) -> list[Phase]:
        """A phase a layer, which reads the data encoded once by those below it."""
        return [self._layer_phase(level) for level in range(len(self.stack))] if self.pretrain_epochs else []

    def _layer_phase(self, level: int) -> Phase:
        coder = self.stack[level]
        entropy = coder.output == "sigmoid" and self.reconstruction_loss == "cross_entropy"
        return layer_phase(
            f"ae{level + 1}",
            coder,
            lambda batch: self._layer_objective(coder, batch.x, "cross_entropy" if entropy else "mse"),
            lambda batch: through(self.stack[:level], self.encode(batch.x)),
            self.pretrain_epochs,
            self.pretraining,
        )

    def _layer_objective(self, coder: Coder, v: Tensor, loss: str) -> dict[str, Tensor]:
        h = coder(self.corrupt(v) if self.training else v)
        return judged(coder.down(h), v, coder.output, loss)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        if self.spec.task == "reconstruct":
            return self.reconstruct(x)
        v = self.encode(x)
        for coder in self.stack:
            v = self.dropout(coder(v))
        return self.head(v)

    @torch.no_grad()
    def _keep(self, split: Any) -> None:
        """As elsewhere, with the reconstructions of the pre-trained layers before fine-tuning changes them."""
        super()._keep(split)
        if "restored" in self._buffers:
            self.restored.copy_(self.reconstruct(self.drawn))

    def compared(self, x: Tensor) -> list[Tensor]:
        return [self.targets(x), self.restored] if "restored" in self._buffers else super().compared(x)
