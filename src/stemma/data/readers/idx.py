"""IDX files (LeCun, MNIST): images and labels of train and test, plain or in gzip, a piece at a time."""

import gzip
import math
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from stemma.data import shards
from stemma.data.fetching.archive import Readable
from stemma.data.parts import Part, Raw, Reading, check_examples, check_labels
from stemma.errors import StemmaError

UINT8 = 0x08
MAX_GZIP_RATIO = 1100
"""Deflate cannot do better than 1032 : 1, so a larger declared size is a lie."""

STEP = 1 << 16
"""Bytes asked for at once: memory follows what is there, not what a header declares."""

NAMES = {"train": "train", "test": "t10k"}


def read(reading: Reading) -> Raw:
    """The four files of `folder`; those of the test part may both be missing.

    Raises:
        StemmaError: a file is missing, truncated or no IDX file, counts differ, a label outside the classes.
    """
    folder, entry = reading.path, reading.entry
    if not folder.is_dir():
        raise StemmaError(f"{folder}: expected a folder with train-images-idx3-ubyte[.gz] and its companions")
    assert entry.classes is not None
    parts = {}
    for part, prefix in NAMES.items():
        if part == "train" or any(folder.glob(f"{prefix}-*")):
            images, labels = _find(folder, f"{prefix}-images", 3), _find(folder, f"{prefix}-labels", 1)
            with opened(images) as file:
                x = store(images, file, images.stat().st_size, reading.scratch, part)
            parts[part] = to_part(images, x, labels, load(labels, 1), len(entry.classes))
    return Raw(parts, entry.classes)


def to_part(images: Path, x: shards.Array, labels: Path, y: np.ndarray, classes: int) -> Part:
    if len(x) != len(y):
        raise StemmaError(f"{labels}: {len(y):,} labels, but {images.name} holds {len(x):,} images")
    return Part(x, check_labels(labels, y, classes))


def _find(folder: Path, stem: str, dimensions: int) -> Path:
    names = [f"{stem}{dot}idx{dimensions}-ubyte{end}" for dot in "-." for end in ("", ".gz")]
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise StemmaError(f"{folder}: {names[0]}[.gz] is missing")


@contextmanager
def opened(path: Path) -> Iterator[Readable]:
    """The file at `path`, unpacked where its name says so."""
    with path.open("rb") as file, unpacked(path, file) as content:
        yield content


@contextmanager
def unpacked(path: Path, file: Any) -> Iterator[Readable]:
    """What is in `file`, whose name is that of `path`; a broken gzip file is an error that names it."""
    if path.suffix != ".gz":
        yield file
        return
    try:
        with gzip.GzipFile(fileobj=file) as content:
            yield content
    except (OSError, EOFError, zlib.error) as error:
        raise StemmaError(f"{path}: broken or truncated gzip file ({error})") from None


def load(path: Path, dimensions: int) -> np.ndarray:
    """The uint8 array of one IDX file.

    Raises:
        StemmaError: wrong magic number or number of dimensions, truncated, or more bytes than declared.
    """
    with opened(path) as file:
        return whole(path, file, path.stat().st_size, dimensions)


def whole(path: Path, file: Readable, size: int, dimensions: int) -> np.ndarray:
    """The array in `file`, of which `size` bytes lie on disk."""
    shape = header(path, file, size, dimensions)
    return np.concatenate([np.empty((0, *shape[1:]), np.uint8), *pieces(path, file, shape)])


def store(
    path: Path, file: Readable, size: int, scratch: Path, stem: str, axes: tuple[int, ...] = (0, 1, 2)
) -> shards.Array:
    """The images in `file` as uint8 `[N, 1, H, W]` on disk; `axes` as of `numpy.transpose`."""
    shape = header(path, file, size, 3)
    check_examples(path, math.prod(shape))
    shards.save(scratch, f"{stem}_x", (piece.transpose(axes)[:, None] for piece in pieces(path, file, shape)))
    return shards.load(scratch, f"{stem}_x")


def header(path: Path, file: Readable, size: int, dimensions: int) -> tuple[int, ...]:
    """The shape that the file declares, after a check of the magic number and of what can be in `size` bytes."""
    start = file.read(4 + 4 * dimensions)
    expected = bytes((0, 0, UINT8, dimensions))
    if start[:4] != expected:
        raise StemmaError(
            f"{path}: magic number is {start[:4].hex() or 'missing'}, expected {expected.hex()} (IDX, uint8)"
        )
    if len(start) < 4 + 4 * dimensions:
        raise StemmaError(f"{path}: truncated within the header")
    shape = struct.unpack(f">{dimensions}I", start[4:])
    declared = math.prod(shape)
    if declared > size * (MAX_GZIP_RATIO if path.suffix == ".gz" else 1):
        raise StemmaError(f"{path}: declares {declared:,} bytes of data, more than a file of its length can hold")
    return shape


def pieces(path: Path, file: Readable, shape: tuple[int, ...]) -> Iterator[np.ndarray]:
    """The rows that follow the header, a number of them at a time, and then a check that nothing else does."""
    row, declared = math.prod(shape[1:]), math.prod(shape)
    left = declared
    while left:
        content = _exactly(file, min(left, max(row, shards.CHUNK_BYTES // row * row)))
        if len(content) % row or not content:
            found = declared - left + len(content)
            raise StemmaError(f"{path}: declares {declared:,} bytes of data and holds only {found:,}")
        left -= len(content)
        yield np.frombuffer(content, np.uint8).reshape(-1, *shape[1:])
    if file.read(1):
        raise StemmaError(f"{path}: declares {declared:,} bytes of data and holds more")


def _exactly(file: Readable, count: int) -> bytearray:
    """The next `count` bytes, fewer where the file ends."""
    content = bytearray()
    while len(content) < count and (piece := file.read(min(STEP, count - len(content)))):
        content += piece
    return content
