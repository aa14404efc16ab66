"""Sentence polarity (Pang and Lee 2005): `rt-polarity.neg` and `.pos`, a sentence a line, Latin-1."""

from pathlib import PurePosixPath

import numpy as np

from stemma.data import archive
from stemma.data.parts import Part, Raw, Reading, check_examples
from stemma.errors import StemmaError

FILES = ("rt-polarity.neg", "rt-polarity.pos")


def read(reading: Reading) -> Raw:
    """All sentences as one part `train`, negative ones (label 0) first; `path` is a folder or an archive.

    Raises:
        StemmaError: a file is missing or empty, or is not Latin-1 text.
    """
    path, entry = reading.path, reading.entry
    assert entry.classes is not None
    contents = {
        PurePosixPath(name).name: content
        for name, content in archive.members(path, lambda name: PurePosixPath(name).name in FILES)
    }
    texts, labels = [], []
    for label, name in enumerate(FILES):
        if name not in contents:
            raise StemmaError(f"{path}: {name} is missing")
        lines = _lines(f"{path}: {name}", contents[name])
        texts += lines
        labels += [label] * len(lines)
    return Raw({"train": Part(texts, np.array(labels, np.int64))}, entry.classes)


def _lines(where: str, content: bytes) -> list[str]:
    """The sentences of one file; empty lines stay, for the stage `validate` to see."""
    if b"\0" in content:
        raise StemmaError(f"{where}: holds NUL bytes; expected Latin-1 text")
    if not content.isascii() and _is_utf8(content):
        raise StemmaError(f"{where}: is UTF-8 text, expected Latin-1 as published")
    lines = content.decode("latin-1").split("\n")
    lines = [line.strip() for line in (lines[:-1] if lines[-1] == "" else lines)]
    check_examples(where, len(lines))
    return lines


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
