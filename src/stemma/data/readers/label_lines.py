"""Lines of `LABEL text`."""

from pathlib import Path

from stemma.data.parts import PARTS, Part, Raw, Reading, check_examples
from stemma.data.readers import tabular
from stemma.data.readers.content import decode, lines, load, shown
from stemma.errors import StemmaError

Rows = tuple[list[str], list[str]]


def read(reading: Reading) -> Raw:
    """A file as one part `train`, or a folder with train.*, and perhaps validation.* and test.*.

    Raises:
        StemmaError: nothing there, another encoding, a line without label or text, one class.
    """
    files = part_files(reading.path)
    rows = {part: split(path, decode(path, load(path), reading.options.encoding)) for part, path in files.items()}
    classes = tabular.classes_of({part: labels for part, (labels, _) in rows.items()}, files, reading.entry.classes)
    return Raw({part: to_part(files[part], rows[part], classes) for part in rows}, classes)


def part_files(path: Path) -> dict[str, Path]:
    """Part -> file: `path` itself as train, or the files of a folder by the first part of their names.

    Raises:
        StemmaError: nothing there, no train, or two files of one part.
    """
    if path.is_file():
        return {"train": path}
    if not path.is_dir():
        raise StemmaError(f"{path}: no such file or folder")
    found = {part: [f for f in sorted(path.iterdir()) if f.name.partition(".")[0] == part] for part in PARTS}
    for files in found.values():
        if len(files) > 1:
            raise StemmaError(f"{path}: {files[0].name} and {files[1].name}; one file a part")
    if not found["train"]:
        raise StemmaError(
            f"{path}: expected a file named train and an ending (and validation, test where there are such)"
        )
    return {part: files[0] for part, files in found.items() if files}


def split(path: Path, text: str, separator: str | None = None) -> Rows:
    """Labels and texts of the lines; what stands before the first blank (or the `separator`) is the label.

    Raises:
        StemmaError: naming the line that has no label or no text.
    """
    labels, texts = [], []
    for number, line in enumerate(lines(text), 1):
        label, *rest = line.split(separator, 1)[:2] if line else [""]
        if not label or not rest:
            raise StemmaError(f"{path}: line {number}: expected `LABEL text`, found '{shown(line)}'")
        labels.append(label)
        texts.append(rest[0].strip())
    check_examples(path, len(labels))
    return labels, texts


def to_part(path: Path, rows: Rows, classes: tuple[str, ...]) -> Part:
    labels, texts = rows
    return Part(texts, tabular.positions(path, labels, classes))
