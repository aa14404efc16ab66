"""Images by class: a folder, tar or zip of `[train|validation|test/]<class>/<image>`, of one mode and size.

They go to disk as they come, so that a set may be larger than memory.
"""

from pathlib import Path

import numpy as np

from stemma.data import image, shards
from stemma.data.fetching import archive
from stemma.data.parts import PARTS, Part, Raw, Reading
from stemma.data.readers.class_folders import ClassFolders
from stemma.errors import StemmaError, unknown

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm"}
STEP = 4 << 20
"""Bytes of images that are handed on at once."""


class Growing:
    """One part while it is read: its images on disk in the order of arrival, their names and classes here."""

    def __init__(self, scratch: Path, part: str, shape: tuple[int, ...]) -> None:
        self.scratch, self.stem = scratch, f"{part}_x"
        self.writer = shards.Writer(scratch, self.stem)
        self.rows = np.empty((max(1, STEP // int(np.prod(shape))), *shape), np.uint8)
        self.names: list[str] = []
        self.labels: list[str] = []

    def add(self, name: str, label: str, array: np.ndarray) -> None:
        place = len(self.names) % len(self.rows)
        self.rows[place] = array
        self.names.append(name)
        self.labels.append(label)
        if place == len(self.rows) - 1:
            self.writer.append(self.rows)

    def part(self, classes: tuple[str, ...]) -> Part:
        """What was read, in the order of names."""
        left = len(self.names) % len(self.rows)
        if left:
            self.writer.append(self.rows[:left])
        self.writer.close()
        x = shards.load(self.scratch, self.stem)
        order = np.array(sorted(range(len(self.names)), key=self.names.__getitem__))
        index = {name: i for i, name in enumerate(classes)}
        y = np.array([index[label] for label in self.labels], np.int64)[order]
        return Part(x if (np.diff(order) == 1).all() else shards.View(x, order), y)


def read(reading: Reading) -> Raw:
    """Every image below `path`, in the order of names; without `train` or `test` folders all are `train`.

    Raises:
        StemmaError: no image, an image that lies elsewhere (see `ClassFolders`), of another mode or (unless the slot
            says `resize`) another size than the first, or not readable, a folder that is none of the entry's
            classes, or as `archive.members`.
    """
    path, entry, to = reading.path, reading.entry, reading.options.resize
    shape = entry.shape and ((entry.shape[0], to.height, to.width) if to else entry.shape)
    found: dict[str, Growing] = {}
    folders = ClassFolders(path, SUFFIXES)
    for name, content in archive.members(path, folders.wanted):
        part, label = folders.place(name)
        if entry.classes and label not in entry.classes:
            raise unknown(f"{path}: {name}: class", label, entry.classes)
        array = image.decode(content, f"{path}: {name}")
        shape = shape or (array.shape[0], *((to.height, to.width) if to else array.shape[1:]))
        array = image.fitted(array, shape, to, f"{path}: {name}")
        if part not in found:
            found[part] = Growing(reading.scratch, part, shape)
        found[part].add(name, label, array)
    folders.report("images of a known kind")
    if "train" not in found:
        what = f"only {' and '.join(found)}" if found else "none"
        raise StemmaError(f"{path}: expected images in [train|validation|test/]<class>/, found {what}")
    classes = entry.classes or tuple(sorted({label for part in found.values() for label in part.labels}))
    if len(classes) < 2:
        raise StemmaError(f"{path}: only the class folder '{classes[0]}'; at least two are needed")
    return Raw({part: found[part].part(classes) for part in PARTS if part in found}, classes)
