"""The table `columns`: what each column of a table holds, part by part."""

from typing import Any

import numpy as np
import pandas as pd

from stemma.data.parts import Part

ABSENT = "absent"
COLUMNS = [
    *("part", "column", "type", "type_in_train", "distinct", "smallest", "mean", "largest"),
    *("gap", "unknown", "distinct_share", "constant", "tells"),
]
VALUES_TO_JUDGE = 10
"""Distinct numbers that a column needs before one can be out of scale; rows a value before it tells the label."""
LINEAR = 0.99999
"""From this absolute correlation on a column is the target in other units."""


def columns(parts: dict[str, Part], task: str) -> pd.DataFrame:
    """One row a part and column.

    Columns: part, column, type and type_in_train (number, category, boolean or absent), distinct, smallest,
    mean, largest (numbers), gap (see `Limits`), unknown (share of the values that train does not know,
    categories), distinct_share (categories of train); of train alone constant, and tells: the label follows
    from the column, or the target is it in other units.
    """
    train = parts["train"]
    names = list(dict.fromkeys(name for part in parts.values() for name in part.x.columns))
    rows = [_row(name, column, part, train, task) for name, part in parts.items() for column in names]
    numbers = ("distinct", "smallest", "mean", "largest", "gap", "unknown", "distinct_share")
    return pd.DataFrame(rows, columns=COLUMNS).astype(dict.fromkeys(numbers, "float64"))


def type_of(part: Part, column: Any) -> str:
    if column not in part.x:
        return ABSENT
    values = part.x[column]
    if pd.api.types.is_bool_dtype(values):
        return "boolean"
    return "number" if pd.api.types.is_numeric_dtype(values) else "category"


def _row(name: str, column: Any, part: Part, train: Part, task: str) -> dict[str, Any]:
    kind, before = type_of(part, column), type_of(train, column)
    row: dict[str, Any] = {"part": name, "column": column, "type": kind, "type_in_train": before}
    if kind == ABSENT:
        return row
    values = part.x[column].dropna()
    found = pd.unique(values)
    row["distinct"] = len(found)
    if part is train:
        row |= {"constant": len(found) <= 1, "tells": _tells(part.x[column], part.y, task)}
    if kind == "number":
        return row | _of_numbers(found.astype(np.float64), values)
    if kind == "category":
        row["distinct_share"] = len(found) / max(len(values), 1) if part is train else None
        if before == kind and len(values):
            row["unknown"] = float((~values.isin(train.x[column])).mean())
    return row


def _of_numbers(found: np.ndarray, values: pd.Series) -> dict[str, Any]:
    finite = np.sort(found[np.isfinite(found)])
    if not len(finite):
        return {}
    row = {"smallest": float(finite[0]), "largest": float(finite[-1])}
    row["mean"] = float(values[np.isfinite(values.astype(np.float64))].mean())
    return row | {"gap": gap(finite)}


def gap(values: np.ndarray) -> float | None:
    """How far the outermost of the sorted distinct `values` lies from the next one, in widths of the others.

    A placeholder such as -999 or a lost decimal point stands far out; None for fewer than ten values.
    """
    if len(values) < VALUES_TO_JUDGE:
        return None
    low = (values[1] - values[0]) / (values[-1] - values[1])
    high = (values[-1] - values[-2]) / (values[-2] - values[0])
    return float(max(low, high))


def _tells(values: pd.Series, y: np.ndarray, task: str) -> bool:
    if task == "regress":
        return _correlation(values, y) >= LINEAR
    codes, found = pd.factorize(values)
    labels, kinds = pd.factorize(y)
    if task != "classify" or min(len(found), len(kinds)) < 2 or len(values) < VALUES_TO_JUDGE * len(found):
        return False
    return len(pd.unique(codes * len(kinds) + labels)) == len(pd.unique(codes))


def _correlation(values: pd.Series, y: np.ndarray) -> float:
    """Absolute correlation over the rows where both are finite; 0 where one does not vary."""
    if not pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
        return 0.0
    x = values.to_numpy(np.float64, na_value=np.nan)
    both = np.isfinite(x) & np.isfinite(y)
    x, y = x[both], y[both]
    if len(x) < 3 or x.std() == 0 or y.std() == 0:
        return 0.0
    return float(abs(np.corrcoef(x, y)[0, 1]))
