"""Arrays larger than memory: npy files of bounded size, written a chunk at a time, read as one memory-mapped array.

{stem}.npy                    what fits into one file
{stem}-00000.npy, -00001 ...  otherwise: equal numbers of rows, the last file what is left
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format

from stemma.errors import StemmaError

SHARD_BYTES = 256 << 20
"""Largest size of a file."""
CHUNK_BYTES = 16 << 20
"""Size of the pieces in which shards are gone through."""


class Shards:
    """Rows of several equally shaped arrays, indexed as one: by a slice or by an array of positions.

    `np.asarray` brings the whole into memory.
    """

    def __init__(self, arrays: list[np.ndarray]) -> None:
        self.arrays = arrays
        self.starts = np.cumsum([0, *map(len, arrays)])
        self.dtype: np.dtype = arrays[0].dtype
        self.shape: tuple[int, ...] = (int(self.starts[-1]), *arrays[0].shape[1:])
        self.ndim: int = arrays[0].ndim

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[np.ndarray]:
        for array in self.arrays:
            yield from array

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.concatenate(self.arrays).astype(dtype or self.dtype, copy=False)

    def __getitem__(self, rows: Any) -> np.ndarray:
        if isinstance(rows, (int, np.integer)):
            return self[np.array([rows])][0]
        positions = np.arange(len(self))[rows]
        result = np.empty((len(positions), *self.shape[1:]), self.dtype)
        shard = np.searchsorted(self.starts, positions, "right") - 1
        for number in np.unique(shard):
            here = shard == number
            result[here] = self.arrays[number][positions[here] - self.starts[number]]
        return result


class View:
    """Chosen `rows` of an array or shards, in that order, read when they are asked for."""

    def __init__(self, array: "Array", rows: np.ndarray) -> None:
        self.array, self.rows = array, rows
        self.dtype: np.dtype = array.dtype
        self.shape: tuple[int, ...] = (len(rows), *array.shape[1:])
        self.ndim: int = array.ndim

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[np.ndarray]:
        for chunk in chunks(self):
            yield from chunk

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self[:].astype(dtype or self.dtype, copy=False)

    def __getitem__(self, rows: Any) -> np.ndarray:
        return np.asarray(self.array[self.rows[rows]])


Array = np.ndarray | Shards | View
"""What can be asked for its length, shape and type, indexed by a slice or positions, and gone through."""


class Writer:
    """Appends rows to `folder/{stem}...npy`, the same bytes as `numpy.save` writes; keeps nothing in memory."""

    def __init__(self, folder: Path, stem: str, shard_bytes: int = SHARD_BYTES) -> None:
        self.folder, self.stem, self.shard_bytes = folder, stem, shard_bytes
        self.file: BinaryIO | None = None
        self.written = self.files = 0

    def append(self, rows: np.ndarray) -> None:
        """Add `rows` `[n, ...]`; all calls bring the same shape of a row and type."""
        per_file = max(1, self.shard_bytes // max(rows[:1].nbytes, 1))
        while len(rows):
            if self.file is None or self.written == per_file:
                self._start(rows)
            taken = np.ascontiguousarray(rows[: per_file - self.written])
            assert self.file is not None
            self.file.write(taken.data)
            self.written += len(taken)
            rows = rows[len(taken) :]

    def _start(self, rows: np.ndarray) -> None:
        self._finish()
        self.file = (self.folder / f"{self.stem}-{self.files:05d}.npy").open("wb")
        self.row, self.type = rows.shape[1:], format.dtype_to_descr(rows.dtype)
        self._head(0)
        self.files, self.written = self.files + 1, 0

    def _head(self, count: int) -> None:
        """The header has room for any number of rows, so that it can be written again in place."""
        assert self.file is not None
        self.file.seek(0)
        format.write_array_header_1_0(
            self.file, {"descr": self.type, "fortran_order": False, "shape": (count, *self.row)}
        )

    def _finish(self) -> None:
        if self.file is not None:
            self._head(self.written)
            self.file.close()
            self.file = None

    def close(self) -> None:
        """Complete the files.

        Raises:
            StemmaError: nothing was appended.
        """
        self._finish()
        if not self.files:
            raise StemmaError(f"{self.folder / self.stem}: no rows to write")
        if self.files == 1:
            (self.folder / f"{self.stem}-00000.npy").replace(self.folder / f"{self.stem}.npy")


def files(folder: Path, stem: str) -> list[Path]:
    """The files of an array in the order of their rows; none if it is not there."""
    single = folder / f"{stem}.npy"
    return [single] if single.is_file() else sorted(folder.glob(f"{stem}-[0-9]*.npy"))


def load(folder: Path, stem: str) -> Array:
    """The array, memory-mapped and read-only.

    Raises:
        StemmaError: it is not there, or cut short.
    """
    arrays = [_mapped(path) for path in files(folder, stem)]
    if not arrays:
        raise StemmaError(f"{folder / stem}.npy: no such array")
    return arrays[0] if len(arrays) == 1 else Shards(arrays)


def _mapped(path: Path) -> np.ndarray:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise StemmaError(f"{path}: not a whole array file ({error}); make it anew with `dvc repro`") from None


def save(folder: Path, stem: str, chunks: Iterable[np.ndarray], shard_bytes: int = SHARD_BYTES) -> None:
    """Write the rows of `chunks` one after the other."""
    writer = Writer(folder, stem, shard_bytes)
    for chunk in chunks:
        writer.append(chunk)
    writer.close()


def chunks(array: Array) -> Iterator[np.ndarray]:
    """Pieces of about `CHUNK_BYTES`, in order."""
    size = max(1, CHUNK_BYTES // max(int(np.prod(array.shape[1:])) * array.dtype.itemsize, 1))
    for start in range(0, len(array), size):
        yield np.asarray(array[start : start + size])
