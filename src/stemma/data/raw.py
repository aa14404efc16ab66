"""The raw-files contract: what `ingest` writes and the later stages read.

    {part}_x.npy (or shards of it), {part}_y.npy   image: uint8 [N, C, H, W], int64 [N]
    {part}.parquet                                 else: label, group (null where there are no groups) and
                                                   text | sequence | the columns of the table
    meta.json                                      dataset, source, kind, task, classes, sizes, ...

Equal bytes give equal files: no date and no path of this machine is in them.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stemma.data import shards
from stemma.data.parts import PARTS, Part
from stemma.errors import StemmaError
from stemma.files import read_json


def load_meta(folder: Path) -> dict[str, Any]:
    if not (folder / "meta.json").is_file():
        raise StemmaError(f"{folder}: no raw data here (meta.json is missing); run `dvc repro ingest`")
    meta = dict(read_json(folder / "meta.json"))
    if not {"task", "columns", "encoding"} <= set(meta):
        raise StemmaError(f"{folder}: made by an older version; run `dvc repro ingest`")
    return meta


def load_parts(folder: Path, kind: str) -> dict[str, Part]:
    """The parts that are there; images are memory-mapped and read-only."""
    ending, load = ("_y.npy", _images) if kind == "image" else (".parquet", _table)
    return {part: load(folder, part, kind) for part in PARTS if (folder / f"{part}{ending}").is_file()}


def save_part(folder: Path, name: str, part: Part, kind: str) -> None:
    if kind == "image":
        shards.save(folder, f"{name}_x", shards.chunks(part.x))
        np.save(folder / f"{name}_y.npy", part.y, allow_pickle=False)
        return
    groups: list[Any] = part.groups or [None] * len(part)
    x = part.x if kind == "table" else pd.DataFrame({kind: [_plain(value) for value in part.x]})
    table = x.assign(label=part.y, group=groups).astype({"group": "str"})
    (table.astype({"text": "str"}) if kind == "text" else table).to_parquet(folder / f"{name}.parquet", index=False)


def _plain(value: Any) -> Any:
    """A sequence of vectors as Parquet can hold it: a list of rows."""
    return list(value) if isinstance(value, np.ndarray) and value.ndim > 1 else value


def _images(folder: Path, name: str, kind: str) -> Part:
    return Part(shards.load(folder, f"{name}_x"), np.load(folder / f"{name}_y.npy", allow_pickle=False))


def _table(folder: Path, name: str, kind: str) -> Part:
    table = pd.read_parquet(folder / f"{name}.parquet")
    groups = None if table["group"].isna().all() else table["group"].tolist()
    label = table["label"]
    y = [list(row) for row in label] if label.dtype == object else label.to_numpy()
    if kind == "table":
        return Part(table.drop(columns=["label", "group"]), y, groups)
    return Part([_value(value) for value in table[kind]], y, groups)


def _value(value: Any) -> Any:
    """A text (None where it is missing), a list of tokens, or float32 `[T, F]`."""
    if not isinstance(value, np.ndarray):
        return value if isinstance(value, str) else None
    if len(value) and isinstance(value[0], np.ndarray):
        return np.array(value.tolist(), np.float32)
    return value.tolist()
