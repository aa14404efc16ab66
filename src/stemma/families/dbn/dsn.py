"""dsn: the deep stacking network, whose upper weights have a closed form (Deng, Yu 2011; Deng, He, Gao 2013)."""

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stemma.families.base import Model
from stemma.families.dbn.features import difference_units, random_units, rectangles, unequal_pairs
from stemma.families.dbn.greedy import visible_units
from stemma.families.dbn.layerwise import contrast, rbm_phase
from stemma.families.dbn.machine import RBM, make_rbm
from stemma.families.dbn.ridge import Moments, best_penalty, best_scale
from stemma.families.phase import Phase
from stemma.nn.inputs import Vector
from stemma.nn.pictures import tiles

PENALTIES = (1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
GAINS = {"random": 1.0, "differences": 10.0, "rbm": 1.0}
BATCH, EVERY = 1000, 5
"""Examples at a time; one of so many is held out to choose the ridge penalty."""


class Units(nn.Linear):
    """A layer of sigmoid units."""

    def forward(self, v: Tensor) -> Tensor:
        return torch.sigmoid(super().forward(v))


class DSN(Model):
    """Blocks y_k = U_k h_k + b_k with h_k = sigmoid(W_k [x, a y_1 ... a y_(k-1)] + c_k).

    A standardised input x has a squared length of about its `size`; with a^2 = `feedback` * size a one-hot y weighs
    that share of it, however long x is (1 / size is the published form, in which a = 1).

    Upper weights U_k are ridge regression of one-hot (or standardised) targets on h_k. Lower weights W_k are random,
    or tell pairs of training examples apart, each within a random rectangle of an image of at least the share `field`
    a side, or are those of an RBM of the block's input (contrastive divergence for `pretrain_epochs`; where it is
    binary, y enters within [0, 1], else a = 1). With `tune_epochs` they then descend the squared error along the
    gradient that keeps U_k at its optimum, before U_k is solved for again; `tune_batch_size` examples at a time,
    which should be more than `hidden`.

    `ridge` is the penalty an example; None chooses it, and the factor that makes the outputs logits, on every fifth
    training example, by the first block: later ones see outputs that already know those examples.
    """

    lowers: nn.ModuleList
    ridge: Tensor
    scale: Tensor
    head: nn.Linear

    def __init__(
        self,
        spec: dict[str, Any],
        blocks: int = 3,
        hidden: int = 2000,
        lower: str = "differences",
        field: float = 0.25,
        gain: float | None = None,
        feedback: float = 0.02,
        ridge: float | None = None,
        words: int = 2000,
        pretrain_epochs: int = 5,
        pretrain_learning_rate: float = 0.05,
        tune_epochs: int = 0,
        tune_learning_rate: float = 0.001,
        tune_batch_size: int = 5000,
    ) -> None:
        super().__init__(spec)
        units = visible_units(self.spec, "auto", False, False)
        self.binary = lower == "rbm" and units == "binary"
        self.encode = Vector(self.spec, words, standardise=not self.binary)
        sizes = [self.encode.size + k * self.spec.outputs for k in range(blocks)]
        self.lowers = nn.ModuleList(
            make_rbm(units, size, hidden) if lower == "rbm" else Units(size, hidden) for size in sizes
        )
        self.uppers = nn.ModuleList(nn.Linear(hidden, self.spec.outputs) for _ in sizes[1:])
        self.head = nn.Linear(hidden, self.spec.outputs)
        self.lower, self.field, self.tune_epochs = lower, field, tune_epochs
        self.gain = GAINS[lower] if gain is None else gain
        self.amplitude = 1.0 if lower == "rbm" else (feedback * self.encode.size) ** 0.5
        self.penalties = PENALTIES if ridge is None else (ridge,)
        self.tuning = {
            "optimizer": "adam",
            "optimizer_options": {},
            "l1": 0.0,
            "schedule": "constant",
            "learning_rate": tune_learning_rate,
            "weight_decay": 0.0,
            "batch_size": tune_batch_size,
        }
        self.pretrain_epochs = pretrain_epochs
        self.pretraining = {**self.tuning, "optimizer": "sgd", "momentum": 0.9, "batch_size": 100}
        self.pretraining["learning_rate"] = pretrain_learning_rate
        self.register_buffer("ridge", torch.zeros(()))
        self.register_buffer("scale", torch.ones(()))
        self.save_hyperparameters()

    def phases(self) -> list[Phase]:
        """A closed form a block; with fine-tuning the lower weights descend from it, and it is solved for again."""
        return [phase for k in range(len(self.lowers)) for phase in self._block_phases(k)]

    def _block_phases(self, k: int) -> list[Phase]:
        number, lower = k + 1, self.lowers[k]
        first = [self._rbm_phase(k, lower)] if isinstance(lower, RBM) else []
        if not self.tune_epochs:
            return [*first, self._block(k, lambda split: self._start(k, split))]
        tune = Phase(
            f"tune{number}",
            lambda batch: self.tuning_loss(k, batch),
            trainable=(lower,),
            frozen=(f"lowers.{k}.visible_bias",),
            epochs=self.tune_epochs,
            inputs=lambda batch: self.stacked(batch.x, k),
            settings=self.tuning,
        )
        start = Phase(f"start{number}", solve=lambda split: self._start(k, split))
        return [*first, start, tune, self._block(k, lambda split: self._fit(k, split))]

    def _block(self, k: int, solve: Callable[[Any], list[dict[str, float]]]) -> Phase:
        return Phase(f"block{k + 1}", solve=solve, curves=lambda train, validation: self._held_out(k, validation))

    def _rbm_phase(self, k: int, rbm: RBM) -> Phase:
        return rbm_phase(
            f"rbm{k + 1}",
            rbm,
            lambda batch: contrast(rbm, batch.x, self.training),
            lambda batch: self.stacked(batch.x, k),
            self.pretrain_epochs,
            self.pretraining,
        )

    def solve(self, split: Any) -> list[dict[str, float]]:
        """All blocks in closed form on the training split (`x`, `y`, `lengths`), and the squared error of each."""
        return [row for k in range(len(self.lowers)) for row in self._start(k, split)]

    @property
    def layers(self) -> list[tuple[nn.Module, nn.Linear]]:
        """Lower and upper layer of each block."""
        return list(zip(self.lowers, [*self.uppers, self.head], strict=True))

    def stacked(self, x: Tensor, k: int) -> Tensor:
        """What block k (from 0) sees of prepared examples: the encoded input and all earlier outputs."""
        values = self.encode(x)
        for lower, upper in self.layers[:k]:
            values = torch.cat([values, self._fed_back(upper(lower(values)))], 1)
        return values

    def _fed_back(self, outputs: Tensor) -> Tensor:
        if not self.binary:
            return self.amplitude * outputs
        return outputs.clamp(0, 1) if self.spec.task == "classify" else outputs.sigmoid()

    def activations(self, x: Tensor, k: int) -> Tensor:
        """Hidden activations h of block k, `[B, H]`."""
        return self.lowers[k](self.stacked(x, k))

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return self.head(self.activations(x, len(self.lowers) - 1))

    def wanted(self, y: Tensor) -> Tensor:
        """What the blocks are fitted to, `[B, spec.outputs]`."""
        if self.spec.task == "regress":
            return ((y - self.spec.target_mean) / self.spec.target_std)[:, None].float()
        return F.one_hot(y.long(), self.spec.outputs).float()

    @torch.no_grad()
    def _start(self, k: int, split: Any) -> list[dict[str, float]]:
        """Draw the lower weights of block k, unless an RBM learnt them, and solve for its upper ones."""
        self._draw(k, split)
        return self._fit(k, split)

    def _draw(self, k: int, split: Any) -> None:
        layer, size = self.lowers[k], self.encode.size
        if not isinstance(layer, Units):
            return
        count, width = layer.weight.shape
        if self.lower == "random":
            weight, bias = random_units(width, count, self.gain)
        else:
            pairs = unequal_pairs(torch.from_numpy(np.array(split.y)), count)
            first, second = (torch.cat([self.stacked(x, k) for x in self._some(split, which)]) for which in pairs)
            mask = torch.ones(count, width)
            if self.spec.kind == "image":
                mask[:, :size] = rectangles(count, self.spec.shape, self.field)
            weight, bias = difference_units(first, second, mask.to(first.device), self.gain)
        layer.weight.copy_(weight)
        layer.bias.copy_(bias)

    def _some(self, split: Any, positions: Tensor) -> Iterator[Tensor]:
        for part in positions.split(BATCH):
            yield torch.from_numpy(np.array(split.x[part.numpy()])).to(self.device)

    @torch.no_grad()
    def _fit(self, k: int, split: Any) -> list[dict[str, float]]:
        """Solve for the upper weights of block k: on all examples, after what is to be chosen was; its error."""
        rest, held = (Moments(self.head.in_features, self.spec.outputs, self.device) for _ in range(2))
        for h, t in self._features(k, split):
            chosen = torch.arange(len(h), device=h.device) % EVERY == 0
            held.add(h[chosen], t[chosen])
            rest.add(h[~chosen], t[~chosen])
        if k == 0:
            self._choose(split, rest, held)
        rest.merge(held)
        ((weight, bias),) = rest.ridge([float(self.ridge)])
        self._put(k, weight, bias)
        return [{"train_squared_error": rest.error(weight, bias)}]

    @torch.no_grad()
    def _held_out(self, k: int, split: Any) -> dict[str, float]:
        """Mean squared error of block k's outputs on the validation split, and of classes the share it gets wrong."""
        if split is None:
            return {}
        found = [(self._outputs(k, h), t) for h, t in self._features(k, split)]
        outputs, targets = (torch.cat(part) for part in zip(*found, strict=True))
        errors = {"val_squared_error": float((outputs - targets).square().sum(1).mean())}
        if self.spec.task == "classify":
            errors["val_error"] = float((outputs.argmax(1) != targets.argmax(1)).float().mean())
        return errors

    def _outputs(self, k: int, h: Tensor) -> Tensor:
        """Of block k on hidden activations, in the unit of the targets."""
        upper = self.layers[k][1]
        return upper(h) / (self.scale if upper is self.head else 1.0)

    def _features(self, k: int, split: Any) -> Iterator[tuple[Tensor, Tensor]]:
        """Hidden activations of block k and the targets, a batch at a time."""
        y = torch.from_numpy(np.array(split.y)).to(self.device)
        for number, (x, _) in zip(count(), self.pieces(split.x, split.lengths, BATCH), strict=False):
            yield self.activations(x, k), self.wanted(y[number * BATCH : number * BATCH + len(x)])

    def _choose(self, split: Any, rest: Moments, held: Moments) -> None:
        """The ridge penalty, and for classes the factor of their logits, on the held out examples."""
        self.ridge.fill_(self.penalties[0] if len(self.penalties) == 1 else best_penalty(rest, held, self.penalties))
        if self.spec.task == "classify":
            ((weight, bias),) = rest.ridge([float(self.ridge)])
            parts = [(h[::EVERY].double() @ weight.T + bias, t[::EVERY].argmax(1)) for h, t in self._features(0, split)]
            outputs, labels = (torch.cat(part) for part in zip(*parts, strict=True))
            self.scale.fill_(best_scale(outputs, labels))

    def _put(self, k: int, weight: Tensor, bias: Tensor) -> None:
        """Take over upper weights; those of the last block, which gives logits, times `scale`."""
        upper = self.layers[k][1]
        factor = self.scale if upper is self.head else 1.0
        upper.weight.copy_(factor * weight)
        upper.bias.copy_(factor * bias)

    def tuning_loss(self, k: int, batch: Any) -> dict[str, Tensor]:
        """Mean squared error of block k on its inputs `batch.x`, its upper weights at their optimum for the batch.

        By the envelope theorem its gradient is that of the error with the closed form inside, which Deng and Yu
        (2011, section 4) write out; in validation the upper weights stay.
        """
        h, t = self.lowers[k](batch.x), self.wanted(batch.y)
        if self.training:
            with torch.no_grad():
                moments = Moments(h.shape[1], t.shape[1], h.device)
                moments.add(h.detach(), t)
                moments.share(self._over_devices)
                ((weight, bias),) = moments.ridge([float(self.ridge)])
                self._put(k, weight, bias)
        return {"loss": (self._outputs(k, h) - t).square().sum(1).mean()}

    def pictures(self) -> dict[str, Any]:
        """Lower weights of the first block, for images."""
        if self.spec.kind != "image":
            return {}
        weight = self.lowers[0].get_parameter("weight")
        return {"filters": tiles(weight.reshape(-1, *self.spec.shape))}
