"""Paired sequences: a table with the columns `source` and `target`, tokens separated by blanks, and perhaps `group`."""

from pathlib import Path

import pandas as pd

from stemma.data.parts import Part, Raw, Reading
from stemma.data.readers import tabular
from stemma.data.readers.table_of_texts import texts
from stemma.errors import StemmaError


def read(reading: Reading) -> Raw:
    """A file as one part `train`, or a folder with a file a part.

    Raises:
        StemmaError: as `tabular.load`, or a source or target without tokens.
    """
    files, options = tabular.parts(reading.path), reading.options
    columns = ("source", "target")
    tables = {p: tabular.load(f, columns, options.encoding, options.columns) for p, f in files.items()}
    return Raw({part: _part(files[part], table) for part, table in tables.items()}, ())


def _part(path: Path, table: pd.DataFrame) -> Part:
    return Part(_tokens(path, table["source"]), _tokens(path, table["target"]), tabular.groups(table))


def _tokens(path: Path, column: pd.Series) -> list[list[str]]:
    found = [text.split() for text in texts(path, column)]
    if [] in found:
        raise StemmaError(f"{path}: row {found.index([]) + 1}: {column.name} holds no token")
    return found
