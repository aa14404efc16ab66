"""IDX files (LeCun, MNIST): images and labels of train and test, plain or in gzip."""

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np

from stemma.data.parts import Part, Raw, Reading, check_examples, check_labels
from stemma.errors import StemmaError

UINT8 = 0x08
MAX_GZIP_RATIO = 1100
"""Deflate cannot do better than 1032 : 1, so a larger declared size is a lie."""

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
    parts = {"train": _part(folder, NAMES["train"], len(entry.classes))}
    if any(folder.glob(f"{NAMES['test']}-*")):
        parts["test"] = _part(folder, NAMES["test"], len(entry.classes))
    return Raw(parts, entry.classes)


def _part(folder: Path, prefix: str, classes: int) -> Part:
    images, labels = _find(folder, f"{prefix}-images", 3), _find(folder, f"{prefix}-labels", 1)
    x, y = load(images, 3), load(labels, 1)
    if len(x) != len(y):
        raise StemmaError(f"{labels}: {len(y):,} labels, but {images.name} holds {len(x):,} images")
    check_examples(images, len(x))
    return Part(x[:, None], check_labels(labels, y, classes))


def _find(folder: Path, stem: str, dimensions: int) -> Path:
    names = [f"{stem}{dot}idx{dimensions}-ubyte{end}" for dot in "-." for end in ("", ".gz")]
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise StemmaError(f"{folder}: {names[0]}[.gz] is missing")


def load(path: Path, dimensions: int) -> np.ndarray:
    """The uint8 array of one IDX file.

    Raises:
        StemmaError: wrong magic number or number of dimensions, truncated, or more bytes than declared.
    """
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            return _parse(path, file, dimensions)  # type: ignore[arg-type]
    except (OSError, EOFError, zlib.error) as error:
        raise StemmaError(f"{path}: broken or truncated gzip file ({error})") from None


def _parse(path: Path, file: BinaryIO, dimensions: int) -> np.ndarray:
    header = file.read(4 + 4 * dimensions)
    expected = bytes((0, 0, UINT8, dimensions))
    if header[:4] != expected:
        raise StemmaError(
            f"{path}: magic number is {header[:4].hex() or 'missing'}, expected {expected.hex()} (IDX, uint8)"
        )
    if len(header) < 4 + 4 * dimensions:
        raise StemmaError(f"{path}: truncated within the header")
    shape = struct.unpack(f">{dimensions}I", header[4:])
    size = math.prod(shape)
    if size > path.stat().st_size * (MAX_GZIP_RATIO if path.suffix == ".gz" else 1):
        raise StemmaError(f"{path}: declares {size:,} bytes of data, more than a file of its length can hold")
    content = file.read(size + 1)
    if len(content) != size:
        what = "more" if len(content) > size else f"only {len(content):,}"
        raise StemmaError(f"{path}: declares {size:,} bytes of data and holds {what}")
    return np.frombuffer(content, np.uint8).reshape(shape)
