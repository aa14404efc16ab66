"""maxout: dense layers whose units take the largest of several linear maps (Goodfellow et al. 2013)."""

from typing import Any

from stemma.families.mlp.mlp import MLP


class MaxoutNet(MLP):
    """An `mlp` of maxout units, by default the paper's for digits: two layers of 240 with 5 pieces, and dropout."""

    def __init__(
        self,
        spec: dict[str, Any],
        hidden: tuple[int, ...] = (240, 240),
        pieces: int = 5,
        dropout: float = 0.5,
        **others: Any,
    ) -> None:
        super().__init__(spec, hidden, dropout, activation="maxout", pieces=pieces, **others)
        self.save_hyperparameters()
