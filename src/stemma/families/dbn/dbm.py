"""dbm: a deep Boltzmann machine, for features of a classifier or for the density of the data.

Salakhutdinov, Hinton 2009: greedy start, then all layers at once, with mean field for the data and persistent chains
for the model; a classifier is the network that one more sweep of the mean field unrolls to.
"""

from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from stemma.errors import StemmaError
from stemma.families.dbn.copied import make_copied
from stemma.families.dbn.curves import common_curves, subset
from stemma.families.dbn.deep_machine import DeepMachine
from stemma.families.dbn.density import DensityModel
from stemma.families.dbn.greedy import SAMPLES, intensities
from stemma.families.dbn.likelihood import LogZ
from stemma.families.dbn.machine import RBM
from stemma.families.phase import Phase

GIBBS_STEPS = 100


class DBM(DensityModel):
    """A deep Boltzmann machine of two hidden layers or more.

    To classify, sigmoid layers start from its weights: each also reads the mean-field means of the layer above it,
    found once. With `fine_tune` all of them learn, otherwise the linear layer on top alone. For the task `density` it
    tells a lower bound of the log-likelihood.

    Args:
        sweeps: of the mean field.
        joint_epochs, joint_learning_rate: of the training of all layers at once; the rate falls to 0.
        joint_steps: alternations of the `chains` persistent chains an update.

    Raises:
        StemmaError: fewer than two hidden layers, or settings that are those of single RBMs.
    """

    def __init__(
        self,
        spec: dict[str, Any],
        hidden: tuple[int, ...] = (500, 1000),
        sweeps: int = 10,
        joint_epochs: int = 20,
        joint_learning_rate: float = 0.01,
        joint_steps: int = 5,
        fine_tune: bool = True,
        chains: int = 100,
        **contrastive: Any,
    ) -> None:
        if len(hidden) < 2:
            raise StemmaError(f"hidden: {list(hidden)}; a deep Boltzmann machine has at least 2 hidden layers")
        for key in ("learn_variance", "persistent"):
            if contrastive.get(key):
                raise StemmaError(f"{key}: true; allowed with dbm: false")
        super().__init__(spec, tuple(hidden), **contrastive)
        self.sweeps, self.joint_epochs, self.joint_steps, self.fine_tune = sweeps, joint_epochs, joint_steps, fine_tune
        self.joint = self.pretraining | {"learning_rate": joint_learning_rate, "momentum": 0.0, "schedule": "cosine"}
        self.sizes = [len(self.stack[0].visible_bias), *hidden]
        for level, size in enumerate(self.sizes):
            self.register_buffer(f"chains{level}", torch.zeros(chains, size))
            self.keep_chains(f"chains{level}")
        if self.spec.task == "classify":
            inputs = [low + high for low, high in zip(self.sizes, [*self.sizes[2:], 0], strict=False)]
            self.unrolled = nn.ModuleList(nn.Linear(*size) for size in zip(inputs, hidden, strict=True))
        self.save_hyperparameters()

    def make_layer(self, level: int, levels: int, units: str, visible: int, hidden: int, learn_variance: bool) -> RBM:
        """The lowest is trained with two copies of its visible units, the highest with two of its hidden ones, which
        stand for the inputs that they get from the other side later.
        """
        return make_copied(units, visible, hidden, 1 + (level == 0), 1 + (level == levels - 1))

    def _rbm_phase(self, level: int, rbm: RBM) -> Phase:
        return replace(super()._rbm_phase(level, rbm), curves=partial(common_curves, rbm))

    @property
    def machine(self) -> DeepMachine:
        return DeepMachine(self.stack)

    @property
    def chains(self) -> list[Tensor]:
        """States of the persistent chains, `[v, h1, ..., hL]`."""
        return [self.get_buffer(f"chains{level}") for level in range(len(self.sizes))]

    def greedy_phases(self) -> list[Phase]:
        return [self._rbm_phase(level, rbm) for level, rbm in enumerate(self.stack)] if self.pretrain_epochs else []

    def phases(self) -> list[Phase]:
        """RBM by RBM, all layers at once, then log Z or the targets."""
        both = [parameter for rbm in self.stack for parameter in (rbm.weight, rbm.hidden_bias)]
        joint = Phase(
            "joint",
            self._joint,
            trainable=(self.stack[0].visible_bias, *both),
            epochs=self.joint_epochs,
            inputs=lambda batch: self.encode(batch.x),
            labels=False,
            settings=self.joint,
            curves=self._curves,
        )
        learnt = [*self.greedy_phases(), Phase("join", solve=self._join), *([joint] if self.joint_epochs else [])]
        if "generated" in self._buffers:
            learnt.append(Phase("sample", solve=self._generate))
        if self.spec.task == "density":
            return [*learnt, self.density_phase()]
        fit = Phase(
            "fit",
            self.objective,
            trainable=(self.unrolled, self.head) if self.fine_tune else (self.head,),
            inputs=lambda batch: self._augmented(batch.x),
        )
        return [*learnt, Phase("unroll", solve=self._unroll), fit]

    @torch.no_grad()
    def _join(self, split: Any) -> None:
        """Halve the weights between the lowest and the highest, which both sides feed from now on; start the chains
        from training examples.
        """
        for rbm in self.stack[1:-1]:
            rbm.weight.mul_(0.5)
        positions = torch.linspace(0, len(split.x) - 1, len(self.chains[0])).long().numpy()
        x = torch.from_numpy(split.x[positions]).to(self.device)
        for chain, states in zip(self.chains, self.machine.start(self.encode(x)), strict=True):
            chain.copy_(states)

    def _joint(self, batch: Any) -> dict[str, Tensor]:
        """Mean energy of data, with the hidden means of the mean field, less that of the chains. Its gradient is that
        of the bound's mean, negative, where the chains stand for the machine.
        """
        machine, chains = self.machine, [self.own(chain) for chain in self.chains]
        with torch.no_grad():
            data = machine.mean_field(batch.x, self.sweeps)
            states = machine.gibbs(chains, self.joint_steps)
            fantasies = machine.expected(states)
            if self.training:
                for chain, state in zip(chains, states, strict=True):
                    chain.copy_(state)
        return {"loss": machine.energy(data).mean() - machine.energy(fantasies).mean()}

    @torch.no_grad()
    def _curves(self, train: Tensor, validation: Tensor | None) -> dict[str, Tensor]:
        """Squared error a value of what the mean field reconstructs in train, how far its last sweep moved a mean at
        most, and by how much the bound falls from train to validation.
        """
        machine, v = self.machine, subset(train)
        found = machine.mean_field(v, self.sweeps)
        again = machine.sweep(found)
        back = machine.layers[0].visible_mean(machine.visible_activation(found[1]))
        moved = torch.stack([(a - b).abs().max() for a, b in zip(found[1:], again[1:], strict=True)]).max()
        values = {"reconstruction": (back - v).square().mean(), "mean_field_step": moved}
        if validation is not None:
            held_out = machine.bound(machine.mean_field(subset(validation), self.sweeps))
            values["free_energy_gap"] = machine.bound(found).mean() - held_out.mean()
        return values

    def _augmented(self, x: Tensor) -> Tensor:
        """Encoded examples beside the means of all hidden layers but the lowest, `[B, V + H2 + ... + HL]`."""
        found = self.machine.mean_field(self.encode(x), self.sweeps)
        return torch.cat([found[0], *found[2:]], dim=1)

    @torch.no_grad()
    def _unroll(self, split: Any) -> None:
        """The network's layers start as a sweep of the mean field, each from its fixed point above."""
        for level, layer in enumerate(self.unrolled):
            above = [self.stack[level + 1].weight.T] if level + 1 < len(self.stack) else []
            layer.get_parameter("weight").copy_(torch.cat([self.stack[level].weight, *above], dim=1))
            layer.get_parameter("bias").copy_(self.stack[level].hidden_bias)

    def _hidden(self, augmented: Tensor) -> Tensor:
        """The highest layer of the network."""
        v, *above = augmented.split([self.sizes[0], *self.sizes[2:]], dim=1)
        for layer, beside in zip(self.unrolled, [*above, v[:, :0]], strict=True):
            v = torch.sigmoid(layer(torch.cat([v, beside], dim=1)))
        return v

    def objective(self, batch: Any) -> dict[str, Tensor]:
        """Loss of a batch that `_augmented` has mapped."""
        return self.judge(self.head(self._hidden(batch.x)), batch.y)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Outputs `[B, spec.outputs]`; of a density the bound `[B]`."""
        return self.log_likelihood(x) if self.spec.task == "density" else self.head(self.last_hidden(x))

    def last_hidden(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return self._hidden(self._augmented(x))

    def find_log_z(self, means: Tensor) -> LogZ:
        return self.machine.log_z(means, **self.annealing)

    def log_likelihood(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Variational lower bound of log p of each example `[B]`, in nats."""
        machine = self.machine
        return machine.bound(machine.mean_field(self.encode(x), self.sweeps)).double() - self.log_z

    @torch.no_grad()
    def _generate(self, split: Any) -> None:
        """Keep pictures of `SAMPLES` chains, `GIBBS_STEPS` after the training."""
        states = self.machine.gibbs([chain[:SAMPLES] for chain in self.chains], GIBBS_STEPS)
        lowest = self.stack[0]
        v = lowest.visible_mean(self.machine.visible_activation(states[1]))
        self.generated[: len(v)] = intensities(v, self.spec, lowest.units == "gaussian")
