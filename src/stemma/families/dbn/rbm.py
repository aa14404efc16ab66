"""rbm: the restricted Boltzmann machine, and a linear classifier on its features."""

from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stemma.families.base import Model
from stemma.families.phase import Phase
from stemma.nn.inputs import Vector
from stemma.nn.pictures import tiles
from stemma.spec import DataSpec

SAMPLES, GIBBS_STEPS = 32, 30


class RBM(nn.Module):
    """Binary hidden units h `[B, H]`, binary or Gaussian (unit variance) visible units v `[B, V]`.

    Energy: -v'Wh - b'v - c'h for binary v; (v - b)'(v - b) / 2 - v'Wh - c'h for Gaussian v.
    Vocabulary as in scikit-learn's BernoulliRBM (Smolensky 1986; Hinton 2012, a practical guide).
    """

    def __init__(self, visible: int, hidden: int, gaussian: bool = False) -> None:
        super().__init__()
        self.gaussian = gaussian
        self.weight = nn.Parameter(0.01 * torch.randn(visible, hidden))
        self.visible_bias = nn.Parameter(torch.zeros(visible))
        self.hidden_bias = nn.Parameter(torch.zeros(hidden))

    def hidden_activation(self, v: Tensor) -> Tensor:
        """c + W'v: the log-odds of the hidden units."""
        return F.linear(v, self.weight.T, self.hidden_bias)

    def forward(self, v: Tensor) -> Tensor:
        """As a layer of a network: `hidden_given_visible`."""
        return self.hidden_given_visible(v)

    def hidden_given_visible(self, v: Tensor) -> Tensor:
        """P(h = 1 | v)."""
        return torch.sigmoid(self.hidden_activation(v))

    def visible_given_hidden(self, h: Tensor) -> Tensor:
        """P(v = 1 | h) of binary, mean of Gaussian visible units."""
        activation = F.linear(h, self.weight, self.visible_bias)
        return activation if self.gaussian else torch.sigmoid(activation)

    def energy(self, v: Tensor, h: Tensor) -> Tensor:
        """Energy `[B]` of joint states."""
        joint = -((v @ self.weight) * h).sum(1) - h @ self.hidden_bias
        return joint + self._visible_energy(v)

    def free_energy(self, v: Tensor) -> Tensor:
        """-log sum over h of exp(-energy), `[B]`."""
        return self._visible_energy(v) - F.softplus(self.hidden_activation(v)).sum(1)

    def _visible_energy(self, v: Tensor) -> Tensor:
        if self.gaussian:
            return 0.5 * (v - self.visible_bias).square().sum(1)
        return -(v @ self.visible_bias)

    @torch.no_grad()
    def gibbs(self, v: Tensor, steps: int = 1) -> Tensor:
        """`steps` alternations from v with all units sampled; returns the last visible states' means."""
        for step in range(steps):
            v_mean = self.visible_given_hidden(_bernoulli(self.hidden_given_visible(v)))
            if step < steps - 1:
                v = v_mean + torch.randn_like(v_mean) if self.gaussian else _bernoulli(v_mean)
        return v_mean

    def contrastive_divergence(self, v: Tensor, steps: int = 1) -> Tensor:
        """Squared reconstruction error, mean over a batch `[B, V]`; its `backward` leaves the CD-k gradients."""
        return ContrastiveDivergence.apply(v, self.weight, self.visible_bias, self.hidden_bias, self, steps)


class ContrastiveDivergence(torch.autograd.Function):
    """CD-k (Hinton 2002): forward runs the chain, backward returns its statistics as gradients.

    They equal those of mean free_energy(v) - free_energy(v_k) with v_k held constant, without an
    autograd graph; DDP's hooks still fire. Hidden states are sampled, visible ones take their means
    (Hinton 2012, section 3), the last hidden ones their probabilities.
    """

    @staticmethod
    def forward(
        ctx: Any, v: Tensor, weight: Tensor, visible_bias: Tensor, hidden_bias: Tensor, rbm: RBM, steps: int
    ) -> Tensor:
        h0 = h = rbm.hidden_given_visible(v)
        for _ in range(steps):
            vk = rbm.visible_given_hidden(_bernoulli(h))
            h = rbm.hidden_given_visible(vk)
        ctx.save_for_backward(v, h0, vk, h)
        return (v - vk).square().sum(1).mean()

    @staticmethod
    def backward(ctx: Any, scale: Tensor) -> tuple[Tensor | None, ...]:
        v, h0, vk, hk = ctx.saved_tensors
        scale = scale / len(v)
        weight = torch.cat([v, vk]).T @ torch.cat([-h0, hk])
        return None, weight * scale, (vk - v).sum(0) * scale, (hk - h0).sum(0) * scale, None, None


def _bernoulli(probability: Tensor) -> Tensor:
    """0/1 samples; comparing uniform numbers is four times cheaper than `torch.bernoulli` on a CPU."""
    return (torch.rand_like(probability) < probability).to(probability.dtype)


class GreedyModel(Model):
    """A stack of RBMs, trained one after the other, that a linear layer stands on.

    Binary visible units take pixels scaled to [0, 1] or a bag of the `words` most frequent words;
    Gaussian ones take standardised pixels or a table's columns. `auto`: Gaussian for colour images and tables.
    """

    generated: Tensor

    def __init__(
        self,
        spec: dict[str, Any],
        hidden: tuple[int, ...],
        visible: str = "auto",
        words: int = 2000,
        cd_steps: int = 1,
        pretrain_epochs: int = 10,
        pretrain_learning_rate: float = 0.05,
        pretrain_momentum: float = 0.9,
        pretrain_weight_decay: float = 2e-4,
        pretrain_batch_size: int = 100,
    ) -> None:
        super().__init__(spec)
        grey = self.spec.kind == "image" and self.spec.shape[0] == 1
        gaussian = visible == "gaussian" or (visible == "auto" and not grey and self.spec.kind != "text")
        self.encode = Vector(self.spec, words, standardise=gaussian)
        sizes = [self.encode.size, *hidden]
        self.rbms = nn.ModuleList(RBM(v, h, gaussian and k == 0) for k, (v, h) in enumerate(pairwise(sizes)))
        self.head = nn.Linear(sizes[-1], self.spec.outputs)
        self.cd_steps, self.pretrain_epochs = cd_steps, pretrain_epochs
        self.pretraining = {
            "optimizer": "sgd",
            "optimizer_options": {},
            "l1": 0.0,
            "schedule": "constant",
            "learning_rate": pretrain_learning_rate,
            "momentum": pretrain_momentum,
            "weight_decay": pretrain_weight_decay,
            "batch_size": pretrain_batch_size,
        }
        if self.spec.kind == "image" and pretrain_epochs:
            channels, height, width = self.spec.shape
            self.register_buffer("generated", torch.zeros(SAMPLES, height, width, channels, dtype=torch.uint8))

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
        return Phase(
            f"rbm{level + 1}",
            lambda batch: {"loss": rbm.contrastive_divergence(batch.x, self.cd_steps)},
            trainable=(rbm,),
            epochs=self.pretrain_epochs,
            inputs=lambda batch: self.up(self.encode(batch.x), level),
            labels=False,
            settings=self.pretraining,
        )

    def up(self, v: Tensor, levels: int) -> Tensor:
        """Means of the hidden units after the lowest `levels` RBMs."""
        for rbm in self.stack[:levels]:
            v = rbm(v)
        return v

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
        self.generated = _intensities(v, self.spec, self.stack[0].gaussian)

    def pictures(self) -> dict[str, np.ndarray]:
        """First-layer filters and samples, for images."""
        if self.spec.kind != "image":
            return {}
        pictures = {"filters": tiles(self.stack[0].weight.T.reshape(-1, *self.spec.shape))}
        if "generated" in self._buffers:
            pictures["samples"] = self.generated.cpu().numpy()
        return pictures


def _intensities(v: Tensor, spec: DataSpec, standardised: bool) -> Tensor:
    """Visible units -> uint8 pictures `[B, H, W, C]`."""
    v = v.reshape(-1, *spec.shape)
    if standardised:
        v = v * v.new_tensor(spec.std).view(-1, 1, 1) + v.new_tensor(spec.mean).view(-1, 1, 1)
    return (v.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).clone(memory_format=torch.contiguous_format)


class RBMClassifier(GreedyModel):
    """One RBM and, on its fixed features, multinomial logistic (or linear) regression."""

    def __init__(self, spec: dict[str, Any], hidden: int = 500, **contrastive: Any) -> None:
        super().__init__(spec, (hidden,), **contrastive)
        self.save_hyperparameters()

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return self.head(self.up(self.encode(x), 1))

    def phases(self) -> list[Phase]:
        return [*self.greedy_phases(), Phase("fit", self.objective, trainable=(self.head,))]
