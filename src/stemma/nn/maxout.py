"""Maxout (Goodfellow et al. 2013): the largest of several linear pieces."""

from torch import Tensor, nn

from stemma.errors import StemmaError


class Maxout(nn.Module):
    """`[..., units * pieces]` -> `[..., units]`: the largest of each `pieces` neighbours along dimension `dim`.

    Raises:
        StemmaError: fewer than 2 pieces, which is no activation at all.
    """

    def __init__(self, pieces: int = 2, dim: int = -1) -> None:
        super().__init__()
        if pieces < 2:
            raise StemmaError(f"pieces: {pieces}; maxout takes at least 2, one piece is a linear layer")
        self.pieces, self.dim = pieces, dim

    def forward(self, x: Tensor) -> Tensor:
        return x.unflatten(self.dim, (-1, self.pieces)).amax(self.dim if self.dim < 0 else self.dim + 1)

    def extra_repr(self) -> str:
        return f"pieces={self.pieces}"
