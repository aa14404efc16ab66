"""Texts by class: a folder, tar or zip of `[train|validation|test/]<class>/<text>.txt`."""

from pathlib import Path

import numpy as np

from stemma.data.fetching import archive
from stemma.data.parts import PARTS, Part, Raw, Reading
from stemma.data.readers.class_folders import ClassFolders
from stemma.data.readers.content import decode
from stemma.errors import StemmaError, unknown

SUFFIXES = (".txt",)

Found = dict[str, list[tuple[str, str, str]]]
"""Part -> name, class folder and text of each file."""


def read(reading: Reading) -> Raw:
    """Every text below `path`, in the order of names; without `train` or `test` folders all are `train`.

    Raises:
        StemmaError: no text, one that lies elsewhere (see `ClassFolders`), another encoding, one class or an unknown
            one.
    """
    found: Found = {}
    folders = ClassFolders(reading.path, SUFFIXES)
    for name, content in archive.members(reading.path, folders.wanted):
        part, label = folders.place(name)
        text = decode(f"{reading.path}: {name}", content, reading.options.encoding).strip()
        found.setdefault(part, []).append((name, label, text))
    folders.report("texts (.txt)")
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
