"""The prepared-files contract: a folder of memory-mapped arrays beside `spec.json`.

    spec.json                      DataSpec
    {split}_x.npy, {split}_y.npy   uint8 [N, C, H, W] | int32 [N, T] | float32 [N, F];  int64 [N]
    {split}_lengths.npy            text only: int32 [N], tokens before padding, at least 1
    {split}_raw.parquet            text only: column `text`, the review as it was read
    vocabulary.json                text only: list of tokens by id

Splits are `train`, `validation`, `test`.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from stemma.errors import StemmaError
from stemma.files import read_json, replacing, sha256, write_json
from stemma.spec import DataSpec

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Split:
    """Examples of one split. `lengths` and `texts` are there for text only."""

    x: np.ndarray
    y: np.ndarray
    lengths: np.ndarray | None = None
    texts: list[str] | None = None

    def __len__(self) -> int:
        return len(self.y)

    def joined(self, other: "Split") -> "Split":
        """Both splits in one, for a refit on train and validation."""
        return Split(
            np.concatenate([self.x, other.x]),
            np.concatenate([self.y, other.y]),
            None if self.lengths is None or other.lengths is None else np.concatenate([self.lengths, other.lengths]),
            None if self.texts is None or other.texts is None else self.texts + other.texts,
        )


def save(folder: Path, spec: DataSpec, splits: dict[str, Split], vocabulary: list[str] | None = None) -> DataSpec:
    """Write the arrays and then `spec.json` with sizes and digests filled in; return that spec."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, split in splits.items():
        for part, array in (("x", split.x), ("y", split.y), ("lengths", split.lengths)):
            if array is not None:
                with replacing(folder / f"{name}_{part}.npy") as path, path.open("wb") as file:
                    np.save(file, array, allow_pickle=False)
        if split.texts is not None:
            with replacing(folder / f"{name}_raw.parquet") as path:
                pd.DataFrame({"text": split.texts}).to_parquet(path, index=False)
    if vocabulary is not None:
        write_json(folder / "vocabulary.json", vocabulary)
    content = "test_x.npy" if vocabulary is None else "test_raw.parquet"
    spec = replace(
        spec,
        sizes={name: len(split) for name, split in splits.items()},
        digest=sha256(*sorted(folder.glob("*.npy"))),
        test_digest=sha256(folder / "test_y.npy", folder / content),
    )
    write_json(folder / "spec.json", spec.to_dict())
    return spec


def load_spec(folder: Path) -> DataSpec:
    if not (folder / "spec.json").is_file():
        raise StemmaError(f"{folder}: no prepared set here (spec.json is missing); run `dvc repro preprocess`")
    return DataSpec.from_dict(read_json(folder / "spec.json"))


def load_split(folder: Path, name: str) -> Split:
    """One split, its arrays memory-mapped and read-only."""

    def array(part: str) -> np.ndarray:
        return np.load(folder / f"{name}_{part}.npy", mmap_mode="r", allow_pickle=False)

    if not (folder / f"{name}_lengths.npy").is_file():
        return Split(array("x"), array("y"))
    texts = pd.read_parquet(folder / f"{name}_raw.parquet")["text"].tolist()
    return Split(array("x"), array("y"), array("lengths"), texts)


def load_vocabulary(folder: Path) -> list[str] | None:
    path = folder / "vocabulary.json"
    return read_json(path) if path.is_file() else None
