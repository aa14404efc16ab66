"""Raw input, in the forms that pyfunc and HTTP bring it, -> the arrays that a model takes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stemma.data.image import to_array
from stemma.data.preparation.columns import Encoder
from stemma.data.text import encode
from stemma.errors import StemmaError
from stemma.files import read_json
from stemma.spec import DataSpec

Prepared = tuple[np.ndarray, np.ndarray | None, list[str] | None]
"""x, lengths, texts, as `model.predict` takes them."""
COLUMNS = ("text", "0")
"""Names that the column of a table of texts may have; 0 is what pandas calls a column without a name."""


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
    image without N. Over HTTP nested lists become such an array.
    Tables: a table, or a mapping of columns, with the raw columns by their names; others are left out.

    Raises:
        StemmaError: nothing to predict, a missing column or value, something else than texts or numbers, images of
            another shape.
    """
    if encoding.columns is not None:
        return encoding.columns.encode(_rows(values, encoding.columns)), None, None
    if isinstance(values, pd.DataFrame):
        values = _column(values)
    if isinstance(values, (list, tuple, np.ndarray)) and len(values) == 0:
        raise StemmaError("input: nothing to predict (0 examples)")
    if spec.kind == "text":
        texts = _texts(values)
        ids, lengths = encode(texts, encoding.tokens, spec.shape[0], spec.tokens)
        return ids, lengths, texts
    return to_array(_numbers(values), spec.shape, spec.resize), None, None


def _rows(values: Any, encoder: Encoder) -> pd.DataFrame:
    """Raw rows as a table that has every column and value."""
    names = [column.name for column in encoder.columns]
    if isinstance(values, dict):
        values = pd.DataFrame({name: np.atleast_1d(np.asarray(column)) for name, column in values.items()})
    if not isinstance(values, pd.DataFrame):
        raise StemmaError(f"input: expected a table with the columns {', '.join(names)}, found {type(values).__name__}")
    if not len(values):
        raise StemmaError("input: nothing to predict (0 rows)")
    missing = [name for name in names if name not in values]
    if missing:
        raise StemmaError(f"input: columns missing: {', '.join(missing)}; found {', '.join(map(str, values.columns))}")
    for name in names:
        empty = np.flatnonzero(values[name].isna())
        if len(empty):
            raise StemmaError(f"input: column '{name}' has no value in row {empty[0]}")
    whole = [column.name for column in encoder.columns if column.categories and _is_whole(values[column.name])]
    return values.reset_index(drop=True).astype(dict.fromkeys(whole, "int64"))


def _is_whole(values: pd.Series) -> bool:
    """Whether a column of categories came as floats such as 2.0, which JSON and CSV make of 2."""
    return pd.api.types.is_float_dtype(values) and bool((values == values.round()).all())


def _column(table: pd.DataFrame) -> list[Any]:
    names = [name for name in table.columns if str(name) in COLUMNS]
    if len(names) != 1:
        found = [str(name) for name in table.columns]
        raise StemmaError(f"input: columns {found}; expected a column 'text'")
    return table[names[0]].tolist()


def _texts(values: Any) -> list[str]:
    if isinstance(values, str):
        return [values]
    texts = values.tolist() if isinstance(values, np.ndarray) else values
    if not isinstance(texts, (list, tuple)):
        raise StemmaError(f"input: expected texts, found {type(values).__name__}")
    for place, text in enumerate(texts):
        if not isinstance(text, str):
            raise StemmaError(f"input: expected texts, found {type(text).__name__} at place {place}")
    return list(texts)


def _numbers(values: Any) -> Any:
    """Arrays of Python objects, which JSON brings, as arrays of numbers; all else as it is."""
    if not isinstance(values, np.ndarray) or values.dtype != object:
        return values
    try:
        return np.array(values.tolist())
    except ValueError:
        raise StemmaError("input: images of unequal shapes in one array, or lists of unequal length") from None
