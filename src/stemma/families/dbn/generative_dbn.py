"""generative_dbn: a deep belief network as a model of the data: greedy start, then up-down fine-tuning.

Hinton, Osindero, Teh 2006: an undirected top pair, whose visible side holds label units where there are classes, above
directed layers. Their generative weights start as the recognition weights' transpose and then learn on their own.
"""

from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stemma.errors import StemmaError
from stemma.families.dbn.density import DensityModel
from stemma.families.dbn.greedy import intensities
from stemma.families.dbn.labelled import LabelledRBM
from stemma.families.dbn.layerwise import rbm_phase
from stemma.families.dbn.likelihood import LogZ, log_z
from stemma.families.dbn.machine import RBM
from stemma.families.dbn.sampling import bernoulli
from stemma.families.phase import Phase

SEED = 0
PER_CLASS, SAMPLE_STEPS = 10, 1000


class GenerativeDBN(DensityModel):
    """Classifies by the free energy of each label beside the features, and draws examples of a given class.

    For the task `density` it has no labels and tells a lower bound of the log-likelihood, the mean over `bound_samples`
    samples of its hidden units. There up-down takes `up_down_epochs` epochs; to classify, the experiment's own.

    Args:
        up_down_steps: alternations in the top pair between the wake and the sleep phase.

    Raises:
        StemmaError: fewer than two hidden layers, or visible units whose generative weights cannot be untied.
    """

    head: RBM
    keeps_samples = False

    def __init__(
        self,
        spec: dict[str, Any],
        hidden: tuple[int, ...] = (500, 500, 2000),
        up_down_steps: int = 3,
        up_down_epochs: int = 10,
        bound_samples: int = 20,
        **contrastive: Any,
    ) -> None:
        if len(hidden) < 2:
            raise StemmaError(f"hidden: {list(hidden)}; a deep belief network has at least 2 hidden layers")
        super().__init__(spec, tuple(hidden[:-1]), **contrastive)
        if contrastive.get("learn_variance"):
            raise StemmaError("learn_variance: true; allowed with generative_dbn: false")
        self.classifies = self.spec.task == "classify"
        below, top = hidden[-2:]
        self.head = LabelledRBM(below, self.spec.outputs, top) if self.classifies else RBM(below, top)
        if self.persistent:
            self.head.keep_chains(len(self.stack[0].chains))
            self.keep_chains("head.chains")
        self.down = nn.ParameterList(torch.empty(*reversed(rbm.weight.shape)) for rbm in self.stack)
        self._untie(None)
        self.up_down_steps, self.up_down_epochs, self.bound_samples = up_down_steps, up_down_epochs, bound_samples
        self.save_hyperparameters()

    def phases(self) -> list[Phase]:
        """RBM by RBM, the top pair with the labels, then all weights."""
        learning = [parameter for rbm in self.stack for parameter in rbm.parameters()]
        up_down = Phase(
            "fit" if self.classifies else "up_down",
            self.objective,
            trainable=(self.head, self.down, *learning),
            epochs=None if self.classifies else self.up_down_epochs,
            labels=self.classifies,
        )
        phases = [*self.greedy_phases(), Phase("untie", solve=self._untie)]
        if self.classifies:
            return [*phases, up_down]
        return [*phases, *([up_down] if self.up_down_epochs else []), self.density_phase()]

    def greedy_phases(self) -> list[Phase]:
        if not self.pretrain_epochs:
            return []
        lower = [self._rbm_phase(level, rbm) for level, rbm in enumerate(self.stack)]
        top = rbm_phase(
            "top",
            self.head,
            partial(self._contrast, self.head),
            lambda batch: self.kept(self._beside(self.last_hidden(batch.x), batch.y)),
            self.pretrain_epochs,
            self.pretraining,
            labels=self.classifies,
            gradients=partial(self._descent, self.head),
        )
        return [*lower, top]

    def _beside(self, features: Tensor, y: Tensor) -> Tensor:
        """Visible states of the top pair."""
        return self.head.beside(features, y) if isinstance(self.head, LabelledRBM) else features

    @torch.no_grad()
    def _untie(self, split: Any) -> None:
        """The generative weights start from those that the RBMs learnt."""
        for down, rbm in zip(self.down, self.stack, strict=True):
            down.copy_(rbm.weight.T)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Logits `[B, spec.outputs]`; of a density the bound `[B]`."""
        return self.head(self.last_hidden(x)) if self.classifies else self.log_likelihood(x)

    def last_hidden(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Features `[B, F]` that the top pair sees."""
        return self.up(self.encode(x), len(self.stack))

    def output_layer(self) -> nn.Module:
        return self.head

    def objective(self, batch: Any) -> dict[str, Tensor]:
        """Contrastive wake-sleep (section 5): what the generative weights make of the states that the data gave, what
        the recognition weights make of dreams, and free energy of the data less that of the dreams.
        """
        awake, below, dreamt, asleep = self._wake_and_sleep(self.encode(batch.x), batch.y)
        generative = sum(-self.given(n, awake[n + 1], awake[n]).mean() for n in range(len(self.down)))
        recognition = sum(_unlikely(rbm, *asleep[n : n + 2]) for n, rbm in enumerate(self.stack))
        gap = self.head.free_energy(below).mean() - self.head.free_energy(dreamt).mean()
        loss = {"loss": generative + recognition + gap}
        if self.classifies and not self.training:
            loss["accuracy"] = self.judge(self(batch.x), batch.y)["accuracy"]
        return loss

    @torch.no_grad()
    def _wake_and_sleep(self, v: Tensor, y: Tensor) -> tuple[list[Tensor], Tensor, Tensor, list[Tensor]]:
        """States of v and all lower hidden layers; what the top pair sees of them, and dreams after its chain; the
        states of the lower layers and v that this dream makes.
        """
        awake = [v]
        for rbm in self.stack:
            awake.append(bernoulli(rbm(awake[-1])))
        below = self._beside(awake[-1], y)
        dreamt = self._chain(bernoulli(self.head.hidden_given_visible(below)))
        return awake, below, dreamt, self._downward(dreamt[:, : awake[-1].shape[1]])

    def _chain(self, h: Tensor) -> Tensor:
        """Visible states of the top pair after `up_down_steps` alternations from h, or from the persistent chains."""
        if self.persistent:
            h = self.own(self.head.chains)
        for _ in range(self.up_down_steps):
            v = self.head.sample_visible(self.head.visible_given_hidden(h))
            h = bernoulli(self.head.hidden_given_visible(v))
        if self.persistent and self.training:
            self.own(self.head.chains).copy_(h)
        return v

    def _downward(self, features: Tensor) -> list[Tensor]:
        """States `[v, h1, ..., features]` under given features, sampled; of v the means."""
        states = [features]
        for level in reversed(range(len(self.down))):
            mean = self.stack[level].visible_mean(self._activation(level, states[0]))
            states.insert(0, bernoulli(mean) if level else mean)
        return states

    def _activation(self, level: int, h: Tensor) -> Tensor:
        """Of the units below hidden layer `level`, from 0, by the generative weights."""
        return F.linear(h, self.down[level], self.stack[level].visible_bias)

    def given(self, level: int, h: Tensor, v: Tensor) -> Tensor:
        """log p(v | h) `[B]` of the units below hidden layer `level`."""
        rbm, activation = self.stack[level], self._activation(level, h)
        joint = (v * (activation - rbm.visible_bias)).sum(1) - rbm.visible_energy(v, rbm.visible_bias)
        return joint - rbm.visible_log_z(activation, rbm.visible_bias)

    def read(self, x: Tensor) -> Tensor:
        return self.last_hidden(x)

    def find_log_z(self, means: Tensor) -> LogZ:
        return log_z(self.head, means, **self.annealing)

    def log_likelihood(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Variational lower bound of log p `[B]`, in nats (Salakhutdinov, Murray 2008, section 4.1).

        All examples share the uniform numbers that their hidden units are sampled with: none depends on its batch.
        """
        return self.bound(self.encode(x)) - self.log_z

    @torch.no_grad()
    def bound(self, v: Tensor) -> Tensor:
        """Mean over samples of log p*(v, h) - log q(h | v), with p* lacking 1 / Z: `[B]`."""
        generator = torch.Generator().manual_seed(SEED)
        return torch.stack([self._sampled_bound(v, generator) for _ in range(self.bound_samples)]).mean(0)

    def _sampled_bound(self, v: Tensor, generator: torch.Generator) -> Tensor:
        found = v.new_zeros(len(v), dtype=torch.float64)
        for level, rbm in enumerate(self.stack):
            activation = rbm.hidden_activation(v)
            mean = torch.sigmoid(activation)
            h = (torch.rand(mean.shape[1], generator=generator).to(mean) < mean).to(mean.dtype)
            entropy = (F.softplus(activation) - activation * mean).sum(1)
            found += self.given(level, h, v).double() + entropy.double()
            v = h
        return found - self.head.free_energy(v).double()

    @torch.no_grad()
    def draw(self, labels: Tensor | None, count: int, steps: int = SAMPLE_STEPS) -> Tensor:
        """`count` examples `[count, V]`, means of the visible units: `steps` alternations in the top pair, whose label
        units are held at `labels` `[count]`, from random states, then down.
        """
        bias = self.head.hidden_bias
        h = bernoulli(bias.new_full((count, len(bias)), 0.5))
        for _ in range(steps):
            v = self.head.sample_visible(self.head.visible_given_hidden(h))
            features = v[:, : self.down[-1].shape[1]]
            v = features if labels is None else self._beside(features, labels)
            h = bernoulli(self.head.hidden_given_visible(v))
        return self._downward(features)[0]

    def pictures(self) -> dict[str, np.ndarray]:
        """Filters, and samples: `PER_CLASS` a class, a row a class."""
        pictures = super().pictures()
        classes = self.spec.outputs if self.classifies else PER_CLASS
        labels = torch.arange(classes, device=self.device).repeat_interleave(PER_CLASS) if self.classifies else None
        with torch.random.fork_rng():
            torch.manual_seed(SEED)
            drawn = self.draw(labels, classes * PER_CLASS)
        pictures["samples"] = intensities(drawn, self.spec, self.stack[0].units == "gaussian").cpu().numpy()
        return pictures


def _unlikely(rbm: RBM, v: Tensor, h: Tensor) -> Tensor:
    """Mean over rows of -log q(h | v) by the recognition weights."""
    return F.binary_cross_entropy_with_logits(rbm.hidden_activation(v), h, reduction="sum") / len(v)
