"""From prepared examples to what a network computes on. Constants come from the data description."""

import torch
from torch import Tensor, nn

from stemma.errors import StemmaError
from stemma.spec import UNKNOWN, DataSpec


class Pixels(nn.Module):
    """uint8 images `[B, C, H, W]` -> float, standardised by channel, or scaled to [0, 1].

    Raises:
        StemmaError: a channel to standardise is the same everywhere in train.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, spec: DataSpec, standardise: bool = True) -> None:
        super().__init__()
        self.standardise, channels = standardise, spec.shape[0]
        if standardise and 0.0 in spec.std:
            channel = spec.std.index(0.0)
            raise StemmaError(f"{spec.dataset}@{spec.source}: channel {channel} has zero variance in train")
        mean = torch.tensor(spec.mean if standardise else [0.0] * channels)
        std = torch.tensor(spec.std if standardise else [1.0] * channels)
        self.register_buffer("mean", mean.view(-1, 1, 1), persistent=False)
        self.register_buffer("std", std.view(-1, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.standardised(self.intensities(x))

    def intensities(self, x: Tensor) -> Tensor:
        """uint8 -> [0, 1]."""
        return x.to(self.mean.dtype) / 255

    def standardised(self, intensities: Tensor) -> Tensor:
        return (intensities - self.mean) / self.std if self.standardise else intensities


class BagOfWords(nn.Module):
    """Token ids `[B, T]` -> which of the most frequent words occur, float 0/1, or with `counts` how often `[B, words]`.

    Ids are ranks by frequency; padding and unknown words count as none.
    """

    def __init__(self, words: int, counts: bool = False) -> None:
        super().__init__()
        self.words, self.counts = words, counts

    def forward(self, x: Tensor) -> Tensor:
        ranks = (x.long() - UNKNOWN - 1).clamp(-1, self.words)
        bag = torch.zeros(len(x), self.words + 2, device=x.device)
        if self.counts:
            return bag.scatter_add_(1, ranks + 1, torch.ones_like(ranks, dtype=bag.dtype))[:, 1:-1]
        return bag.scatter_(1, ranks + 1, 1.0)[:, 1:-1]


class Columns(nn.Module):
    """A table's encoded columns, float `[B, F]`, as they are, in the precision of the network."""

    unit: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("unit", torch.ones(()), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return x.to(self.unit.dtype)


class Vector(nn.Module):
    """Any prepared example -> one float vector `[B, size]`: flat pixels, a bag of `words` words (0/1, or `counts`), or
    columns.
    """

    def __init__(self, spec: DataSpec, words: int, standardise: bool = True, counts: bool = False) -> None:
        super().__init__()
        if spec.kind == "text":
            self.size = min(words, spec.vocabulary_size - UNKNOWN - 1)
            self.encode: nn.Module = BagOfWords(self.size, counts)
        elif spec.kind == "table":
            self.size, self.encode = spec.shape[0], Columns()
        else:
            self.size = int(torch.tensor(spec.shape).prod())
            self.encode = nn.Sequential(Pixels(spec, standardise), nn.Flatten())

    def forward(self, x: Tensor) -> Tensor:
        return self.encode(x)


class Steps(nn.Module):
    """Any prepared example -> a sequence `[B, T, size]`: embedded tokens, an image row by row, a table's columns."""

    def __init__(self, spec: DataSpec, embedding: int) -> None:
        super().__init__()
        self.kind = spec.kind
        if self.kind == "text":
            self.size = embedding
            self.encode: nn.Module = nn.Embedding(spec.vocabulary_size, embedding)
        elif self.kind == "table":
            self.size, self.encode = 1, Columns()
        else:
            self.size = spec.shape[0] * spec.shape[2]
            self.encode = Pixels(spec)

    def forward(self, x: Tensor) -> Tensor:
        """A text's ids `[B, T]` -> `[B, T, embedding]`; an image `[B, C, H, W]` -> `[B, H, C * W]`; a row of a
        table `[B, F]` -> `[B, F, 1]`.
        """
        values = self.encode(x)
        if self.kind == "table":
            return values.unsqueeze(2)
        return values if self.kind == "text" else values.transpose(1, 2).flatten(2)
