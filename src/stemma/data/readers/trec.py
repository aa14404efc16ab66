"""TREC questions (Li and Roth 2002): lines of `COARSE:fine question`, Latin-1; the class is the coarse one."""

from pathlib import Path

from stemma.data.parts import Raw, Reading
from stemma.data.readers.content import decode_latin, load, shown
from stemma.data.readers.label_lines import split, to_part
from stemma.errors import StemmaError

NAMES = {"train": ("train_5500.label", "TREC.train"), "test": ("TREC_10.label", "TREC.test")}


def read(reading: Reading) -> Raw:
    """Train and test of a folder; the test file may be missing.

    Raises:
        StemmaError: no training file, UTF-8 instead of Latin-1, a line in another form, an unknown class.
    """
    folder, classes = reading.path, reading.entry.classes
    assert classes is not None
    found = {part: [folder / n for n in names if (folder / n).is_file()] for part, names in NAMES.items()}
    if not found["train"]:
        raise StemmaError(f"{folder}: expected a folder with {' or '.join(NAMES['train'])}")
    parts = {}
    for part, (path, *_) in ((p, files) for p, files in found.items() if files):
        labels, texts = split(path, decode_latin(path, load(path), reading.options.encoding))
        parts[part] = to_part(path, ([_coarse(path, i, name) for i, name in enumerate(labels, 1)], texts), classes)
    return Raw(parts, classes)


def _coarse(path: Path, line: int, label: str) -> str:
    coarse, colon, fine = label.partition(":")
    if not colon or not fine:
        raise StemmaError(f"{path}: line {line}: expected COARSE:fine, found '{shown(label)}'")
    return coarse
