"""The prepared-files contract: a folder of memory-mapped arrays beside `spec.json`.

    spec.json                      DataSpec
    {split}_x.npy, {split}_y.npy   see DataSpec for types and shapes; x in shards where it is large
    {split}_lengths.npy            text, sequence: int32 [N], steps before padding, at least 1
    {split}_target_lengths.npy     the task transduce: int32 [N], output tokens, the end sign included
    {split}_raw.parquet            text, table and tokens: the examples before they were encoded
    vocabulary.json                text and sequences of tokens: list of tokens by id
    table.json                     table: how its columns are encoded
    vectors.npy                    text with word vectors: float32 [tokens, length]
    test_groups.json               where test examples belong together: a number each, equal for those that do

Splits are `train`, `validation`, `test`, and `unlabelled` (y is -1) where only some examples have labels.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stemma.data import shards
from stemma.errors import StemmaError
from stemma.files import read_json, replacing, sha256, write_json
from stemma.spec import DataSpec

SPLITS = ("train", "validation", "test")
UNLABELLED = "unlabelled"


@dataclass(frozen=True)
class Split:
    """Examples of one split, arrays as `DataSpec` describes them.

    Attributes:
        x: may be larger than memory (`shards.Array`): read it a slice or an array of positions at a time.
        lengths: of text and sequences.
        texts: of text: as read; of sequences of tokens: joined by blanks.
        target_lengths: of the outputs, for the task `transduce`.
        raw: what is kept of the examples before they were encoded; only while the set is written.
    """

    x: Any
    y: np.ndarray
    lengths: np.ndarray | None = None
    texts: list[str] | None = None
    target_lengths: np.ndarray | None = None
    raw: pd.DataFrame | None = None

    def __len__(self) -> int:
        return len(self.y)

    def joined(self, other: "Split") -> "Split":
        """Both splits in one, in memory, for a refit on train and validation."""

        def both(a: Any, b: Any) -> Any:
            return None if a is None or b is None else np.concatenate([np.asarray(a), np.asarray(b)])

        return Split(
            both(self.x, other.x),
            both(self.y, other.y),
            both(self.lengths, other.lengths),
            None if self.texts is None or other.texts is None else self.texts + other.texts,
            both(self.target_lengths, other.target_lengths),
        )


def save(folder: Path, spec: DataSpec, splits: dict[str, Split], extra: dict[str, Any] | None = None) -> DataSpec:
    """Write the arrays and then `spec.json` with sizes and digests filled in; return that spec.

    `extra`: file name -> what else the set needs: an array for `.npy`, else something for JSON.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, split in splits.items():
        shards.save(folder, f"{name}_x", shards.chunks(split.x))
        for part, array in (("y", split.y), ("lengths", split.lengths), ("target_lengths", split.target_lengths)):
            if array is not None:
                _save_array(folder / f"{name}_{part}.npy", array)
        raw = pd.DataFrame({"text": split.texts}) if split.texts is not None else split.raw
        if raw is not None:
            with replacing(folder / f"{name}_raw.parquet") as path:
                raw.to_parquet(path, index=False)
    for name, value in (extra or {}).items():
        _save_array(folder / name, value) if name.endswith(".npy") else write_json(folder / name, value)
    before_encoding = folder / "test_raw.parquet"
    content = [before_encoding] if before_encoding.is_file() else shards.files(folder, "test_x")
    spec = replace(
        spec,
        sizes={name: len(split) for name, split in splits.items()},
        digest=sha256(*sorted(folder.glob("*.npy"))),
        test_digest=sha256(folder / "test_y.npy", *content),
    )
    write_json(folder / "spec.json", spec.to_dict())
    return spec


def _save_array(target: Path, array: np.ndarray) -> None:
    with replacing(target) as path, path.open("wb") as file:
        np.save(file, array, allow_pickle=False)


def load_spec(folder: Path) -> DataSpec:
    if not (folder / "spec.json").is_file():
        raise StemmaError(f"{folder}: no prepared set here (spec.json is missing); run `dvc repro preprocess`")
    return DataSpec.from_dict(read_json(folder / "spec.json"))


def load_split(folder: Path, name: str) -> Split:
    """One split, its arrays memory-mapped and read-only."""

    def optional(part: str) -> Any:
        return shards.load(folder, f"{name}_{part}") if (folder / f"{name}_{part}.npy").is_file() else None

    raw = folder / f"{name}_raw.parquet"
    lengths = optional("lengths")
    texts = pd.read_parquet(raw)["text"].tolist() if lengths is not None and raw.is_file() else None
    return Split(shards.load(folder, f"{name}_x"), optional("y"), lengths, texts, optional("target_lengths"))


def load_unlabelled(folder: Path) -> Split | None:
    """The training examples whose labels are withheld, if there are such."""
    return load_split(folder, UNLABELLED) if shards.files(folder, f"{UNLABELLED}_x") else None


def load_vocabulary(folder: Path) -> list[str] | None:
    path = folder / "vocabulary.json"
    return read_json(path) if path.is_file() else None


def load_test_groups(folder: Path) -> list[int] | None:
    """A number a test example, equal where they belong together (a film, an exact repetition); None if none do."""
    path = folder / "test_groups.json"
    return read_json(path) if path.is_file() else None


def load_vectors(folder: Path) -> np.ndarray | None:
    """Word vectors float32 `[tokens, length]`, if the set has them."""
    path = folder / "vectors.npy"
    return np.load(path, allow_pickle=False) if path.is_file() else None
