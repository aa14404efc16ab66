"""Both sides of a comparison: the reference as it was prepared, and new data encoded as the reference was."""

from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd

from stemma.data import archive, image, shards, store, text
from stemma.data.columns import Encoder
from stemma.data.parts import Part, Resize
from stemma.data.raw import load_meta, load_parts
from stemma.data.readers import image_folder, table, table_of_texts, tabular
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

    Raises:
        StemmaError: no prepared set, an unknown split, or a kind of data that cannot be compared.
    """
    spec = store.load_spec(folder)
    if spec.kind not in KINDS or spec.task not in ("classify", "regress"):
        raise StemmaError(f"{folder}: holds {spec.kind} data for the task {spec.task}; drift compares {_kinds()}")
    if split not in store.SPLITS:
        raise unknown("split", split, store.SPLITS)
    found = store.load_split(folder, split)
    groups = _groups(folder, _before_encoding(folder, split, spec))
    return Sample(f"{folder} ({split})", spec, found.x, found.y, found.lengths, found.texts, groups)


def _kinds() -> str:
    return "image, text and table data, classified or regressed"


def current(path: Path, folder: Path, split: str | None = None, labels: bool = True) -> Sample:
    """The data at `path`, encoded as the prepared set in `folder` was.

    Args:
        path: a prepared set, a raw folder, a folder or archive of images (`<class>/<image>`, or images without
            folder, then without labels), or texts or rows in CSV, TSV, JSON lines or Parquet (columns `label`
            and `group` optional).
        split: of a prepared set; None takes all of it.
        labels: False ignores labels.

    Raises:
        StemmaError: nothing there, another kind or shape, no examples, or an unknown label.
    """
    spec = store.load_spec(folder)
    part = _read(path, spec, split, labels)
    if not len(part.x):
        raise StemmaError(f"{path}: holds no examples")
    encoded = _encode(path, part.x, folder, spec)
    y = part.y if labels and part.y is not None and len(part.y) else None
    return replace(encoded, name=str(path) if split is None else f"{path} ({split})", y=y, groups=part.groups)


def _read(path: Path, spec: DataSpec, split: str | None, labels: bool) -> Part:
    """What is at `path` before it is encoded, labels as positions in the reference's classes."""
    if (path / "spec.json").is_file():
        return _prepared(path, spec, split, labels)
    if split is not None:
        raise StemmaError(f"{path}: is no prepared set, it has no split '{split}'")
    if (path / "meta.json").is_file():
        return _raw(path, spec, labels)
    if not path.exists():
        raise StemmaError(f"{path}: no such file or folder")
    return _images(path, spec, labels) if spec.kind == "image" else _rows(path, spec, labels)


def _same_kind(path: Path, kind: str, task: str, spec: DataSpec) -> None:
    if (kind, task) != (spec.kind, spec.task):
        raise StemmaError(f"{path}: holds {kind} data ({task}), the reference {spec.kind} data ({spec.task})")


def _prepared(path: Path, spec: DataSpec, split: str | None, labels: bool) -> Part:
    other = store.load_spec(path)
    _same_kind(path, other.kind, other.task, spec)
    if split not in (None, *store.SPLITS):
        raise unknown("split", split, store.SPLITS)
    names = store.SPLITS if split is None else (split,)
    part = _joined(
        [Part(_before_encoding(path, name, other), np.asarray(store.load_split(path, name).y)) for name in names]
    )
    return Part(part.x, _known(path, part.y, other.classes, spec) if labels else None, _groups(path, part.x))


def _raw(path: Path, spec: DataSpec, labels: bool) -> Part:
    meta = load_meta(path)
    _same_kind(path, meta["kind"], meta["task"], spec)
    part = _joined(list(load_parts(path, meta["kind"]).values()))
    return replace(part, y=_known(path, part.y, tuple(meta["classes"]), spec) if labels else None)


def _joined(parts: list[Part]) -> Part:
    """All examples one after the other; images stay where they are."""
    first = parts[0].x
    if isinstance(first, pd.DataFrame):
        x: Any = pd.concat([part.x for part in parts], ignore_index=True)
    elif isinstance(first, list):
        x = [value for part in parts for value in part.x]
    else:
        x = shards.Shards([part.x for part in parts])
    groups = [group for part in parts for group in part.groups or [None] * len(part)]
    y = np.concatenate([np.asarray(part.y) for part in parts])
    return Part(x, y, groups if any(part.groups for part in parts) else None)


def _before_encoding(folder: Path, split: str, spec: DataSpec) -> Any:
    """The examples of a prepared split as they were read: images, texts, or a table."""
    if spec.kind == "image":
        return store.load_split(folder, split).x
    read = pd.read_parquet(folder / f"{split}_raw.parquet")
    return read["text"].tolist() if spec.kind == "text" else read


def _groups(folder: Path, x: Any) -> list[Any] | None:
    """The groups of the prepared examples `x`, looked up by content in `raw/<name>` beside `prepared/<name>`."""
    raw = folder.resolve().parent.parent / "raw" / folder.resolve().name
    if not (raw / "meta.json").is_file() or (kind := load_meta(raw)["kind"]) == "image":
        return None
    part = _joined(list(load_parts(raw, kind).values()))
    if part.groups is None:
        return None
    known = dict(zip(_keys(part.x), part.groups, strict=True))
    return [known.get(key) for key in _keys(x)]


def _keys(x: Any) -> list[Any]:
    return list(x.itertuples(index=False, name=None)) if isinstance(x, pd.DataFrame) else list(x)


def _known(path: Path, y: np.ndarray, classes: tuple[str, ...], spec: DataSpec) -> np.ndarray:
    """Labels as positions in the reference's classes; targets as they are."""
    if spec.task == "regress":
        return y
    return _positions(path, np.array(classes, dtype=object)[y].tolist(), spec)


def _positions(path: Path, names: list[str], spec: DataSpec) -> np.ndarray:
    index = {name: i for i, name in enumerate(spec.classes)}
    for name in dict.fromkeys(names):
        if name not in index:
            raise unknown(f"{path}: label", name, spec.classes)
    return np.array([index[name] for name in names], np.int64)


def _images(path: Path, spec: DataSpec, labels: bool) -> Part:
    """Images of a folder or archive; their class is the folder that they lie in, if they lie in one."""
    to = Resize(spec.shape[1], spec.shape[2], spec.resize) if spec.resize else None
    found, names = [], []
    for name, content in archive.members(path, _is_image):
        where = f"{path}: {name}"
        found.append(image.fitted(image.decode(content, where), spec.shape, to, where))
        names.append(PurePosixPath(name).parent.name)
    if not found:
        raise StemmaError(f"{path}: holds no images")
    return Part(np.stack(found), _positions(path, names, spec) if labels and any(names) else None)


def _is_image(name: str) -> bool:
    pure = PurePosixPath(name)
    return pure.suffix.lower() in image_folder.SUFFIXES and not any(p.startswith(".") for p in pure.parts)


def _rows(path: Path, spec: DataSpec, labels: bool) -> Part:
    """Texts or a table's rows from CSV and the like; the columns `label` and `group` are no features."""
    found = tabular.load(path, ("text",) if spec.kind == "text" else ())
    y = _given(path, found["label"], spec) if labels and "label" in found.columns else None
    if spec.kind == "text":
        return Part(table_of_texts.texts(path, found["text"]), y, tabular.groups(found))
    columns = {name: table.column(path, found[name]) for name in found.columns if name not in ("label", "group")}
    return Part(pd.DataFrame(columns), y, tabular.groups(found))


def _given(path: Path, labels: pd.Series, spec: DataSpec) -> np.ndarray:
    if spec.task == "classify":
        return tabular.positions(path, tabular.names(labels), spec.classes)
    numbers = pd.to_numeric(labels, errors="coerce").to_numpy(float)
    bad = np.flatnonzero(~np.isfinite(numbers))
    if len(bad):
        raise StemmaError(f"{path}: row {bad[0] + 1}: label '{labels.iloc[bad[0]]}' is no finite number")
    return np.asarray(numbers)


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
