"""Texts in a table with the columns `text`, `label` and perhaps `group`."""

from pathlib import Path

import pandas as pd

from stemma.data.parts import Part, Raw, Reading
from stemma.data.readers import tabular
from stemma.errors import StemmaError

COLUMNS = ("text", "label")


def read(reading: Reading) -> Raw:
    """A file as one part `train`, or a folder with `train.csv` and perhaps `validation.csv`, `test.csv`.

    Raises:
        StemmaError: missing file or column, broken quotes, wrong encoding, no rows, no label, one class.
    """
    files, options = tabular.parts(reading.path), reading.options
    tables = {p: tabular.load(f, COLUMNS, options.encoding, options.columns) for p, f in files.items()}
    labels = {part: tabular.names(table["label"]) for part, table in tables.items()}
    classes = tabular.classes_of(labels, files, reading.entry.classes)
    return Raw({part: to_part(files[part], tables[part], labels[part], classes) for part in files}, classes)


def to_part(path: Path, table: pd.DataFrame, labels: list[str], classes: tuple[str, ...]) -> Part:
    return Part(texts(path, table["text"]), tabular.positions(path, labels, classes), tabular.groups(table))


def texts(path: Path, column: pd.Series) -> list[str]:
    """The cells of a column of texts; missing ones are empty."""
    found = ["" if value is None or value is pd.NA or value != value else value for value in column.tolist()]
    for row, value in enumerate(found, 1):
        if not isinstance(value, str):
            raise StemmaError(f"{path}: row {row}: {column.name}: expected a text, found {value!r}")
    return found
