"""Images by class: a folder, tar or zip of `[train|validation|test/]<class>/<image>`, of one size, mode."""

from pathlib import Path, PurePosixPath

import numpy as np

from stemma.data import archive, image
from stemma.data.parts import PARTS, Part, Raw, Reading
from stemma.errors import StemmaError, unknown

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm"}
ALIASES = {
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "dev": "validation",
    "testing": "test",
}


def read(reading: Reading) -> Raw:
    """Every image below `path`, in the order of names; without `train` or `test` folders all are `train`.

    Raises:
        StemmaError: no image, an image outside a class folder, of another size or mode than the first, or
            not readable, a folder that is none of the entry's classes, or as `archive.members`.
    """
    path, entry = reading.path, reading.entry
    found: dict[str, list[tuple[str, str, np.ndarray]]] = {}
    shape = entry.shape
    for name, content in archive.members(path, _is_image):
        part, label = _place(path, name)
        array = image.decode(content, f"{path}: {name}")
        shape = shape or array.shape
        if array.shape != shape:
            raise StemmaError(f"{path}: {name}: {image.describe(array.shape)}, expected {image.describe(shape)}")
        found.setdefault(part, []).append((name, label, array))
    if "train" not in found:
        what = f"only {' and '.join(found)}" if found else "none"
        raise StemmaError(f"{path}: expected images in [train|validation|test/]<class>/, found {what}")
    classes = entry.classes or tuple(sorted({label for rows in found.values() for _, label, _ in rows}))
    if len(classes) < 2:
        raise StemmaError(f"{path}: only the class folder '{classes[0]}'; at least two are needed")
    return Raw({part: _part(path, found[part], classes) for part in PARTS if part in found}, classes)


def _is_image(name: str) -> bool:
    pure = PurePosixPath(name)
    return pure.suffix.lower() in SUFFIXES and not any(p.startswith(".") for p in pure.parts)


def _place(path: Path, name: str) -> tuple[str, str]:
    """Part and class that the folders of `name` say."""
    folders = PurePosixPath(name).parts[:-1]
    if not folders:
        raise StemmaError(f"{path}: {name}: lies in no class folder")
    above = folders[-2].lower() if len(folders) > 1 else ""
    part = ALIASES.get(above, above)
    return (part if part in PARTS else "train"), folders[-1]


def _part(path: Path, rows: list[tuple[str, str, np.ndarray]], classes: tuple[str, ...]) -> Part:
    rows.sort(key=lambda row: row[0])
    index = {name: i for i, name in enumerate(classes)}
    for name, label, _ in rows:
        if label not in index:
            raise unknown(f"{path}: {name}: class", label, classes)
    return Part(np.stack([row[2] for row in rows]), np.array([index[row[1]] for row in rows], np.int64))
