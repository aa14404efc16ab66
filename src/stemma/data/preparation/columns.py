"""Tables -> float32 columns: numbers scaled, categories one-hot; what is needed for it comes from train alone."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from stemma.errors import StemmaError

Scaling = Literal["standard", "minmax", "none"]


@dataclass(frozen=True)
class Column:
    """How a column is encoded: `(value - centre) / spread`, or a 0/1 column for each of the `categories`."""

    name: str
    centre: float = 0.0
    spread: float = 1.0
    categories: tuple[Any, ...] = ()

    @property
    def features(self) -> list[str]:
        return [f"{self.name}={c}" for c in self.categories] or [self.name]


@dataclass(frozen=True)
class Encoder:
    """The columns of a table in their order."""

    columns: tuple[Column, ...]

    @classmethod
    def fit(cls, table: pd.DataFrame, scaling: Scaling = "standard") -> "Encoder":
        """What the training rows `table` say. A constant column has spread 1, so that it becomes 0."""
        return cls(tuple(_column(name, table[name], scaling) for name in table.columns))

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the encoded columns."""
        return tuple(feature for column in self.columns for feature in column.features)

    def encode(self, table: pd.DataFrame) -> np.ndarray:
        """float32 `[N, F]`. A category that train did not know is 0 in all its columns.

        Raises:
            StemmaError: a column is missing, or a number is none, missing or infinite.
        """
        return np.concatenate([_encode(column, table) for column in self.columns], axis=1)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Encoder":
        return cls(tuple(Column(**{**c, "categories": tuple(c["categories"])}) for c in values["columns"]))


def _column(name: str, values: pd.Series, scaling: Scaling) -> Column:
    if not pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
        return Column(name, categories=tuple(sorted({str(value) for value in values})))
    numbers = values.to_numpy(np.float64)
    if scaling == "none":
        return Column(name)
    if scaling == "minmax":
        centre, spread = float(numbers.min()), float(np.ptp(numbers))
    else:
        centre, spread = float(numbers.mean()), float(numbers.std())
    return Column(name, centre, spread if spread > 0 else 1.0)


def _encode(column: Column, table: pd.DataFrame) -> np.ndarray:
    if column.name not in table.columns:
        raise StemmaError(f"column '{column.name}' is missing; found {', '.join(map(str, table.columns))}")
    values = table[column.name]
    if column.categories:
        return np.stack([values.astype(str) == c for c in column.categories], axis=1).astype(np.float32)
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(np.float64)
    bad = np.flatnonzero(~np.isfinite(numbers))
    if len(bad):
        raise StemmaError(f"column '{column.name}': '{values.iloc[bad[0]]}' in row {bad[0]} is no finite number")
    return ((numbers - column.centre) / column.spread).astype(np.float32)[:, None]
