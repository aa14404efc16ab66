"""Learning: a network's steps in the phases of the training loop, and what they record."""

from collections.abc import Iterable
from itertools import repeat
from typing import Any

import torch
from torch import Tensor, nn

from stemma.families.answering import Answering
from stemma.families.phase import Phase
from stemma.nn.companions import CentreLoss, ContrastiveLoss
from stemma.nn.optimizers import backward, descend, make_optimizer, make_schedule
from stemma.nn.penalties import penalty

ROOTS = ("rmse",)
"""What objectives give as a mean of squares: an epoch's is the root of the mean over all its examples."""


class Learning(Answering):
    """A network in one of its phases.

    Attributes:
        phase: the current one.
        settings: those of its optimiser and loss.
        companion: a loss beside the phase's own.
    """

    phase: Phase
    settings: Any
    companion: CentreLoss | ContrastiveLoss | None

    def __init__(self) -> None:
        super().__init__()
        self._totals: dict[str, dict[str, tuple[Tensor, int]]] = {}
        self._place: tuple[int, int] | None = None

    @property
    def together(self) -> int:
        """Batches of a training step, see `Phase`; one where Lightning must clip, scale, count or share them, or change
        the rate at each.
        """
        if self.phase.together == 1:
            return 1
        settings = self.settings
        plain = settings.gradient_clip_val is None and settings.limit_train_batches == 1.0 and not settings.fast_dev_run
        plain = plain and settings.schedule == "constant"
        alone = self.device.type == "cpu" and settings.shares == 1 and settings.precision != "16-mixed"
        return self.phase.together if plain and alone else 1

    @property
    def devices(self) -> int:
        """That share a training."""
        return self.trainer.world_size if self._trainer else 1

    def _over_devices(self, value: Tensor) -> Tensor:
        """The sum of the devices' values, alike on all of them."""
        return self.trainer.strategy.reduce(value, reduce_op="sum") if self.devices > 1 else value

    def on_train_epoch_start(self) -> None:
        """A frozen batch normalisation keeps its statistics too."""
        for module in self.modules():
            weights = list(module.parameters()) if isinstance(module, nn.modules.batchnorm._BatchNorm) else []
            if weights:
                module.train(any(weight.requires_grad for weight in weights))

    def training_step(self, batch: Any, index: int) -> Tensor | None:
        """Of several batches together each has its own step."""
        if self.automatic_optimization:
            return self._training_loss(batch, index)
        optimizer: Any = self.optimizers(use_pl_optimizer=False)
        for part in zip(*(_pieces(column, self.settings.batch_size) for column in batch), strict=False):
            self._descend(type(batch)(*part), optimizer)
        return None

    def _descend(self, batch: Any, optimizer: Any) -> None:
        """A step of the optimiser, without what Lightning's own does around one."""
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        if self.phase.gradients is None:
            for parameter in parameters:
                parameter.grad = None
            backward(self._step(batch, "train"), optimizer)
            optimizer.step()
        else:
            with torch.inference_mode():
                values, gradients = self.phase.gradients(batch)
            self._record(values, "train", len(batch.y))
            descend(optimizer, parameters, gradients)

    def _training_loss(self, batch: Any, index: int) -> Tensor:
        """An optimiser may evaluate a batch several times; the first evaluation is recorded."""
        place = (self.current_epoch, index)
        again, self._place = place == self._place, place
        loss = self._step(batch, "train", record=not again) if self.companion is None else self._accompanied(batch)
        return loss + penalty(self, l1=self.settings.l1) if self.settings.l1 else loss

    def _accompanied(self, batch: Any) -> Tensor:
        """The loss with its companion, which is not recorded; then the centres move."""
        assert self.companion is not None
        with self.watched() as seen:
            loss = self._step(batch, "train")
        beside = self.companion(seen[-1], batch.y)
        if isinstance(self.companion, CentreLoss):
            self.companion.update(seen[-1].detach(), batch.y, self._over_devices)
        return loss + self.settings.companion_weight * beside

    def backward(self, loss: Tensor) -> None:
        """Gradients, with a graph for optimisers that differentiate them again."""
        backward(loss, self.optimizers(use_pl_optimizer=False))

    def validation_step(self, batch: Any, index: int) -> Tensor:
        return self._step(batch, "val")

    def _step(self, batch: Any, stage: str, record: bool = True) -> Tensor:
        assert self.phase.objective is not None
        values = self.phase.objective(batch)
        if record:
            self._record(values, stage, len(batch.y))
        return values["loss"]

    def _record(self, values: dict[str, Tensor], stage: str, count: int) -> None:
        """Add means over `count` examples to the sums of the epoch, and to their numbers of examples."""
        totals = self._totals.setdefault(stage, {})
        for name, value in values.items():
            total, counted = totals.get(name) or (value.new_zeros((), dtype=torch.float32), 0)
            totals[name] = torch.add(total, value.detach(), alpha=count), counted + count

    def on_train_start(self) -> None:
        if self.phase.check is not None:
            self.phase.check(self._inputs()[0])

    def on_train_epoch_end(self) -> None:
        self._log_epoch("train")
        if self.phase.curves is not None:
            self.log_dict(self.phase.curves(*self._inputs()))

    def _inputs(self) -> tuple[Any, Any]:
        """What the phase trains on and is validated on, whole."""
        data: Any = self.trainer.datamodule  # type: ignore[attr-defined]
        return data.train.x, None if data.validation is None else data.validation.x

    def on_validation_epoch_end(self) -> None:
        self._log_epoch("val")

    def _log_epoch(self, stage: str) -> None:
        """Log the epoch's means once: a metric logged each step costs more than a small net's step."""
        for name, (summed, counted) in self._totals.pop(stage).items():
            total = self._over_devices(torch.stack([summed, summed.new_tensor(counted)]))
            mean = total[0] / total[1]
            self.log(f"{stage}_{name}", mean.sqrt() if name in ROOTS else mean, prog_bar=True)

    def configure_optimizers(self) -> Any:
        settings = self.settings
        parameters = [p for p in self.parameters() if p.requires_grad]
        optimizer = make_optimizer(
            settings.optimizer,
            parameters,
            settings.learning_rate,
            settings.momentum,
            settings.weight_decay,
            settings.optimizer_options,
        )
        schedule = make_schedule(
            settings.schedule,
            optimizer,
            settings.learning_rate,
            int(self.trainer.estimated_stepping_batches),
            epochs=self.trainer.max_epochs or 1,
            milestones=settings.milestones,
            every=settings.every,
            factor=settings.factor,
            warmup=settings.warmup,
        )
        if schedule is None:
            return optimizer
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def _pieces(column: Tensor | None, size: int) -> Iterable[Tensor | None]:
    return repeat(None) if column is None else column.split(size)
