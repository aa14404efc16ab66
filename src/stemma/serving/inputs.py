"""Raw input, in the forms that pyfunc and HTTP bring it, -> the arrays that a model takes."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stemma.data.image import to_array
from stemma.data.text import encode
from stemma.errors import StemmaError
from stemma.files import read_json
from stemma.spec import DataSpec

Prepared = tuple[np.ndarray, np.ndarray | None, list[str] | None]
"""x, lengths, texts, as `model.predict` takes them."""
COLUMNS = ("text", "0")
"""Names that the column of a table of texts may have; 0 is what pandas calls a column without a name."""


def vocabulary(folder: Path) -> list[str]:
    """Tokens by id of a text model; empty for others."""
    path = folder / "vocabulary.json"
    return read_json(path) if path.is_file() else []


def prepare(values: Any, spec: DataSpec, tokens: list[str]) -> Prepared:
    """Prepare raw `values`.

    Text: a string, a list or array of strings, or a table with a column `text`.
    Images: whole numbers 0 to 255 as an array `[N, H, W]` (grey), `[N, H, W, C]` or `[N, C, H, W]`, or one
    image without N. Over HTTP nested lists become such an array.

    Raises:
        StemmaError: nothing to predict, a missing column, something else than texts, images of another shape.
    """
    if isinstance(values, pd.DataFrame):
        values = _column(values)
    if isinstance(values, (list, tuple, np.ndarray)) and len(values) == 0:
        raise StemmaError("input: nothing to predict (0 examples)")
    if spec.kind == "text":
        texts = _texts(values)
        ids, lengths = encode(texts, tokens, spec.shape[0], spec.tokens)
        return ids, lengths, texts
    return to_array(_numbers(values), spec.shape), None, None


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
