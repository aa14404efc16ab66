"""Texts in CSV or TSV, plain or compressed, with the columns `text`, `label` and perhaps `group`."""

import lzma
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stemma.data.parts import PARTS, Part, Raw, Reading, check_examples
from stemma.errors import StemmaError, unknown

TABLES = (".csv", ".tsv")
PACKED = (".gz", ".bz2", ".xz", ".zst", ".zip")


def read(reading: Reading) -> Raw:
    """A file as one part `train`, or a folder with `train.csv` and perhaps `validation.csv`, `test.csv`.

    Raises:
        StemmaError: missing file or column, broken quotes, not UTF-8, no rows, no label, one class.
    """
    path, entry = reading.path, reading.entry
    files = _files(path)
    tables = {part: load(file, ("text", "label")) for part, file in files.items()}
    for part, table in tables.items():
        empty = np.flatnonzero(table["label"] == "")
        if len(empty):
            raise StemmaError(f"{files[part]}: row {empty[0] + 2} has no label")
    classes = entry.classes or tuple(
        sorted({label for table in tables.values() for label in table["label"]}, key=_natural)
    )
    if len(classes) < 2:
        raise StemmaError(f"{path}: only the class '{classes[0]}'; at least two are needed")
    return Raw({part: to_part(files[part], table, classes) for part, table in tables.items()}, classes)


def _files(path: Path) -> dict[str, Path]:
    if path.is_file():
        return {"train": path}
    if not path.is_dir():
        raise StemmaError(f"{path}: no such file or folder")
    found = {f.name.partition(".")[0]: f for f in sorted(path.iterdir()) if delimiter(f, check=False)}
    if "train" not in found:
        raise StemmaError(
            f"{path}: expected train.csv (and validation.csv, test.csv where there are such) or their .tsv"
        )
    return {part: found[part] for part in PARTS if part in found}


def delimiter(path: Path, check: bool = True) -> str:
    suffixes = [s for s in path.suffixes if s.lower() not in PACKED]
    suffix = suffixes[-1].lower() if suffixes else ""
    if check and suffix not in TABLES:
        raise StemmaError(f"{path}: expected a name that ends in {' or '.join(TABLES)} (or such a file compressed)")
    return {".csv": ",", ".tsv": "\t"}.get(suffix, "")


def load(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    """The table as text, missing cells as empty text, after a check that it has the `columns`."""
    try:
        table = pd.read_csv(path, sep=delimiter(path), dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise StemmaError(f"{path}: not UTF-8 at byte {error.start:,}; convert it, for example with iconv") from None
    except pd.errors.EmptyDataError:
        raise StemmaError(f"{path}: holds no rows") from None
    except (pd.errors.ParserError, OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
        raise StemmaError(f"{path}: not a readable table ({str(error).strip()})") from None
    if not isinstance(table.index, pd.RangeIndex):
        raise StemmaError(f"{path}: not a readable table (rows have more fields than the header has columns)")
    for column in columns:
        if column not in table.columns:
            raise unknown(f"{path}: column '{column}' is missing", column, table.columns)
    check_examples(path, len(table))
    return table


def to_part(path: Path, table: pd.DataFrame, classes: tuple[str, ...]) -> Part:
    index = {name: i for i, name in enumerate(classes)}
    for row, label in enumerate(table["label"]):
        if label not in index:
            raise unknown(f"{path}: row {row + 2}: label", label, classes)
    labels = np.array([index[label] for label in table["label"]], np.int64)
    groups: list[Any] | None = [group or None for group in table["group"]] if "group" in table.columns else None
    return Part(table["text"].tolist(), labels, groups)


def _natural(name: str) -> tuple[int, str]:
    """Whole numbers by value, then other names by alphabet."""
    return (int(name), name) if name.isdecimal() else (1 << 62, name)
