"""Both sides of a comparison: the reference as it was prepared, and new data encoded as the reference was."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from stemma.data import image, shards, store, text
from stemma.data.parts import Options
from stemma.data.preparation.columns import Encoder
from stemma.drift.sources import before_encoding, groups, read, with_unlabelled
from stemma.errors import StemmaError, unknown
from stemma.files import read_json
from stemma.spec import DataSpec

KINDS = ("image", "text", "table")


@dataclass(frozen=True)
class Sample:
    """Examples encoded as `spec` says.

    Attributes:
        name: what reports call it.
        x: uint8 `[N, C, H, W]` (perhaps larger than memory), token ids int32 `[N, T]`, or float32 `[N, F]`.
        y: labels int64 `[N]` or targets float `[N]`; None where there are none.
        groups: N names, None for an example without; None where there are no groups at all.
    """

    name: str
    spec: DataSpec
    x: Any
    y: np.ndarray | None = None
    lengths: np.ndarray | None = None
    texts: list[str] | None = None
    groups: list[Any] | None = None

    def __len__(self) -> int:
        return len(self.x)

    def take(self, rows: np.ndarray) -> "Sample":
        """The examples at `rows`, in memory."""
        return replace(
            self,
            x=np.asarray(self.x[rows]),
            y=None if self.y is None else np.asarray(self.y[rows]),
            lengths=None if self.lengths is None else np.asarray(self.lengths[rows]),
            texts=None if self.texts is None else [self.texts[i] for i in rows],
            groups=None if self.groups is None else [self.groups[i] for i in rows],
        )


def reference(folder: Path, split: str = "train") -> Sample:
    """A split of the prepared set in `folder`, with the groups of its raw data where those lie beside it.

    Of a set with `labels_per_class`, train is joined by the examples whose labels are withheld and has no labels:
    as many of each class say nothing of how frequent the classes are.

    Raises:
        StemmaError: no prepared set, an unknown split, or a kind of data that cannot be compared.
    """
    spec = store.load_spec(folder)
    if spec.kind not in KINDS or spec.task not in ("classify", "regress"):
        raise StemmaError(f"{folder}: holds {spec.kind} data for the task {spec.task}; drift compares {_kinds()}")
    if split not in store.SPLITS:
        raise unknown("split", split, store.SPLITS)
    names = with_unlabelled(folder, split)
    found = [_of_split(folder, name, spec) for name in names]
    return replace(found[0] if len(found) == 1 else _joined(found), name=f"{folder} ({' and '.join(names)})")


def _of_split(folder: Path, name: str, spec: DataSpec) -> Sample:
    found = store.load_split(folder, name)
    together = groups(folder, before_encoding(folder, name, spec))
    return Sample(name, spec, found.x, found.y, found.lengths, found.texts, together)


def _joined(samples: list[Sample]) -> Sample:
    """All examples, without labels; x stays where it is."""
    first = samples[0]
    return replace(
        first,
        x=shards.Shards([s.x for s in samples]),
        y=None,
        lengths=None
        if first.lengths is None
        else np.concatenate([s.lengths for s in samples if s.lengths is not None]),
        texts=None if first.texts is None else [text for s in samples for text in s.texts or []],
        groups=None if first.groups is None else [g for s in samples for g in s.groups or [None] * len(s)],
    )


def _kinds() -> str:
    return "image, text and table data, classified or regressed"


def current(
    path: Path, folder: Path, split: str | None = None, labels: bool = True, options: Options | None = None
) -> Sample:
    """The data at `path`, encoded as the prepared set in `folder` was.

    Args:
        path: a prepared set, a raw folder, a folder or archive of images (`<class>/<image>`, or images without
            folder, then without labels), or texts or rows in CSV, TSV, JSON lines or Parquet (columns `label`
            and `group` optional).
        split: of a prepared set; None takes all of it.
        labels: False ignores labels.
        options: encoding and columns of CSV and the like; where they say nothing, the slot's own hold.

    Raises:
        StemmaError: nothing there, another kind or shape, no examples, or an unknown label.
    """
    spec = store.load_spec(folder)
    part = read(path, spec, split, labels, options or Options())
    if not len(part.x):
        raise StemmaError(f"{path}: holds no examples")
    encoded = _encode(path, part.x, folder, spec)
    y = part.y if labels and part.y is not None and len(part.y) else None
    return replace(encoded, name=str(path) if split is None else f"{path} ({split})", y=y, groups=part.groups)


def _encode(path: Path, x: Any, folder: Path, spec: DataSpec) -> Sample:
    """Examples encoded with the vocabulary or the columns of the prepared set in `folder`."""
    if spec.kind == "text":
        texts = ["" if value is None else str(value) for value in x]
        words = store.load_vocabulary(folder) or []
        ids, lengths = text.encode(texts, words, spec.shape[0], spec.tokens)
        return Sample("", spec, ids, lengths=lengths, texts=texts)
    if spec.kind == "table":
        try:
            return Sample("", spec, Encoder.from_dict(read_json(folder / "table.json")).encode(x))
        except StemmaError as error:
            raise StemmaError(f"{path}: {error}") from None
    if tuple(x.shape[1:]) != spec.shape:
        raise StemmaError(f"{path}: {image.describe(x.shape[1:])}, the reference is {image.describe(spec.shape)}")
    return Sample("", spec, x)
