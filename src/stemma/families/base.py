"""The Lightning module that all gradient-trained architectures share."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from stemma.errors import StemmaError
from stemma.families.phase import Phase
from stemma.nn.companions import CentreLoss, ContrastiveLoss, make_companion
from stemma.nn.judging import ASKED
from stemma.nn.losses import balanced, make_loss
from stemma.nn.optimizers import backward, descend, make_optimizer, make_schedule
from stemma.nn.penalties import penalty
from stemma.spec import DataSpec

USUAL_LOSS = {"classify": "cross_entropy", "regress": "mse"}
ROOTS = ("rmse",)
"""What objectives give as a mean of squares: an epoch's is the root of the mean over all its examples."""


class Model(pl.LightningModule):
    """A network for one data description.

    A subclass takes `spec` (`DataSpec.to_dict()`) and plain parameters, calls `super().__init__(spec)`
    and defines `forward(x, lengths)`: prepared examples (uint8 `[B, C, H, W]`, token ids `[B, T]` with
    lengths `[B]`, or float `[B, F]`) -> `[B, spec.outputs]`: logits, or for the task `regress` the value
    less its mean in train, in standard deviations. Its last layers are its `head`. A model that does more than
    fit those overrides `phases`. For a task that an experiment asks for it needs no head but what `nn.judging` names.
    """

    differentiable = True
    """Whether what it answers has a gradient by its input."""

    head: nn.Module
    encode: Any
    codes: Any
    reconstruct: Any

    def __init__(self, spec: dict[str, Any]) -> None:
        super().__init__()
        self.spec = DataSpec.from_dict(spec)
        self.phase = Phase("fit")
        self.settings: Any = None
        self.loss: Callable[..., Tensor]
        self.companion: CentreLoss | ContrastiveLoss | None = None
        self._totals: dict[str, dict[str, tuple[Any, int]]] = {}
        self._place: tuple[int, int] | None = None

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

    @property
    def together(self) -> int:
        """Batches of a training step, see `Phase`; one where Lightning must clip, scale, count or share them."""
        if self.phase.together == 1:
            return 1
        settings = self.settings
        plain = settings.gradient_clip_val is None and settings.limit_train_batches == 1.0 and not settings.fast_dev_run
        alone = self.device.type == "cpu" and settings.devices in ("auto", 1) and settings.precision != "16-mixed"
        return self.phase.together if plain and alone else 1

    def on_train_epoch_start(self) -> None:
        """A frozen batch normalisation keeps its statistics too."""
        for module in self.modules():
            weights = list(module.parameters()) if isinstance(module, nn.modules.batchnorm._BatchNorm) else []
            if weights:
                module.train(any(weight.requires_grad for weight in weights))

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

    def output_layer(self) -> nn.Module:
        """The layer that makes the outputs; where it is not the last `nn.Linear` of the head, a subclass says so."""
        return [module for module in self.head.modules() if isinstance(module, nn.Linear)][-1]

    def last_hidden(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """What enters the output layer, `[B, H]`; of several nets side by side, that of the first; of a model without
        a head its codes.

        Raises:
            StemmaError: it has neither.
        """
        if not hasattr(self, "head"):
            if not hasattr(self, "codes"):
                raise StemmaError(f"start.experiment: its task is {self.spec.task}, it has no hidden layer to learn on")
            return self.codes(x, lengths)
        with self.watched() as seen:
            self(x, lengths)
        return seen[-1]

    @contextmanager
    def watched(self) -> Iterator[list[Tensor]]:
        """Inside, every forward adds what enters the output layer, `[B, H]`, to the list."""
        seen: list[Tensor] = []
        hook = self.output_layer().register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].flatten(1)))
        try:
            yield seen
        finally:
            hook.remove()

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

    def _over_devices(self, value: Tensor) -> Tensor:
        return self.trainer.strategy.reduce(value, reduce_op="sum")

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
            total, counted = totals.get(name, (0.0, 0))
            totals[name] = total + value.detach().float() * count, counted + count

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

    @torch.inference_mode()
    def predict(
        self,
        x: np.ndarray,
        lengths: np.ndarray | None = None,
        texts: list[str] | None = None,
        batch: int = 256,
    ) -> np.ndarray:
        """Answers to prepared examples: class probabilities float32 `[N, classes]`, or for the task `regress`
        values float32 `[N]` in the target's own unit; for others what `nn.judging` says. `texts` is for other families.
        """
        if self.spec.task in ASKED:
            return self._batched(partial(ASKED[self.spec.task].answer, self), x, lengths, batch)
        return self._batched(lambda part, sizes: self.answer(self(part, sizes).float()), x, lengths, batch)

    @torch.inference_mode()
    def hidden(self, x: np.ndarray, lengths: np.ndarray | None = None, batch: int = 256) -> np.ndarray:
        """The last hidden layer of prepared examples, float32 `[N, H]`."""
        return self._batched(self.last_hidden, x, lengths, batch)

    def _batched(
        self, function: Callable[..., Tensor], x: np.ndarray, lengths: np.ndarray | None, batch: int
    ) -> np.ndarray:
        """`function(x, lengths)` of all examples, `batch` at a time, texts cut to the longest of each."""
        self.eval()
        parts = [function(*piece).float().cpu().numpy() for piece in self.pieces(x, lengths, batch)]
        return np.concatenate(parts)

    def pieces(self, x: np.ndarray, lengths: np.ndarray | None, batch: int) -> Iterator[tuple[Tensor, Tensor | None]]:
        """Prepared examples by batches, on the model's device, each cut to its longest."""
        for start in range(0, len(x), batch):
            piece, sizes = torch.as_tensor(np.array(x[start : start + batch])).to(self.device), None
            if lengths is not None:
                sizes = torch.as_tensor(np.array(lengths[start : start + batch])).to(self.device)
                piece = piece[:, : int(sizes.max())]
            yield piece, sizes

    def answer(self, outputs: Tensor) -> Tensor:
        """What the network's outputs `[B, spec.outputs]` say in the task's own terms."""
        if self.spec.task == "regress":
            return outputs.squeeze(1) * self.spec.target_std + self.spec.target_mean
        return outputs.softmax(1)

    def parameter_count(self) -> int:
        return sum(p.numel() for p in self.parameters())

    def pictures(self) -> dict[str, np.ndarray]:
        """Pictures that explain the model, uint8 `[n, H, W, C]` by name; none by default."""
        return {}

    def save_weights(self, folder: Path) -> None:
        state = {name: value.detach().cpu().contiguous() for name, value in self.state_dict().items()}
        save_file(state, folder / "weights.safetensors")

    def load_weights(self, folder: Path) -> None:
        self.load_state_dict(load_file(folder / "weights.safetensors"))
        self.eval()


def _pieces(column: Tensor | None, size: int) -> Iterable[Tensor | None]:
    return repeat(None) if column is None else column.split(size)


def shapes(model: Model) -> list[dict[str, Any]]:
    """Layer table of `model`: name, kind, output shape without batch, parameters of its own.

    Runs one example of the described data through the model. Layers that its answer passes by (such as those that only
    generate) follow, without an output.
    """
    rows: list[dict[str, Any]] = []

    def add(name: str, module: nn.Module, output: list[int]) -> None:
        own = sum(p.numel() for p in module.parameters())
        rows.append({"name": name, "kind": type(module).__name__, "output": output, "parameters": own})

    def hook(name: str, module: nn.Module) -> Any:
        def record(_: nn.Module, __: Any, output: Any) -> None:
            add(name, module, list((output[0] if isinstance(output, tuple) else output).shape[1:]))

        return record

    layers = [(n, m) for n, m in model.named_modules() if n and not list(m.children())]
    handles = [module.register_forward_hook(hook(name, module)) for name, module in layers]
    x, lengths = example(model.spec)
    with torch.inference_mode():
        model.eval()(x, lengths)
    for handle in handles:
        handle.remove()
    seen = {row["name"] for row in rows}
    for name, module in layers:
        if name not in seen and any(True for _ in module.parameters()):
            add(name, module, [])
    return rows


def example(spec: DataSpec, batch: int = 2) -> tuple[Tensor, Tensor | None]:
    """A batch of made-up prepared examples that fit `spec`, with lengths for text."""
    if spec.kind == "text":
        ids = torch.randint(2, spec.vocabulary_size, (batch, *spec.shape))
        return ids, torch.full((batch,), spec.shape[0])
    if spec.kind == "image":
        return torch.randint(0, 256, (batch, *spec.shape), dtype=torch.uint8), None
    return torch.randn(batch, *spec.shape), None
