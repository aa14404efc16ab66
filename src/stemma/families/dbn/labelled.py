"""The top pair of a deep belief network that knows classes: label units stand beside its visible features."""

import torch
from torch import Tensor
from torch.nn import functional as F

from stemma.families.dbn.machine import RBM
from stemma.families.dbn.sampling import bernoulli


class LabelledRBM(RBM):
    """Visible states are `[B, features + labels]`: binary features, then softmax units, of which one is on.

    As the output layer of a classifier it tells how likely each label is beside given features (Hinton, Osindero, Teh
    2006, section 6).
    """

    units = "labelled"

    def __init__(self, features: int, labels: int, hidden: int) -> None:
        super().__init__(features + labels, hidden)
        self.in_features, self.labels = features, labels

    def forward(self, features: Tensor) -> Tensor:
        """-free energy of features `[B, F]` with each label, less what no label changes: logits `[B, labels]`."""
        inputs = F.linear(features, self.weight[:, : self.in_features], self.hidden_bias)
        with_label = inputs.unsqueeze(1) + self.weight[:, self.in_features :].T
        return F.softplus(with_label).sum(2) + self.visible_bias[self.in_features :]

    def visible_mean(self, activation: Tensor, total: Tensor | None = None) -> Tensor:
        features, labels = self.parts(activation)
        return torch.cat([torch.sigmoid(features), labels.softmax(1)], dim=1)

    def sample_visible(self, mean: Tensor) -> Tensor:
        features, labels = self.parts(mean)
        drawn = torch.multinomial(labels.float(), 1).squeeze(1)
        return self.beside(bernoulli(features), drawn)

    def visible_log_z(self, activation: Tensor, bias: Tensor, total: float = 1) -> Tensor:
        features, labels = self.parts(activation)
        return F.softplus(features).sum(1) + labels.logsumexp(1)

    def bias_of(self, means: Tensor) -> Tensor:
        features, labels = means[: self.in_features], means[self.in_features :]
        return torch.cat([super().bias_of(features), labels.clamp(min=1e-6).log()])

    def parts(self, v: Tensor) -> tuple[Tensor, Tensor]:
        """Features and label units of v."""
        return v[:, : self.in_features], v[:, self.in_features :]

    def beside(self, features: Tensor, y: Tensor) -> Tensor:
        """Visible states of features `[B, F]` and labels y `[B]`."""
        return torch.cat([features, F.one_hot(y, self.labels).to(features.dtype)], dim=1)
