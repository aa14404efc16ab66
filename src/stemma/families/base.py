"""The Lightning module that all gradient-trained architectures share."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stemma.errors import StemmaError
from stemma.families.learning import Learning
from stemma.families.phase import Phase
from stemma.nn.companions import CentreLoss, ContrastiveLoss, make_companion
from stemma.nn.judging import ASKED
from stemma.nn.losses import balanced, make_loss
from stemma.spec import DataSpec

USUAL_LOSS = {"classify": "cross_entropy", "regress": "mse"}


class Model(Learning):
    """A network for one data description.

    A subclass takes `spec` (`DataSpec.to_dict()`) and plain parameters, calls `super().__init__(spec)`
    and defines `forward(x, lengths)`: prepared examples (uint8 `[B, C, H, W]`, token ids `[B, T]` with
    lengths `[B]`, or float `[B, F]`) -> `[B, spec.outputs]`: logits, or for the task `regress` the value
    less its mean in train, in standard deviations. Its last layers are its `head`. A model that does more than
    fit those overrides `phases`. For a task that an experiment asks for it needs no head but what `nn.judging` names.
    """

    encode: Any
    reconstruct: Any

    def __init__(self, spec: dict[str, Any]) -> None:
        super().__init__()
        self.spec = DataSpec.from_dict(spec)
        self.phase = Phase("fit")
        self.settings: Any = None
        self.loss: Callable[..., Tensor]
        self.companion: CentreLoss | ContrastiveLoss | None = None

    def phases(self) -> list[Phase]:
        """What training runs, in order. Default: fit all parameters to the targets."""
        return [Phase("fit", self.objective, trainable=(self,), labels=self.spec.task not in ASKED)]

    def begin(self, phase: Phase, settings: Any) -> None:
        """Make `phase` the current one: freeze what it does not train, keep the settings of its optimiser and loss.

        Raises:
            StemmaError: the task has no such loss.
        """
        self.phase, self.settings = phase, settings
        if self.spec.task in USUAL_LOSS:
            name = USUAL_LOSS[self.spec.task] if settings.loss == "auto" else settings.loss
            self.loss = make_loss(self.spec.task, name, settings.label_smoothing, settings.delta)
        last = phase.objective == self.objective and phase.epochs is None
        self.companion = self._make_companion() if last else None
        self._place = None
        self.automatic_optimization = self.together == 1
        self.train()
        self.requires_grad_(False)
        for module in phase.trainable:
            module.requires_grad_(True)
        for name, parameter in self.named_parameters():
            if name in phase.frozen:
                parameter.requires_grad_(False)

    def _make_companion(self) -> CentreLoss | ContrastiveLoss | None:
        name, settings = self.settings.companion, self.settings
        if name == "none" or self.spec.task != "classify":
            return None
        size = int(self.output_layer().in_features)  # type: ignore[arg-type]
        return make_companion(name, self.spec.outputs, size, settings.margin, settings.centre_rate)

    def objective(self, batch: Any) -> dict[str, Tensor]:
        """Loss of a batch against its targets, and what its task records besides. To reconstruct is to be judged by the
        squared error.
        """
        if self.spec.task == "reconstruct":
            error = F.mse_loss(self.reconstruct(batch.x, batch.lengths), self.targets(batch.x))
            return {"loss": error, "reconstruction_error": error}
        return self.judge(self(batch.x, batch.lengths), batch.y)

    def judge(self, outputs: Tensor, y: Tensor) -> dict[str, Tensor]:
        """What outputs `[B, spec.outputs]` are worth: loss, and accuracy or squared error."""
        return self._regress(outputs, y) if self.spec.task == "regress" else self._classify(outputs, y)

    def _classify(self, logits: Tensor, labels: Tensor) -> dict[str, Tensor]:
        loss = self.loss(logits, labels, self._class_weights(logits))
        return {"loss": loss, "accuracy": (logits.argmax(1) == labels).float().mean()}

    def _regress(self, outputs: Tensor, y: Tensor) -> dict[str, Tensor]:
        """Loss of standardised values, and the squared error in the target's own unit."""
        values, targets = outputs.squeeze(1), (y - self.spec.target_mean) / self.spec.target_std
        error = (values - targets).square().mean() * self.spec.target_std**2
        return {"loss": self.loss(values, targets), "rmse": error}

    def _class_weights(self, logits: Tensor) -> Tensor | None:
        if self.settings.class_weights == "none":
            return None
        return logits.new_tensor(balanced(self.spec.class_counts))

    def targets(self, x: Tensor) -> Tensor:
        """What a model of a task that an experiment asks for is judged on: examples as encoded, flat `[B, D]`."""
        return self.encode(x).flatten(1)

    def word_embedding(self) -> nn.Embedding | None:
        """Where word vectors from a file go; None if the model embeds no words."""
        return next((m for m in self.modules() if isinstance(m, nn.Embedding)), None)

    def use_vectors(self, vectors: np.ndarray) -> None:
        """Start from word vectors float32 `[tokens, length]`.

        Raises:
            StemmaError: the model's own vectors have another length.
        """
        place = self.word_embedding()
        if place is None:
            return
        if place.weight.shape != vectors.shape:
            raise StemmaError(
                f"parameters.embedding: {place.embedding_dim}, but the slot's word vectors have length "
                f"{vectors.shape[1]}; write embedding: {vectors.shape[1]}"
            )
        with torch.no_grad():
            place.weight.copy_(torch.from_numpy(vectors))
