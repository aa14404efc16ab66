"""kim_cnn: convolutions of several widths over words, max over time (Kim 2014, CNN-rand)."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stemma.families.base import Model
from stemma.spec import PAD


class KimCNN(Model):
    """Words -> vectors -> `maps` feature maps of each width -> maximum over time -> dropout -> dense.

    Windows that reach into the padding do not count, so that a text's result does not depend on the
    others in its batch.
    """

    def __init__(
        self,
        spec: dict[str, Any],
        embedding: int = 300,
        maps: int = 100,
        widths: tuple[int, ...] = (3, 4, 5),
        dropout: float = 0.5,
    ) -> None:
        super().__init__(spec)
        self.embedding = nn.Embedding(self.spec.vocabulary_size, embedding, padding_idx=PAD)
        nn.init.uniform_(self.embedding.weight, -0.25, 0.25)
        with torch.no_grad():
            self.embedding.weight[PAD] = 0
        self.widths = tuple(widths)
        self.convolutions = nn.ModuleList(nn.Conv1d(embedding, maps, width) for width in self.widths)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(maps * len(widths), self.spec.outputs)
        self.save_hyperparameters()

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        lengths = torch.full((len(x),), x.shape[1], device=x.device) if lengths is None else lengths
        short = max(0, max(self.widths) - x.shape[1])
        vectors = self.embedding(F.pad(x, (0, short), value=PAD)).transpose(1, 2)
        peaks = [
            _peak(convolution(vectors), lengths - width + 1)
            for convolution, width in zip(self.convolutions, self.widths, strict=True)
        ]
        return self.head(self.dropout(torch.cat(peaks, 1)))


def _peak(maps: Tensor, windows: Tensor) -> Tensor:
    """ReLU of the maximum over a text's first `windows` positions (at least one); maps `[B, M, T]`."""
    position = torch.arange(maps.shape[2], device=maps.device)
    outside = position >= windows.clamp(min=1)[:, None]
    return F.relu(maps.masked_fill(outside[:, None], -torch.inf).amax(2))
