"""Raw input, in the forms that pyfunc and HTTP bring it, -> the arrays that a model takes."""

import base64
import binascii
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stemma.data.image import decode, to_array
from stemma.data.preparation.columns import Encoder
from stemma.data.text import encode
from stemma.errors import StemmaError
from stemma.files import read_json
from stemma.spec import DataSpec

Prepared = tuple[np.ndarray, np.ndarray | None, list[str] | None]
"""x, lengths, texts, as `model.predict` takes them."""
NAMELESS = "0"
"""What pandas calls the column of a table that has no name."""


@dataclass(frozen=True)
class Encoding:
    """What raw input is encoded by, as it lies in a model's folder: a text's tokens by id, a table's columns."""

    tokens: list[str]
    columns: Encoder | None

    @classmethod
    def of(cls, folder: Path) -> "Encoding":
        tokens, columns = folder / "vocabulary.json", folder / "table.json"
        return cls(
            read_json(tokens) if tokens.is_file() else [],
            Encoder.from_dict(read_json(columns)) if columns.is_file() else None,
        )


def prepare(values: Any, spec: DataSpec, encoding: Encoding) -> Prepared:
    """Prepare raw `values`.

    Text: a string, a list or array of strings, or a table with a column `text`.
    Images: whole numbers 0 to 255 as an array `[N, H, W]` (grey), `[N, H, W, C]` or `[N, C, H, W]`, or one
    image without N. Over HTTP nested lists become such an array. Or image files (PNG, JPEG, ...): their bytes, or these
    as base64 text or a `data:` address; one, or an array of them.
    Tables: a table, or a mapping of columns, with the raw columns by their names; others are left out.

    Raises:
        StemmaError: nothing to predict, a missing column or value, something else than texts or numbers, images of
            another shape, broken image files.
    """
    if encoding.columns is not None:
        return encoding.columns.encode(_rows(values, encoding.columns)), None, None
    if isinstance(values, (pd.DataFrame, dict)):
        values = _column(values, "text" if spec.kind == "text" else "image")
    values = values.item() if isinstance(values, np.ndarray) and not values.ndim else values
    if isinstance(values, (list, tuple, np.ndarray)) and len(values) == 0:
        raise StemmaError("input: nothing to predict (0 examples)")
    if spec.kind == "text":
        texts = _texts(values)
        ids, lengths = encode(texts, encoding.tokens, spec.shape[0], spec.tokens)
        return ids, lengths, texts
    files = _files(values)
    if files:
        return np.concatenate([_opened(file, f"image at place {n}", spec) for n, file in enumerate(files)]), None, None
    return to_array(_numbers(values), spec.shape, spec.resize), None, None


def _rows(values: Any, encoder: Encoder) -> pd.DataFrame:
    """Raw rows as a table that has every column and value."""
    names = [column.name for column in encoder.columns]
    if isinstance(values, dict):
        values = _of_columns(values)
    if not isinstance(values, pd.DataFrame):
        raise StemmaError(f"input: expected a table with the columns {', '.join(names)}, found {type(values).__name__}")
    if not len(values):
        raise StemmaError("input: nothing to predict (0 rows)")
    twice = [name for name in names if list(values.columns).count(name) > 1]
    if twice:
        raise StemmaError(f"input: column '{twice[0]}' stands there twice")
    missing = [name for name in names if name not in values]
    if missing:
        raise StemmaError(f"input: columns missing: {', '.join(missing)}; found {', '.join(map(str, values.columns))}")
    for name in names:
        empty = np.flatnonzero(values[name].isna())
        if len(empty):
            raise StemmaError(f"input: column '{name}' has no value in row {empty[0]}")
    whole = [column.name for column in encoder.columns if column.categories and _is_whole(values[column.name])]
    return values.reset_index(drop=True).astype(dict.fromkeys(whole, "int64"))


def _of_columns(columns: dict[Any, Any]) -> pd.DataFrame:
    lists = {name: _as_list(column) for name, column in columns.items()}
    lengths = {name: len(column) for name, column in lists.items()}
    if len(set(lengths.values())) > 1:
        raise StemmaError(f"input: columns of unequal length: {lengths}")
    return pd.DataFrame({name: pd.Series(column) for name, column in lists.items()})


def _as_list(column: Any) -> list[Any]:
    column = column.tolist() if isinstance(column, np.ndarray) else column
    return list(column) if isinstance(column, (list, tuple, pd.Series)) else [column]


def _is_whole(values: pd.Series) -> bool:
    """Whether a column of categories came as floats such as 2.0, which JSON and CSV make of 2."""
    return pd.api.types.is_float_dtype(values) and bool((values == values.round()).all())


def _column(table: Any, wanted: str) -> Any:
    """The one column of a table or mapping that is `wanted`, or that has no name."""
    names = [name for name in table if str(name) in (wanted, NAMELESS)]
    if len(names) != 1:
        raise StemmaError(f"input: columns {[str(name) for name in table]}; expected a column '{wanted}'")
    column = table[names[0]]
    return column.to_numpy() if isinstance(column, pd.Series) else column


def _texts(values: Any) -> list[str]:
    if isinstance(values, str):
        return [values]
    texts = values.tolist() if isinstance(values, np.ndarray) else values
    if not isinstance(texts, (list, tuple)):
        raise StemmaError(f"input: expected texts, found {type(values).__name__}")
    for place, text in enumerate(texts):
        if not isinstance(text, str):
            raise StemmaError(f"input: expected texts, found {type(text).__name__} at place {place}")
        if not _is_unicode(text):
            raise StemmaError(f"input: half a character (a lone surrogate) in the text at place {place}")
    return list(texts)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _files(values: Any) -> list[Any]:
    """Image files among raw values, as bytes or text; none where they are numbers."""
    if isinstance(values, np.ndarray):
        values = values.tolist() if values.ndim == 1 and values.dtype.kind in "OUS" else []
    values = values if isinstance(values, (list, tuple)) else [values]
    return list(values) if any(isinstance(value, (str, bytes)) for value in values) else []


def _opened(file: Any, where: str, spec: DataSpec) -> np.ndarray:
    """The image in `file`, uint8 `[1, C, H, W]`."""
    if isinstance(file, str):
        try:
            file = base64.b64decode(file.partition(",")[2] if file.startswith("data:") else file, validate=True)
        except (binascii.Error, ValueError):
            raise StemmaError(f"{where}: not base64; expected the bytes of an image file as base64 text") from None
    if not isinstance(file, bytes):
        raise StemmaError(f"{where}: expected an image file, found {type(file).__name__}")
    return to_array(decode(file, where), spec.shape, spec.resize, where)


def _numbers(values: Any) -> Any:
    """Arrays of Python objects, which JSON brings, as arrays of numbers; all else as it is."""
    if not isinstance(values, np.ndarray) or values.dtype != object:
        return values
    try:
        return np.array(values.tolist())
    except ValueError:
        raise StemmaError("input: images of unequal shapes in one array, or lists of unequal length") from None
