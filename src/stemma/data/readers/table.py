"""A table of numbers and categories with the column `label`, and `group` where rows belong together."""

from pathlib import Path

import numpy as np
import pandas as pd

from stemma.data.parts import Part, Raw, Reading
from stemma.data.readers import tabular
from stemma.data.readers.content import shown
from stemma.errors import StemmaError


def read(reading: Reading) -> Raw:
    """A file as one part `train`, or a folder with a file a part; a column of numbers stays one, others are categories.

    Raises:
        StemmaError: as `tabular.load`; no other column than label and group, columns that differ between parts, a
            label that is missing or, for a regression, no finite number.
    """
    files, options = tabular.parts(reading.path), reading.options
    tables = {p: tabular.load(f, ("label",), options.encoding, options.columns) for p, f in files.items()}
    features = [c for c in tables["train"].columns if c not in ("label", "group")]
    if not features:
        raise StemmaError(f"{files['train']}: no column but the label and the group")
    for part, table in tables.items():
        if sorted(set(table.columns) - {"label", "group"}) != sorted(features):
            raise StemmaError(
                f"{files[part]}: columns {', '.join(map(shown, table.columns))}; expected those of {files['train']}"
            )
    x = _typed(files, tables, features)
    groups = {part: tabular.groups(table) for part, table in tables.items()}
    y, classes = _targets(reading, files, tables)
    return Raw({part: Part(x[part], y[part], groups[part]) for part in files}, classes)


def _typed(files: dict[str, Path], tables: dict[str, pd.DataFrame], features: list[str]) -> dict[str, pd.DataFrame]:
    """The features by part: one type a column over all parts."""
    columns = {}
    where = ", ".join(map(str, files.values()))
    for name in features:
        columns[name] = column(where, pd.concat([t[name] for t in tables.values()], ignore_index=True))
    x, start, whole = {}, 0, pd.DataFrame(columns)
    for part, table in tables.items():
        x[part] = whole.iloc[start : start + len(table)].reset_index(drop=True)
        start += len(table)
    return x


def column(where: object, values: pd.Series) -> pd.Series:
    """`values` as numbers if every cell that is not empty is one, as booleans, or as texts, None where empty.

    Raises:
        StemmaError: cells of another type, such as dates or lists.
    """
    if pd.api.types.is_bool_dtype(values) or pd.api.types.is_float_dtype(values):
        return values
    if pd.api.types.is_integer_dtype(values):
        return values.astype(np.float64) if values.isna().any() else values
    plain = [None if value is None or value is pd.NA or value != value or value == "" else value for value in values]
    odd = next((v for v in plain if not isinstance(v, (str, int, float, type(None)))), None)
    if odd is not None:
        raise StemmaError(f"{where}: column '{shown(str(values.name))}': expected numbers or texts, found {odd!r}")
    try:
        return pd.to_numeric(pd.Series(plain, name=values.name, dtype=object)).astype(np.float64)
    except (ValueError, TypeError, OverflowError):
        return pd.Series([None if v is None else str(v) for v in plain], name=values.name, dtype="str")


def _targets(
    reading: Reading, files: dict[str, Path], tables: dict[str, pd.DataFrame]
) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    if reading.entry.task == "regress":
        return {part: _finite(files[part], table["label"]) for part, table in tables.items()}, ()
    labels = {part: tabular.names(table["label"]) for part, table in tables.items()}
    classes = tabular.classes_of(labels, files, reading.entry.classes)
    return {part: tabular.positions(files[part], labels[part], classes) for part in tables}, classes


def _finite(path: Path, labels: pd.Series) -> np.ndarray:
    found = pd.to_numeric(labels, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    wrong = np.flatnonzero(~np.isfinite(found))
    if len(wrong):
        raise StemmaError(
            f"{path}: row {wrong[0] + 1}: label '{shown(str(labels.iloc[wrong[0]]))}' is no finite number"
        )
    return found
