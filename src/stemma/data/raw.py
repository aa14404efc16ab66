"""The raw-files contract: reading back what `ingest` wrote."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stemma.data.parts import PARTS, Part
from stemma.errors import StemmaError
from stemma.files import read_json


def load_meta(folder: Path) -> dict[str, Any]:
    if not (folder / "meta.json").is_file():
        raise StemmaError(f"{folder}: no raw data here (meta.json is missing); run `dvc repro ingest`")
    return dict(read_json(folder / "meta.json"))


def load_parts(folder: Path, kind: str) -> dict[str, Part]:
    """The parts that are there; images are memory-mapped and read-only."""
    suffix, load = ("_x.npy", _images) if kind == "image" else (".parquet", _texts)
    return {part: load(folder, part) for part in PARTS if (folder / f"{part}{suffix}").is_file()}


def _images(folder: Path, part: str) -> Part:
    x = np.load(folder / f"{part}_x.npy", mmap_mode="r", allow_pickle=False)
    return Part(x, np.load(folder / f"{part}_y.npy", allow_pickle=False))


def _texts(folder: Path, part: str) -> Part:
    table = pd.read_parquet(folder / f"{part}.parquet")
    groups = None if table["group"].isna().all() else table["group"].tolist()
    texts: list[Any] = [text if isinstance(text, str) else None for text in table["text"]]
    return Part(texts, table["label"].to_numpy(np.int64), groups)
