"""dbn: a deep belief network, pre-trained greedily and fine-tuned by back-propagation.

Hinton, Osindero, Teh 2006 (greedy stack); Hinton, Salakhutdinov 2006 (fine-tuning as a deep network).
"""

from typing import Any

from torch import Tensor, nn

from stemma.families.dbn.greedy import GreedyModel
from stemma.families.phase import Phase


class DBN(GreedyModel):
    """RBMs as the layers of a sigmoid network with a softmax (or one value) on top.

    `pretrain_epochs: 0` gives the same network without pre-training, from Glorot's initialisation.
    """

    def __init__(
        self,
        spec: dict[str, Any],
        hidden: tuple[int, ...] = (500, 500, 2000),
        dropout: float = 0.0,
        **contrastive: Any,
    ) -> None:
        super().__init__(spec, tuple(hidden), **contrastive)
        self.dropout = nn.Dropout(dropout)
        if not self.pretrain_epochs:
            for rbm in self.stack:
                nn.init.xavier_uniform_(rbm.weight)
        self.save_hyperparameters()

    def phases(self) -> list[Phase]:
        """RBM by RBM, then the targets. The visible biases only generate: fine-tuning leaves them."""
        recognition = [parameter for rbm in self.stack for parameter in (rbm.weight, rbm.hidden_bias)]
        return [*self.greedy_phases(), Phase("fit", self.objective, trainable=(self.head, *recognition))]

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        v = self.encode(x)
        for rbm in self.stack:
            v = self.dropout(rbm(v))
        return self.head(v)
