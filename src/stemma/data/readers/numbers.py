"""Files of numbers alone: rows of equally many, without a header."""

import io
from pathlib import Path

import numpy as np
import pandas as pd

from stemma.data.readers.content import decode, load
from stemma.errors import StemmaError


def numbers(path: Path, width: int, separator: str = ",", encoding: str = "ascii") -> np.ndarray:
    """A file of numbers alone, float64 `[N, width]`.

    Raises:
        StemmaError: a cell is no finite number, or a row has another number of cells.
    """
    return matrix(path, decode(path, load(path), encoding), width, separator)


def matrix(path: Path, text: str, width: int, separator: str = ",") -> np.ndarray:
    """As `numbers`, of a text."""
    try:
        table = pd.read_csv(
            io.StringIO(text), sep=separator, header=None, dtype=np.float64, float_precision="round_trip"
        )
    except pd.errors.EmptyDataError:
        raise StemmaError(f"{path}: holds no rows") from None
    except (ValueError, OverflowError) as error:
        raise StemmaError(f"{path}: expected rows of {width} numbers ({' '.join(str(error).split())})") from None
    found = table.to_numpy()
    if found.shape[1] != width:
        raise StemmaError(f"{path}: {found.shape[1]} numbers a row, expected {width}")
    wrong = np.argwhere(~np.isfinite(found))
    if len(wrong):
        raise StemmaError(f"{path}: row {wrong[0][0] + 1}, column {wrong[0][1] + 1}: missing or not finite")
    return found
