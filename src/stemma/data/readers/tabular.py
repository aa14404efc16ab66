"""CSV, TSV, JSON lines and Parquet -> a table of columns; one reader for all that comes in rows."""

import csv
import io
import json
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stemma.data.parts import PARTS, check_examples
from stemma.data.readers import content
from stemma.errors import StemmaError, unknown

DELIMITERS = {".csv": ",", ".tsv": "\t"}
SEPARATORS = {",": "commas", "\t": "tabs", ";": "semicolons"}
JSON_LINES = (".jsonl", ".ndjson")
PARQUET = ".parquet"
SUFFIXES = (*DELIMITERS, *JSON_LINES, PARQUET)

MAX_FIELD = 1 << 24
"""Characters of a cell; a quote that is never closed ends there."""


def parts(path: Path) -> dict[str, Path]:
    """Part -> file: `path` itself as train, or those of a folder named train, validation and test.

    Raises:
        StemmaError: nothing there, no train, two files of one part, or another suffix.
    """
    if path.is_file():
        suffix(path)
        return {"train": path}
    if not path.is_dir():
        raise StemmaError(f"{path}: no such file or folder")
    found: dict[str, Path] = {}
    for file in sorted(path.iterdir()):
        part = file.name.partition(".")[0]
        if part in PARTS and _suffix(file) in SUFFIXES:
            if part in found:
                raise StemmaError(f"{path}: both {found[part].name} and {file.name}; one file a part")
            found[part] = file
    if "train" not in found:
        raise StemmaError(f"{path}: expected train.csv (and validation.csv, test.csv where there are such) or the like")
    return {part: found[part] for part in PARTS if part in found}


def _suffix(path: Path) -> str:
    suffixes = [s.lower() for s in path.suffixes if s.lower() not in content.UNPACK]
    return suffixes[-1] if suffixes else ""


def suffix(path: Path) -> str:
    """What says the format, a compression's ending left out."""
    if _suffix(path) not in SUFFIXES:
        raise StemmaError(f"{path}: expected a name that ends in {', '.join(SUFFIXES)} (or such a file compressed)")
    return _suffix(path)


def load(
    path: Path, required: tuple[str, ...], encoding: str = "", columns: Mapping[Any, str] | None = None
) -> pd.DataFrame:
    """The table with the columns `required`; cells of CSV and TSV are texts, others as the format types them.

    Args:
        columns: role -> the table's own name of it, where it differs; such columns get the name of their role.

    Raises:
        StemmaError: not readable, wrong encoding, a missing or repeated column, no rows.
    """
    kind = suffix(path)
    if kind == PARQUET:
        table = _parquet(path)
    else:
        text = content.decode(path, content.load(path), encoding)
        table = _json_lines(path, text) if kind in JSON_LINES else _separated(path, text, DELIMITERS[kind])
    table = _renamed(path, table, columns or {})
    for column in required:
        if column not in table.columns:
            raise unknown(f"{path}: column '{column}' is missing", column, map(content.shown, table.columns))
    check_examples(path, len(table))
    return table


def _renamed(path: Path, table: pd.DataFrame, columns: Mapping[Any, str]) -> pd.DataFrame:
    for role, name in columns.items():
        if name not in table.columns:
            raise unknown(f"{path}: columns.{role}: no such column", name, map(content.shown, table.columns))
        if role != name and role in table.columns:
            raise StemmaError(f"{path}: columns.{role}: '{name}' stands for it, but there is a column '{role}' as well")
    return table.rename(columns={name: role for role, name in columns.items()})


def rows(path: Path, text: str, delimiter: str) -> Iterator[list[str]]:
    """The rows of `text`, empty lines left out.

    Raises:
        StemmaError: naming the line: a stray or open quote, an endless cell.
    """
    csv.field_size_limit(MAX_FIELD)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for row in reader:
            if row:
                yield row
    except csv.Error as error:
        raise StemmaError(f"{path}: line {reader.line_num}: not a readable table ({error})") from None


def _separated(path: Path, text: str, delimiter: str) -> pd.DataFrame:
    found = rows(path, text, delimiter)
    header = next(found, None)
    if header is None:
        raise StemmaError(f"{path}: holds no rows")
    _check_delimiter(path, header, delimiter)
    if len(set(header)) < len(header):
        twice = next(name for name in header if header.count(name) > 1)
        raise StemmaError(f"{path}: column '{content.shown(twice)}' stands in the header twice")
    cells: list[list[str]] = [[] for _ in header]
    for number, row in enumerate(found, 1):
        if len(row) != len(header):
            raise StemmaError(f"{path}: row {number}: {len(row)} fields, the header has {len(header)}")
        for column, cell in zip(cells, row, strict=True):
            column.append(cell)
    return pd.DataFrame(dict(zip(header, cells, strict=True)), dtype="str")


def _check_delimiter(path: Path, header: list[str], delimiter: str) -> None:
    """Refuse a header of a single name that another separator would divide."""
    other = next((sign for sign in SEPARATORS if len(header) == 1 and sign in header[0]), None)
    if other is not None:
        raise StemmaError(
            f"{path}: its header is one column, '{content.shown(header[0])}', separated by {SEPARATORS[other]}; "
            f"here columns are separated by {SEPARATORS[delimiter]} (.csv: commas, .tsv: tabs)"
        )


def _json_lines(path: Path, text: str) -> pd.DataFrame:
    found: list[dict[str, Any]] = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            row = _json_object(f"{path}: line {number}", line)
            if found and row.keys() != found[0].keys():
                odd = sorted(row.keys() ^ found[0].keys())[0]
                raise StemmaError(f"{path}: line {number}: key '{content.shown(odd)}' is not in every line")
            found.append(row)
    if not found:
        raise StemmaError(f"{path}: holds no rows")
    return pd.DataFrame({key: pd.Series([row[key] for row in found]) for key in found[0]})


def _json_object(where: str, line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
        line.encode(), json.dumps(row, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise StemmaError(f"{where}: not readable JSON ({error})") from None
    if not isinstance(row, dict):
        raise StemmaError(f'{where}: expected an object such as {{"text": ..., "label": ...}}')
    for key, value in row.items():
        if isinstance(value, (list, dict)):
            raise StemmaError(f"{where}: {content.shown(key)}: expected a text, a number, true, false or null")
    return row


def _parquet(path: Path) -> pd.DataFrame:
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.read_table(path, memory_map=True)
        table.validate(full=True)
        frame = table.to_pandas(ignore_metadata=True)
    except (pyarrow.ArrowException, OSError, ValueError, KeyError, TypeError, UnicodeError) as error:
        raise StemmaError(f"{path}: not a readable Parquet file ({str(error).splitlines()[0]})") from None
    if len(set(table.column_names)) < len(table.column_names):
        raise StemmaError(f"{path}: two columns have one name")
    return frame


def names(labels: Any) -> list[str]:
    """Class names as texts: numbers of JSON and Parquet without a fraction as whole numbers; empty if missing."""
    return [_name(value) for value in labels]


def _name(value: Any) -> str:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def classes_of(labels: dict[str, list[str]], files: dict[str, Path], known: tuple[str, ...] | None) -> tuple[str, ...]:
    """The class names, whole numbers by value before other names by alphabet.

    Raises:
        StemmaError: a row has no label, or there is only one class.
    """
    for part, found in labels.items():
        if "" in found:
            raise StemmaError(f"{files[part]}: row {found.index('') + 1} has no label")
    classes = known or tuple(sorted(set(chain(*labels.values())), key=_natural))
    if len(classes) < 2:
        raise StemmaError(f"{files['train']}: only the class '{content.shown(classes[0])}'; at least two are needed")
    return classes


def _natural(name: str) -> tuple[int, str]:
    return (int(name), name) if name.isdecimal() and len(name) < 1000 else (1 << 62, name)


def positions(path: Path, labels: list[str], classes: tuple[str, ...]) -> np.ndarray:
    """int64 `[N]`: each label's position in the classes."""
    index = {name: i for i, name in enumerate(classes)}
    for row, label in enumerate(labels, 1):
        if label not in index:
            raise unknown(f"{path}: row {row}: label", content.shown(label), classes)
    return np.array([index[label] for label in labels], np.int64)


def groups(table: pd.DataFrame) -> list[Any] | None:
    """The column `group`, None where it is empty; None if there is no such column."""
    return [name or None for name in names(table["group"])] if "group" in table.columns else None
