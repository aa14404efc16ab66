"""CIFAR-10 and CIFAR-100: the published binary or python archive, or the same images as files by class."""

from collections.abc import Callable
from pathlib import PurePosixPath

import numpy as np

from stemma.data.fetching import archive
from stemma.data.parts import Part, Raw, Reading, check_examples, check_labels
from stemma.data.readers import image_folder
from stemma.data.readers.pickled import load as unpickled
from stemma.data.shards import Shards
from stemma.errors import StemmaError

PIXELS = 3 * 32 * 32
"""Bytes of an image: the red, green and blue plane row by row."""

Batch = tuple[np.ndarray, np.ndarray]
"""uint8 `[N, 3, 32, 32]` and labels `[N]`."""

Names = dict[str, tuple[str, ...]]
"""Part -> the batches it consists of."""

TEN: Names = {"train": tuple(f"data_batch_{i}" for i in range(1, 6)), "test": ("test_batch",)}
HUNDRED: Names = {"train": ("train",), "test": ("test",)}


def read(reading: Reading) -> Raw:
    """Train and test of CIFAR-10 from the batches of `path` (archive or folder), or from images by class.

    Raises:
        StemmaError: a batch is missing, cut or no batch, a label is outside the classes, or as `image_folder.read`.
    """
    return _read(reading, TEN, 1, 0, "labels")


def fine(reading: Reading) -> Raw:
    """The same of CIFAR-100 with its hundred classes."""
    return _read(reading, HUNDRED, 2, 1, "fine_labels")


def coarse(reading: Reading) -> Raw:
    """The same of CIFAR-100 with its twenty superclasses."""
    return _read(reading, HUNDRED, 2, 0, "coarse_labels")


def _read(reading: Reading, names: Names, label_bytes: int, which: int, key: str) -> Raw:
    """Batches named `names` by part; the label is byte number `which` of `label_bytes`, or under `key`."""
    path, classes = reading.path, reading.entry.classes
    assert classes is not None
    readers: dict[str, Callable[[str, bytes], Batch]] = {}
    for name in (name for part in names.values() for name in part):
        readers[f"{name}.bin"] = lambda where, content: binary(where, content, label_bytes, which)
        readers[name] = lambda where, content: python(where, content, key)
    found: dict[str, Part] = {}
    for name, content in archive.members(path, lambda name: PurePosixPath(name).name in readers):
        last = PurePosixPath(name).name
        if last.removesuffix(".bin") in found:
            raise StemmaError(f"{path}: {last.removesuffix('.bin')} is there twice")
        x, y = readers[last](f"{path}: {name}", content)
        found[last.removesuffix(".bin")] = Part(x, check_labels(f"{path}: {name}", y, len(classes)))
    if not found:
        return image_folder.read(reading)
    missing = [name for part in names.values() for name in part if name not in found]
    if missing:
        raise StemmaError(f"{path}: {', '.join(missing)} is missing")
    return Raw({part: _joined([found[name] for name in some]) for part, some in names.items()}, classes)


def _joined(parts: list[Part]) -> Part:
    return Part(Shards([part.x for part in parts]), np.concatenate([part.y for part in parts]))


def binary(where: str, content: bytes, label_bytes: int, which: int) -> Batch:
    """Records of the label's bytes and the image."""
    record = label_bytes + PIXELS
    if not content or len(content) % record:
        raise StemmaError(f"{where}: {len(content):,} bytes, expected a multiple of {record}")
    records = np.frombuffer(content, np.uint8).reshape(-1, record)
    return records[:, label_bytes:].reshape(-1, 3, 32, 32), records[:, which]


def python(where: str, content: bytes, key: str) -> Batch:
    """A pickled dictionary of `data` (uint8 `[N, 3072]`) and a list of labels under `key`."""
    batch = unpickled(where, content)
    if not isinstance(batch, dict) or "data" not in batch or key not in batch:
        raise StemmaError(f"{where}: expected a pickled dictionary with data and {key}")
    data, labels = batch["data"], batch[key]
    if not isinstance(data, np.ndarray) or data.ndim != 2 or data.shape[1] != PIXELS:
        found = f"shape {data.shape}" if isinstance(data, np.ndarray) else type(data).__name__
        raise StemmaError(f"{where}: data: {found}, expected an array of {PIXELS} columns")
    if not isinstance(labels, list) or not all(type(label) is int and 0 <= label < 1 << 31 for label in labels):
        raise StemmaError(f"{where}: {key}: expected a list of whole numbers")
    if len(labels) != len(data):
        raise StemmaError(f"{where}: {len(labels):,} labels, but {len(data):,} images")
    check_examples(where, len(data))
    return data.reshape(-1, 3, 32, 32), np.array(labels, np.int64)
