"""From prepared examples to what a network computes on. Constants come from the data description."""

import torch
from torch import Tensor, nn

from stemma.spec import UNKNOWN, DataSpec


class Pixels(nn.Module):
    """uint8 images `[B, C, H, W]` -> float, standardised by channel, or scaled to [0, 1]."""

    mean: Tensor
    std: Tensor

    def __init__(self, spec: DataSpec, standardise: bool = True) -> None:
        super().__init__()
        channels = spec.shape[0]
        mean = torch.tensor(spec.mean if standardise else [0.0] * channels)
        std = torch.tensor(spec.std if standardise else [1.0] * channels)
        self.register_buffer("mean", mean.view(-1, 1, 1), persistent=False)
        self.register_buffer("std", std.view(-1, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return (x.to(self.mean.dtype) / 255 - self.mean) / self.std


class BagOfWords(nn.Module):
    """Token ids `[B, T]` -> which of the most frequent words occur, float 0/1 `[B, words]`.

    Ids are ranks by frequency; padding and unknown words count as none.
    """

    def __init__(self, words: int) -> None:
        super().__init__()
        self.words = words

    def forward(self, x: Tensor) -> Tensor:
        ranks = (x.long() - UNKNOWN - 1).clamp(-1, self.words)
        bag = torch.zeros(len(x), self.words + 2, device=x.device)
        return bag.scatter_(1, ranks + 1, 1.0)[:, 1:-1]


class Vector(nn.Module):
    """Any prepared example -> one float vector `[B, size]`: flat pixels or a bag of `words` words."""

    def __init__(self, spec: DataSpec, words: int, standardise: bool = True) -> None:
        super().__init__()
        if spec.kind == "text":
            self.size = min(words, spec.vocabulary_size - UNKNOWN - 1)
            self.encode: nn.Module = BagOfWords(self.size)
        else:
            self.size = int(torch.tensor(spec.shape).prod())
            self.encode = nn.Sequential(Pixels(spec, standardise), nn.Flatten())

    def forward(self, x: Tensor) -> Tensor:
        return self.encode(x)


class Steps(nn.Module):
    """Any prepared example -> a sequence `[B, T, size]`: embedded tokens, or an image row by row."""

    def __init__(self, spec: DataSpec, embedding: int) -> None:
        super().__init__()
        self.is_text = spec.kind == "text"
        if self.is_text:
            self.size = embedding
            self.encode: nn.Module = nn.Embedding(spec.vocabulary_size, embedding)
        else:
            self.size = spec.shape[0] * spec.shape[2]
            self.encode = Pixels(spec)

    def forward(self, x: Tensor) -> Tensor:
        """A text's ids `[B, T]` -> `[B, T, embedding]`; an image `[B, C, H, W]` -> `[B, H, C * W]`."""
        values = self.encode(x)
        return values if self.is_text else values.transpose(1, 2).flatten(2)
