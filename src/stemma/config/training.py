"""The sections `training` and `experiments`."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from stemma.config.section import Count, Fraction, Limit, Section, Seed
from stemma.nn.names import (
    AverageName,
    ClassifyLoss,
    CompanionName,
    OptimizerName,
    RegressLoss,
    ScheduleName,
    average_mistakes,
    optimizer_mistakes,
    search_mistakes,
)
from stemma.spec import Asked

MonitorName = Literal[
    "val_loss", "val_accuracy", "val_rmse", "val_reconstruction_error", "val_log_likelihood", "val_quantisation_error",
    "val_bits_right",
]  # fmt: skip


class Augment(Section):
    """Random changes of a training batch of images, on the device."""

    shift: int = Field(0, ge=0, description="shift by up to so many pixels, zeros move in")
    flip: bool = Field(False, description="mirror left to right with probability 1/2")


class Training(Section):
    """Settings of the one training loop; an experiment overrides any of them."""

    seeds: tuple[Seed, ...] = Field((0, 1, 2), min_length=1, description="a training each; distinct")
    epochs: int = Field(10, ge=1, description="at most; of phases that fix their own number only the others")
    batch_size: int = Field(
        64, ge=1, description="the global one, a multiple of devices x `num_nodes` x `accumulate_grad_batches`"
    )
    optimizer: OptimizerName = Field("adam", description="see [parts.md](parts.md)")
    optimizer_options: dict[str, int | float] = Field(default_factory=dict, description="its further numbers, by name")
    learning_rate: float = Field(1e-3, gt=0, description="the largest one of a schedule")
    momentum: Fraction = Field(0.0, description="of sgd, momentum, nesterov and rmsprop")
    weight_decay: float = Field(0.0, ge=0)
    l1: float = Field(0.0, ge=0, description="penalty on the sum of the weights' magnitudes")
    schedule: ScheduleName = Field("constant", description="over the steps of all epochs")
    milestones: tuple[Annotated[float, Field(gt=0)], ...] = Field((), description="of steps: epochs that end a step")
    every: float | None = Field(None, gt=0, description="of steps, instead of milestones: epochs a step")
    factor: float = Field(0.1, gt=0, description="of steps: what each multiplies the rate by")
    warmup: float = Field(1.0, ge=0, description="of warmup, warmup_cosine: epochs of a rising rate")
    loss: Literal["auto", ClassifyLoss, RegressLoss] = Field(
        "auto", description="auto: cross_entropy of classes, mse of values; see [parts.md](parts.md)"
    )
    label_smoothing: Fraction = Field(0.0, description="share of a label that is spread over all classes")
    delta: float = Field(1.0, gt=0, description="of huber: where it bends")
    companion: CompanionName = Field(
        "none",
        description="of classes: a loss of what enters the last layer, beside the other; see [parts.md](parts.md)",
    )
    companion_weight: float = Field(0.01, gt=0, description="factor of the companion")
    margin: float = Field(1.0, gt=0, description="of contrastive: how far apart two classes are pushed")
    centre_rate: float = Field(0.5, gt=0, le=1, description="of centre: share of the way that a centre goes at a step")
    weight_average: AverageName = Field(
        "none",
        description="predict with an average of the weights along training: ema, each step; swa, each late epoch",
    )
    average_decay: Fraction = Field(0.999, description="of ema: what an average keeps of itself at a step")
    average_from: Fraction = Field(0.75, description="of swa: share of the epochs after which averaging begins")
    class_weights: Literal["none", "balanced"] = Field(
        "none", description="of the loss; balanced: a class weighs the inverse of its number in train"
    )
    bucket_by_length: bool = Field(True, description="text: batches of about equally long examples, in random order")
    memory_gb: float = Field(4.0, gt=0, description="a larger array is read from disk batch by batch")
    augment: Augment = Augment()
    monitor: MonitorName | None = Field(
        "val_loss",
        description="what the best epoch is chosen by: loss or the task's first score; null: the last one stands",
    )
    patience: int | None = Field(3, ge=1, description="epochs without a better `monitor` before stopping")
    refit: bool = Field(False, description="choose the epochs on validation, then train anew on train + validation")
    accelerator: Literal["auto", "cpu", "gpu", "mps"] = Field("auto", description="auto: GPUs where there are any")
    devices: Count | Literal["auto"] | tuple[Annotated[int, Field(ge=0)], ...] = Field(
        "auto", description="that share a seed on each node: how many, or which; auto: one"
    )
    num_nodes: Count = Field(1, description="machines that share a seed; see [scale.md](scale.md)")
    strategy: Literal["auto", "ddp", "ddp_find_unused_parameters_true"] = Field(
        "auto", description="auto: DDP on several devices"
    )
    accumulate_grad_batches: Count = Field(1, description="parts of a batch, computed one after the other for one step")
    sync_batchnorm: bool = Field(False, description="GPUs: batch normalisation over all devices' part of a batch")
    precision: Literal["32-true", "bf16-mixed", "16-mixed", "bf16-true", "64-true"] = "32-true"
    matmul_precision: Literal["exact", "highest", "high", "medium"] = Field(
        "exact",
        description="of float32 products, by PyTorch's names; exact: float32's own, by the fastest kernels with it; "
        "`medium` rounds to bfloat16 or TF32 on processors that have these",
    )
    gradient_clip_val: float | None = Field(None, gt=0, description="largest norm of a step's gradient")
    checkpoint_seconds: float = Field(
        60, ge=0, description="at least so long between the states that a killed training goes on from; 0: every epoch"
    )
    deterministic: bool = Field(True, description="deterministic algorithms only")
    fast_dev_run: bool = Field(False, description="one batch of one epoch, to try the code")
    limit_train_batches: Limit = Field(1.0, description="batches, or a share of them, of an epoch")
    limit_val_batches: Limit = Field(1.0, description="the same for validation")

    @field_validator("seeds")
    @classmethod
    def distinct(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(seeds)) < len(seeds):
            raise ValueError("seeds must be distinct")
        return seeds

    @model_validator(mode="after")
    def patience_has_a_monitor(self) -> "Training":
        if self.monitor is None and self.patience is not None:
            raise ValueError(f"patience: {self.patience}, but monitor is null; allowed with it: null")
        return self

    @model_validator(mode="after")
    def optimizer_fits(self) -> "Training":
        """What the optimiser takes, and what goes with one that searches its own step or with a late average."""
        together = (self.schedule, self.gradient_clip_val, self.precision, self.shares, self.companion)
        mistakes = optimizer_mistakes(self.optimizer, self.momentum, self.optimizer_options)
        mistakes += search_mistakes(self.optimizer, *together) + average_mistakes(self.weight_average, self.patience)
        if mistakes:
            raise ValueError("; ".join(mistakes))
        return self

    @model_validator(mode="after")
    def devices_fit(self) -> "Training":
        """What goes with the devices, as far as it can be known before they are seen."""
        on_cpu, several = self.accelerator == "cpu", self.shares > self.accumulate_grad_batches
        listed = list(self.devices) if isinstance(self.devices, tuple) else []
        mistakes = {
            f"batch_size: {self.indivisible(self.batch_size)}": self.indivisible(self.batch_size),
            f"devices: {listed} names one twice": len(set(listed)) < len(listed),
            f"devices: {listed}; allowed with accelerator cpu: how many": on_cpu and listed,
            "devices: several; allowed with accelerator mps: 1": self.accelerator == "mps" and several,
            "sync_batchnorm: true; allowed with accelerator cpu: false": on_cpu and self.sync_batchnorm,
            "precision: '16-mixed'; allowed with accelerator cpu: bf16-mixed, bf16-true, 32-true, 64-true": on_cpu
            and self.precision == "16-mixed",
        }
        if any(mistakes.values()):
            raise ValueError("; ".join(mistake for mistake, found in mistakes.items() if found))
        return self

    @property
    def local_devices(self) -> int:
        """Devices of one node that share a seed."""
        return len(self.devices) if isinstance(self.devices, tuple) else 1 if self.devices == "auto" else self.devices

    @property
    def shares(self) -> int:
        """Equal parts that a step's batch is computed in: on each device of each node, and one after the other."""
        return self.local_devices * self.num_nodes * self.accumulate_grad_batches

    def indivisible(self, batch_size: int) -> str:
        """What is wrong with a batch that cannot be divided so; empty if it can."""
        made = f"devices {self.local_devices} x num_nodes {self.num_nodes}"
        made += f" x accumulate_grad_batches {self.accumulate_grad_batches}"
        return f"{batch_size} is not a multiple of {self.shares} ({made})" if batch_size % self.shares else ""


class Experiment(Training):
    """A training of one architecture on one slot; `family` is written out because dvc.yaml depends on its code."""

    dataset: str = Field(description="a slot of `datasets`")
    family: str = Field(description="of the architecture, written out because dvc.yaml depends on its code")
    architecture: str = Field(description="a key of `stemma list`")
    parameters: dict[str, Any] = Field(default_factory=dict, description="of the architecture, below")
    task: Asked | None = Field(
        None,
        description="what is learnt from the examples alone, see [comparison.md](comparison.md); null: the slot's own",
    )
    tried: int = Field(
        1,
        ge=1,
        description="of so many trials on validation it is the best ([sweeps.md](sweeps.md))",
    )
