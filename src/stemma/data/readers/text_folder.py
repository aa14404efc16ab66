"""Texts by class: a folder, tar or zip of `[train|validation|test/]<class>/<text>.txt`."""

from pathlib import Path

import numpy as np

from stemma.data.fetching import archive
from stemma.data.parts import PARTS, Part, Raw, Reading
from stemma.data.readers.content import decode
from stemma.data.readers.image_folder import place
from stemma.errors import StemmaError, unknown

Found = dict[str, list[tuple[str, str, str]]]
"""Part -> name, class folder and text of each file."""


def read(reading: Reading) -> Raw:
    """Every text below `path`, in the order of names; without `train` or `test` folders all are `train`.

    Raises:
        StemmaError: no text, a text outside a class folder, another encoding, one class, an unknown class.
    """
    found: Found = {}
    for name, content in archive.members(reading.path, lambda name: name.endswith(".txt")):
        part, label = place(reading.path, name)
        text = decode(f"{reading.path}: {name}", content, reading.options.encoding).strip()
        found.setdefault(part, []).append((name, label, text))
    if "train" not in found:
        raise StemmaError(f"{reading.path}: expected texts in [train|validation|test/]<class>/<text>.txt, found none")
    classes = reading.entry.classes or tuple(sorted({label for rows in found.values() for _, label, _ in rows}))
    if len(classes) < 2:
        raise StemmaError(f"{reading.path}: only the class folder '{classes[0]}'; at least two are needed")
    return Raw({part: _part(reading.path, sorted(found[part]), classes) for part in PARTS if part in found}, classes)


def _part(path: Path, rows: list[tuple[str, str, str]], classes: tuple[str, ...]) -> Part:
    for name, label, _ in rows:
        if label not in classes:
            raise unknown(f"{path}: {name}: class", label, classes)
    return Part([text for *_, text in rows], np.array([classes.index(label) for _, label, _ in rows], np.int64))
