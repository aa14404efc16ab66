"""The one LightningDataModule: prepared arrays moved to the device once and indexed a batch at a time.

Arrays larger than memory stay on disk and are read a batch at a time.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from stemma.data.store import Split
from stemma.training.augment import augment

GIGABYTE = 1 << 30
POOL = 50
"""Batches among which examples are sorted by length, or whose examples are read from disk together."""
BLOCK = 64
"""Neighbouring examples that are read from disk together."""


class Batch(NamedTuple):
    """Prepared examples `x [B, ...]`, targets `y [B]` (labels int64, values float32), for text `lengths [B]`.

    Of a whole split `x` may be an array on disk instead of a tensor.
    """

    x: Any
    y: Tensor
    lengths: Tensor | None = None

    def to(self, device: torch.device) -> "Batch":
        x, y, lengths = self
        return Batch(x if self.on_disk else x.to(device), y.to(device), None if lengths is None else lengths.to(device))

    @property
    def on_disk(self) -> bool:
        return not isinstance(self.x, Tensor)


def to_batch(split: Split, memory_gb: float = 4.0) -> Batch:
    """A whole split as tensors; images stay on disk if they are larger than `memory_gb`."""
    large = np.prod(split.x.shape) * split.x.dtype.itemsize > memory_gb * GIGABYTE
    y, lengths = (None if a is None else torch.from_numpy(np.array(a)) for a in (split.y, split.lengths))
    assert y is not None
    return Batch(split.x if large else torch.from_numpy(np.array(split.x)), y, lengths)


def joined(first: Batch, second: Batch) -> Batch:
    """Both in one, in memory."""

    def both(a: Any, b: Any) -> Any:
        return None if a is None or b is None else torch.cat([torch.as_tensor(np.asarray(t)) for t in (a, b)])

    return Batch(*(both(a, b) for a, b in zip(first, second, strict=True)))


class Examples(Dataset):
    """A split indexed by a whole batch of positions; texts are cut to the batch's longest."""

    def __init__(self, data: Batch) -> None:
        self.data = data

    def __len__(self) -> int:
        return len(self.data.y)

    def __getitem__(self, positions: Tensor) -> Batch:
        x, y, lengths = self.data
        here = positions.to(y.device)
        chosen = torch.from_numpy(x[positions.numpy()]).to(y.device) if self.data.on_disk else x.index_select(0, here)
        if lengths is None:
            return Batch(chosen, y[here])
        sizes = lengths[here]
        return Batch(chosen[:, : int(sizes.max())], y[here], sizes)


class BatchPositions(Sampler[Tensor]):
    """Positions of each global batch, of which a rank takes its share.

    The order depends on (seed, epoch) alone, so that a resumed epoch repeats itself. A shuffled order's last batch is
    filled up from its start until every rank takes equally many of each part; any other is shared out as it is.

    Args:
        parts: that a shuffled batch comes in, one after the other, for one step.
        lengths: int `[N]`: shuffled batches are made of about equally long examples and come in random order.
        blocks: shuffling keeps neighbours near each other, for examples that are read from disk.
    """

    def __init__(
        self,
        count: int,
        batch_size: int,
        seed: int,
        shuffle: bool,
        rank: int = 0,
        ranks: int = 1,
        lengths: Tensor | None = None,
        blocks: bool = False,
        parts: int = 1,
    ) -> None:
        self.count, self.batch_size, self.seed, self.shuffle = count, batch_size, seed, shuffle
        self.rank, self.ranks, self.epoch = rank, ranks, 0
        self.lengths, self.blocks, self.parts = lengths, blocks, parts

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning at the start of each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-self.count // self.batch_size) * self.parts

    def __iter__(self) -> Iterator[Tensor]:
        generator = torch.Generator().manual_seed(1_000_003 * self.seed + self.epoch)
        order = self._shuffled(generator) if self.shuffle else torch.arange(self.count)
        batches = list(order.split(self.batch_size))
        if self.shuffle and self.lengths is not None:
            batches = [batches[i] for i in torch.randperm(len(batches), generator=generator)]
        for batch in batches:
            shares = self.ranks * self.parts
            if self.shuffle and (missing := -len(batch) % shares):
                batch = torch.cat([batch, order[torch.arange(missing) % self.count]])
            places = range(self.rank, shares, self.ranks)
            yield from (share for share in (batch[place::shares] for place in places) if len(share))

    def _shuffled(self, generator: torch.Generator) -> Tensor:
        """A random order; then, a pool of batches at a time, sorted by length or mixed anew after blocks."""
        if self.blocks:
            blocks = torch.arange(self.count).split(BLOCK)
            order = torch.cat([blocks[i] for i in torch.randperm(len(blocks), generator=generator)])
        else:
            order = torch.randperm(self.count, generator=generator)
        if self.lengths is None and not self.blocks:
            return order
        pools = order.split(POOL * self.batch_size)
        if self.lengths is None:
            return torch.cat([pool[torch.randperm(len(pool), generator=generator)] for pool in pools])
        return torch.cat([pool[self.lengths[pool].argsort(stable=True)] for pool in pools])


class ArrayData(pl.LightningDataModule):
    """Training and validation examples for one phase.

    Args:
        train, validation: whole splits; without validation there is no validation loop.
        batch_size: the global one; each of several devices takes its share.
        seed: of the order of the training examples.
        shift, flip: augmentation of training images, see `augment`.
        bucket_by_length: training batches hold about equally long examples.
    """

    def __init__(
        self,
        train: Batch,
        validation: Batch | None,
        batch_size: int,
        seed: int,
        shift: int = 0,
        flip: bool = False,
        bucket_by_length: bool = False,
    ) -> None:
        super().__init__()
        self.train, self.validation, self.bucket_by_length = train, validation, bucket_by_length
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
        lengths = data.lengths.cpu() if self.bucket_by_length and data.lengths is not None else None
        place = (trainer.global_rank, trainer.world_size)
        parts = trainer.accumulate_grad_batches if shuffle else 1
        positions = BatchPositions(len(data.y), size, self.seed, shuffle, *place, lengths, data.on_disk, parts)
        own = torch.Generator()  # each iterator draws a number, in a resumed epoch at another moment
        return DataLoader(Examples(data), batch_size=None, sampler=positions, generator=own)


def _map(data: Batch, function: Callable[[Batch], Tensor], batch: int) -> Batch:
    examples = Examples(data)
    with torch.no_grad():
        mapped = torch.cat([function(examples[positions]) for positions in torch.arange(len(data.y)).split(batch)])
    return Batch(mapped, data.y)
