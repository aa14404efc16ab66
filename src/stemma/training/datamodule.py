"""The one LightningDataModule: prepared arrays moved to the device once and indexed a batch at a time."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from stemma.data.store import Split
from stemma.training.augment import augment


class Batch(NamedTuple):
    """Prepared examples `x [B, ...]`, labels int64 `y [B]`, and for text `lengths [B]`."""

    x: Tensor
    y: Tensor
    lengths: Tensor | None = None

    def to(self, device: torch.device) -> "Batch":
        return Batch(*(None if part is None else part.to(device) for part in self))  # type: ignore[arg-type]


def to_batch(split: Split) -> Batch:
    """A whole split as tensors."""
    x, y, lengths = (None if a is None else torch.from_numpy(np.array(a)) for a in (split.x, split.y, split.lengths))
    assert x is not None and y is not None
    return Batch(x, y, lengths)


class Examples(Dataset):
    """Tensors that are indexed by a whole batch of positions; texts are cut to the batch's longest."""

    def __init__(self, data: Batch) -> None:
        self.data = data

    def __len__(self) -> int:
        return len(self.data.y)

    def __getitem__(self, positions: Tensor) -> Batch:
        x, y, lengths = self.data
        positions = positions.to(y.device)
        if lengths is None:
            return Batch(x[positions], y[positions])
        sizes = lengths[positions]
        return Batch(x[positions][:, : int(sizes.max())], y[positions], sizes)


class BatchPositions(Sampler[Tensor]):
    """Positions of each global batch, of which a rank takes its share.

    The order depends on (seed, epoch) alone, so that a resumed epoch repeats itself. With several ranks
    the last batch is filled up from the start of the order: every rank takes equally many.
    """

    def __init__(self, count: int, batch_size: int, seed: int, shuffle: bool, rank: int = 0, ranks: int = 1) -> None:
        self.count, self.batch_size, self.seed, self.shuffle = count, batch_size, seed, shuffle
        self.rank, self.ranks, self.epoch = rank, ranks, 0

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning at the start of each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-self.count // self.batch_size)

    def __iter__(self) -> Iterator[Tensor]:
        generator = torch.Generator().manual_seed(1_000_003 * self.seed + self.epoch)
        order = torch.randperm(self.count, generator=generator) if self.shuffle else torch.arange(self.count)
        for batch in order.split(self.batch_size):
            if missing := -len(batch) % self.ranks:
                batch = torch.cat([batch, order[:missing]])
            yield batch[self.rank :: self.ranks]


class ArrayData(pl.LightningDataModule):
    """Training and validation examples for one phase.

    Args:
        train, validation: whole splits; without validation there is no validation loop.
        batch_size: the global one; each of several devices takes its share.
        seed: of the order of the training examples.
        shift, flip: augmentation of training images, see `augment`.
    """

    def __init__(
        self,
        train: Batch,
        validation: Batch | None,
        batch_size: int,
        seed: int,
        shift: int = 0,
        flip: bool = False,
    ) -> None:
        super().__init__()
        self.train, self.validation = train, validation
        self.batch_size, self.seed, self.shift, self.flip = batch_size, seed, shift, flip

    def to(self, device: torch.device) -> "ArrayData":
        """Move the arrays to this rank's device, once for a phase."""
        self.train = self.train.to(device)
        self.validation = None if self.validation is None else self.validation.to(device)
        return self

    def mapped(self, function: Callable[[Batch], Tensor] | None, batch: int = 1000) -> "ArrayData":
        """The same data with `x` replaced by `function` of it, computed once without gradient."""
        if function is None:
            return self
        train, validation = (None if d is None else _map(d, function, batch) for d in (self.train, self.validation))
        assert train is not None
        return ArrayData(train, validation, self.batch_size, self.seed)

    def train_dataloader(self) -> DataLoader:
        return self._loader(self.train, shuffle=True)

    def val_dataloader(self) -> DataLoader | list:
        return [] if self.validation is None else self._loader(self.validation, shuffle=False)

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        assert self.trainer is not None
        if self.trainer.training and (self.shift or self.flip):
            return batch._replace(x=augment(batch.x, self.shift, self.flip))
        return batch

    def _loader(self, data: Batch, shuffle: bool) -> DataLoader:
        assert self.trainer is not None
        trainer = self.trainer
        size = self.batch_size if shuffle else max(self.batch_size, 500)
        positions = BatchPositions(len(data.y), size, self.seed, shuffle, trainer.global_rank, trainer.world_size)
        return DataLoader(Examples(data), batch_size=None, sampler=positions)


def _map(data: Batch, function: Callable[[Batch], Tensor], batch: int) -> Batch:
    pieces = [Batch(*(None if part is None else part[start : start + batch] for part in data))  # type: ignore[arg-type]
              for start in range(0, len(data.y), batch)]  # fmt: skip
    with torch.inference_mode():
        mapped = torch.cat([function(piece) for piece in pieces])
    return Batch(mapped.clone(), data.y)
