"""CIFAR-10: the published binary archive, or the same images as files by class."""

import re
from pathlib import PurePosixPath

import numpy as np

from stemma.data import archive
from stemma.data.parts import Part, Raw, Reading, check_labels
from stemma.data.readers import image_folder
from stemma.errors import StemmaError

RECORD = 1 + 3 * 32 * 32
"""Bytes of one example: the label, then the red, green and blue plane row by row."""

BATCH = re.compile(r"(data_batch_[1-5]|test_batch)\.bin")
BATCHES = [f"data_batch_{i}.bin" for i in range(1, 6)]


def read(reading: Reading) -> Raw:
    """Train and test from the batches of `path` (archive or folder), or from images by class.

    Raises:
        StemmaError: a batch is missing or cut, a label is outside the classes, or as `image_folder.read`.
    """
    path, entry = reading.path, reading.entry
    batches = {
        PurePosixPath(name).name: content
        for name, content in archive.members(path, lambda name: BATCH.fullmatch(PurePosixPath(name).name) is not None)
    }
    if not batches:
        return image_folder.read(reading)
    missing = [name for name in [*BATCHES, "test_batch.bin"] if name not in batches]
    if missing:
        raise StemmaError(f"{path}: {', '.join(missing)} is missing")
    assert entry.classes is not None
    parts = [_part(f"{path}: {name}", batches[name], len(entry.classes)) for name in BATCHES]
    train = Part(np.concatenate([np.asarray(p.x) for p in parts]), np.concatenate([p.y for p in parts]))
    test = _part(f"{path}: test_batch.bin", batches["test_batch.bin"], len(entry.classes))
    return Raw({"train": train, "test": test}, entry.classes)


def _part(where: str, content: bytes, classes: int) -> Part:
    if not content or len(content) % RECORD:
        raise StemmaError(f"{where}: {len(content):,} bytes, expected a multiple of {RECORD}")
    records = np.frombuffer(content, np.uint8).reshape(-1, RECORD)
    return Part(records[:, 1:].reshape(-1, 3, 32, 32).copy(), check_labels(where, records[:, 0], classes))
