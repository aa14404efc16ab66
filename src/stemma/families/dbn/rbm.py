"""rbm: one restricted Boltzmann machine: a linear classifier on its features, or the density of the data."""

from typing import Any

from torch import Tensor

from stemma.families.dbn.density import DensityModel
from stemma.families.dbn.likelihood import LogZ, log_z
from stemma.families.phase import Phase


class RBMModel(DensityModel):
    """One RBM and, on its fixed features, multinomial logistic (or linear) regression; for the task `density` alone."""

    def __init__(self, spec: dict[str, Any], hidden: int = 500, **contrastive: Any) -> None:
        super().__init__(spec, (hidden,), **contrastive)
        self.save_hyperparameters()

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Outputs `[B, spec.outputs]`; of a density the log-likelihood `[B]`."""
        if self.spec.task == "density":
            return self.log_likelihood(x)
        return self.head(self.up(self.encode(x), 1))

    def phases(self) -> list[Phase]:
        if self.spec.task == "density":
            return [*self.greedy_phases(), self.density_phase()]
        return [*self.greedy_phases(), Phase("fit", self.objective, trainable=(self.head,))]

    def find_log_z(self, means: Tensor) -> LogZ:
        return log_z(self.stack[0], means, **self.annealing)

    def log_likelihood(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """log p of each example `[B]`, in nats: -F(v) - log Z."""
        return -self.stack[0].free_energy(self.encode(x)).double() - self.log_z
