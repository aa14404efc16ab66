"""autoencoder: encode to a small code, decode, and be judged by what comes back.

Rumelhart, Hinton, Williams 1986; Hinton, Salakhutdinov 2006 (deep, 784-1000-500-250-30).
"""

from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stemma.errors import StemmaError
from stemma.families.base import Model
from stemma.families.dbn.code_pictures import beside, manifold, scatter
from stemma.families.dbn.coders import ACTIVATIONS, Coder, DenseCoder
from stemma.families.phase import Phase
from stemma.nn.inputs import Vector
from stemma.nn.pictures import tiles
from stemma.spec import DataSpec

SHOWN, SCATTERED = 32, 500
"""Training examples that are kept for pictures: reconstructions, or the places of codes of two units."""


class Coding(Model):
    """Coders on top of each other, which learn to give back what they are given.

    `encode` makes of prepared examples what is encoded and compared: pixels in [0, 1], 0/1 for each of the most
    frequent words, a table's columns as they are scaled. For the tasks `classify` and `regress` the coders learn
    first, without labels, and a linear layer stands on the code; the task `reconstruct` has no such layer.

    A subclass defines `encode` and `coders`, whose first coder reconstructs the data, and calls `finish`.

    Args:
        output: activation of the outputs; `auto`: linear for tables, sigmoid for others.
        reconstruction_loss: `mse`, or `cross_entropy` for values in [0, 1]; summed over the values of an example.
            `auto`: cross_entropy of sigmoid outputs, mse of linear ones.
        pretrain_*: of the phases without labels, whose optimiser is the experiment's.
    """

    encode: nn.Module
    shown: Tensor
    shown_targets: Tensor

    def __init__(
        self,
        spec: dict[str, Any],
        output: str = "auto",
        reconstruction_loss: str = "auto",
        pretrain_epochs: int = 20,
        pretrain_learning_rate: float = 0.001,
        pretrain_weight_decay: float = 0.0,
        pretrain_batch_size: int = 100,
    ) -> None:
        super().__init__(spec)
        self.output, self.reconstruction_loss = _fitting(self.spec, output, reconstruction_loss)
        self.coders = nn.ModuleList()
        self.pretrain_epochs = pretrain_epochs
        self.pretraining = {
            "l1": 0.0,
            "schedule": "constant",
            "learning_rate": pretrain_learning_rate,
            "weight_decay": pretrain_weight_decay,
            "batch_size": pretrain_batch_size,
        }

    def finish(self, code: int) -> None:
        """The layer on a code of so many units, and room for the examples that pictures of what is learnt show."""
        self.code = code
        if self.spec.task != "reconstruct":
            self.head = nn.Linear(code, self.spec.outputs)
        learns = self.spec.task == "reconstruct" or self.pretrain_epochs
        if learns and (self.spec.kind == "image" or code == 2):
            kinds = {"image": torch.uint8, "text": torch.int32, "table": torch.float32}
            count = SCATTERED if code == 2 else SHOWN
            self.register_buffer("shown", torch.zeros(count, *self.spec.shape, dtype=kinds[self.spec.kind]))
            self.register_buffer("shown_targets", torch.zeros(count))

    @property
    def stack(self) -> list[Coder]:
        """The coders, lowest first."""
        return [coder for coder in self.coders if isinstance(coder, Coder)]

    def phases(self) -> list[Phase]:
        """Reconstruction; for other tasks it goes before, without labels, and the linear layer follows."""
        if self.spec.task == "reconstruct":
            return [*self.keeping(), Phase("fit", self.objective, trainable=(self.coders,), labels=False)]
        return [*self.pretrain_phases(), *self.keeping(), Phase("fit", self.objective, trainable=(self.head,))]

    def pretrain_phases(self) -> list[Phase]:
        """All coders at once."""
        phase = Phase(
            "reconstruct",
            lambda batch: self.reconstruction(self.encode(batch.x)),
            trainable=(self.coders,),
            epochs=self.pretrain_epochs,
            labels=False,
            settings=self.pretraining,
        )
        return [phase] if self.pretrain_epochs else []

    def keeping(self) -> list[Phase]:
        """The phase that keeps examples for pictures, where there are any."""
        return [Phase("keep", solve=self._keep)] if "shown" in self._buffers else []

    def _keep(self, split: Any) -> None:
        """Training examples spread over the set."""
        positions = np.linspace(0, len(split.x) - 1, len(self.shown)).astype(int)
        self.shown.copy_(torch.from_numpy(np.array(split.x[positions])))
        self.shown_targets.copy_(torch.from_numpy(np.array(split.y[positions])))

    @property
    def drawn(self) -> Tensor:
        """Those of the kept examples whose reconstructions are shown."""
        return self.shown[np.linspace(0, len(self.shown) - 1, SHOWN).astype(int)]

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """As for all models; for the task `reconstruct` what `reconstruct` gives."""
        if self.spec.task == "reconstruct":
            return self.reconstruct(x)
        return self.head(self.codes(x))

    def codes(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Codes `[B, code]` of prepared examples."""
        return self.up(self.encode(x))[-1].flatten(1)

    def reconstruct(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """What the code tells of prepared examples, `[B, D]` in the unit of `targets`."""
        return self.decode(self.codes(x))

    def targets(self, x: Tensor) -> Tensor:
        """What `reconstruct` should give, `[B, D]`: pixels in [0, 1], words that occur, columns."""
        return self.encode(x).flatten(1)

    def up(self, v: Tensor) -> list[Tensor]:
        """Hidden units of every coder, lowest first."""
        hidden = []
        for coder in self.stack:
            v = coder(v)
            hidden.append(v)
        return hidden

    def decode(self, code: Tensor) -> Tensor:
        """Reconstructions `[B, D]` of codes `[B, code]`."""
        return self.stack[0].decode(self._above_the_lowest(code)).flatten(1)

    def _above_the_lowest(self, code: Tensor) -> Tensor:
        for coder in reversed(self.stack[1:]):
            code = coder.decode(code)
        return code

    def objective(self, batch: Any) -> dict[str, Tensor]:
        if self.spec.task == "reconstruct":
            return self.reconstruction(self.encode(batch.x))
        return super().objective(batch)

    def reconstruction(self, v: Tensor) -> dict[str, Tensor]:
        """Loss of giving back v: its error with what a subclass adds, and the squared error of a value."""
        hidden = self.up(self.disturbed(v) if self.training else v)
        logits = self.stack[0].down(self._above_the_lowest(hidden[-1]))
        found = judged(logits, v, self.output, self.reconstruction_loss)
        added = self.penalties(hidden, logits)
        return {**found, **added, "loss": torch.stack([found["loss"], *added.values()]).sum()}

    def disturbed(self, v: Tensor) -> Tensor:
        """What is encoded in place of v while training."""
        return v

    def penalties(self, hidden: list[Tensor], logits: Tensor) -> dict[str, Tensor]:
        """Terms that the loss takes on, by the names that they are recorded by.

        Args:
            hidden: units of each coder.
            logits: input of the outputs.
        """
        return {}

    @torch.no_grad()
    def pictures(self) -> dict[str, np.ndarray]:
        """Of images the first layer's filters, and training examples beside their reconstructions; of codes of two
        units their places by class or value, and of images what lies on a grid between them.
        """
        self.eval()
        pictures = {}
        if self.spec.kind == "image":
            pictures["filters"] = tiles(self.filters())
        if "shown" not in self._buffers:
            return pictures
        if self.spec.kind == "image":
            pictures["reconstructions"] = beside(self.spec, *self.compared(self.drawn))
        if self.code == 2:
            codes = self.codes(self.shown)
            pictures["codes"] = scatter(codes, self.shown_targets)
            if self.spec.kind == "image":
                pictures["between the codes"] = manifold(self.spec, codes, self.decode)
        return pictures

    def filters(self) -> Tensor:
        """Weights of the first layer, `[n, C, H, W]`."""
        return self.stack[0].weight.reshape(-1, *self.spec.shape)

    def compared(self, x: Tensor) -> list[Tensor]:
        """What pictures show beside each other of prepared examples: `[B, D]` each."""
        return [self.targets(x), self.reconstruct(x)]


def judged(logits: Tensor, v: Tensor, output: str, loss: str) -> dict[str, Tensor]:
    """Error of outputs `[B, ...]` against v: the loss, a sum over an example's values, and their mean squared error."""
    values = ACTIVATIONS[output](logits)
    squared = F.mse_loss(values, v.view_as(values))
    size = v[0].numel()
    if loss == "cross_entropy":
        nats = F.binary_cross_entropy_with_logits(logits, v.view_as(logits))
        return {"loss": nats * size, "reconstruction_error": squared}
    return {"loss": squared * size, "reconstruction_error": squared}


def _fitting(spec: DataSpec, output: str, loss: str) -> tuple[str, str]:
    """Output and loss, what is `auto` replaced.

    Raises:
        StemmaError: cross-entropy or sigmoid outputs of values outside [0, 1].
    """
    if output == "auto":
        output = "linear" if spec.kind == "table" else "sigmoid"
    if output == "sigmoid" and spec.kind == "table":
        raise StemmaError("parameters.output: sigmoid gives values in [0, 1], a table has others; allowed: linear")
    if loss == "auto":
        loss = "cross_entropy" if output == "sigmoid" else "mse"
    if loss == "cross_entropy" and output != "sigmoid":
        raise StemmaError(
            "parameters.reconstruction_loss: cross_entropy is of values in [0, 1], the outputs are linear; "
            "allowed: mse, auto"
        )
    return output, loss


class Autoencoder(Coding):
    """Dense coders from the data through `hidden` to the code, its last number, and mirrored back.

    With `activation` linear, `output` linear and `reconstruction_loss` mse it spans the subspace of principal
    component analysis (Bourlard, Kamp 1988; Baldi, Hornik 1989).

    Args:
        linear_code: the code has no activation (Hinton, Salakhutdinov 2006).
        tied: decoders are their encoders transposed.
        words: of text, how many of the most frequent ones.
    """

    def __init__(
        self,
        spec: dict[str, Any],
        hidden: tuple[int, ...] = (1000, 500, 250, 30),
        activation: str = "relu",
        linear_code: bool = True,
        tied: bool = False,
        words: int = 2000,
        **coding: Any,
    ) -> None:
        super().__init__(spec, **coding)
        self.encode = Vector(self.spec, words, standardise=False)
        sizes = [self.encode.size, *hidden]
        for level, (below, above) in enumerate(pairwise(sizes), start=1):
            code = "linear" if linear_code and level == len(hidden) else activation
            output = self.output if level == 1 else activation
            self.coders.append(DenseCoder(below, above, code, output, tied))
        self.finish(sizes[-1])
        self.save_hyperparameters()
