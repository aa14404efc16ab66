"""New data in the forms that they come in -> examples as they were read, labels as positions in known classes."""

from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd

from stemma.data import image, shards, store
from stemma.data.fetching import archive
from stemma.data.parts import Options, Part, Resize
from stemma.data.raw import load_meta, load_parts
from stemma.data.readers import content, image_folder, table, table_of_texts, tabular
from stemma.errors import StemmaError, unknown
from stemma.spec import DataSpec

ROLES = {"text": ("text", "label", "group"), "table": ("label", "group")}
"""Columns of a file of rows that mean something, by kind of data."""


def read(path: Path, spec: DataSpec, split: str | None, labels: bool, options: Options) -> Part:
    """What is at `path` before it is encoded, labels as positions in the reference's classes.

    Args:
        options: encoding and columns of a file of rows, before those of the slot; nothing else is asked of them.
    """
    if not path.exists():
        raise StemmaError(f"{path}: no such file or folder")
    if (options.encoding or options.columns) and (path.is_dir() or spec.kind == "image"):
        raise StemmaError(f"{path}: encoding and columns are for CSV, TSV, JSON lines and Parquet alone")
    if (path / "spec.json").is_file():
        return _prepared(path, spec, split, labels)
    if split is not None:
        raise StemmaError(f"{path}: is no prepared set, it has no split '{split}'")
    if (path / "meta.json").is_file():
        return _raw(path, spec, labels)
    return _images(path, spec, labels) if spec.kind == "image" else _rows(path, spec, labels, options)


def _same_kind(path: Path, kind: str, task: str, spec: DataSpec) -> None:
    if (kind, task) != (spec.kind, spec.task):
        raise StemmaError(f"{path}: holds {kind} data ({task}), the reference {spec.kind} data ({spec.task})")


def _prepared(path: Path, spec: DataSpec, split: str | None, labels: bool) -> Part:
    other = store.load_spec(path)
    _same_kind(path, other.kind, other.task, spec)
    if split not in (None, *store.SPLITS):
        raise unknown("split", split, store.SPLITS)
    names = [name for one in (store.SPLITS if split is None else (split,)) for name in with_unlabelled(path, one)]
    part = _joined(
        [Part(before_encoding(path, name, other), np.asarray(store.load_split(path, name).y)) for name in names]
    )
    known = labels and store.UNLABELLED not in names
    return Part(part.x, _known(path, part.y, other.classes, spec) if known else None, groups(path, part.x))


def with_unlabelled(folder: Path, split: str) -> list[str]:
    """`split`, and of train also the examples whose labels are withheld: only together are they a fair sample."""
    withheld = split == "train" and store.load_unlabelled(folder) is not None
    return [split, store.UNLABELLED] if withheld else [split]


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


def before_encoding(folder: Path, split: str, spec: DataSpec) -> Any:
    """The examples of a prepared split as they were read: images, texts, or a table."""
    if spec.kind == "image":
        return store.load_split(folder, split).x
    read = pd.read_parquet(folder / f"{split}_raw.parquet")
    return read["text"].tolist() if spec.kind == "text" else read


def groups(folder: Path, x: Any) -> list[Any] | None:
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
    names = [name for name, _, _ in archive.open_members(path, _is_image)]
    if not names:
        raise StemmaError(f"{path}: holds no images")
    classes = [PurePosixPath(name).parent.name for name in names]
    return Part(Images(path, names, spec), _positions(path, classes, spec) if labels and any(classes) else None)


@dataclass(frozen=True)
class Images:
    """Images `[N, C, H, W]` by their `names` in a folder or archive; only those asked for are decoded."""

    path: Path
    names: list[str]
    spec: DataSpec

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.names), *self.spec.shape)

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        """uint8 `[n, C, H, W]` of the images at the positions `rows`, in that order."""
        to = Resize(self.spec.shape[1], self.spec.shape[2], self.spec.resize) if self.spec.resize else None
        place = {self.names[row]: i for i, row in enumerate(rows)}
        found = np.empty((len(rows), *self.spec.shape), np.uint8)
        for name, packed in archive.members(self.path, place.__contains__):
            where = f"{self.path}: {name}"
            found[place[name]] = image.fitted(image.decode(packed, where), self.spec.shape, to, where)
        return found


def _is_image(name: str) -> bool:
    pure = PurePosixPath(name)
    return pure.suffix.lower() in image_folder.SUFFIXES and not any(p.startswith(".") for p in pure.parts)


def _rows(path: Path, spec: DataSpec, labels: bool, options: Options) -> Part:
    """Texts or a table's rows from CSV and the like; the columns `label` and `group` are no features."""
    found = _table(path, spec, options)
    y = _given(path, found["label"], spec) if labels and "label" in found.columns else None
    if spec.kind == "text":
        return Part(table_of_texts.texts(path, found["text"]), y, tabular.groups(found))
    columns = {name: table.column(path, found[name]) for name in found.columns if name not in ("label", "group")}
    return Part(pd.DataFrame(columns), y, tabular.groups(found))


def _table(path: Path, spec: DataSpec, options: Options) -> pd.DataFrame:
    """The rows, columns named by role: as `options` say, else as the slot does where there is such a column.

    Raises:
        StemmaError: as `tabular.load`; an unknown role; the slot's name of a role and the role are both columns.
    """
    for role in options.columns:
        if role not in ROLES[spec.kind]:
            raise unknown(f"{path}: columns", role, ROLES[spec.kind])
    found = tabular.load(path, (), options.encoding or spec.encoding, options.columns)
    slot = {role: name for role, name in dict(spec.columns).items() if role not in options.columns and role != name}
    for role, name in slot.items():
        if {role, name} <= set(found.columns):
            raise StemmaError(f"{path}: both '{name}' (the slot's) and '{role}': drop one, or say {role}={role}")
    found = found.rename(columns={name: role for role, name in slot.items()})
    if spec.kind == "text" and "text" not in found.columns:
        name = slot.get("text", "text")
        raise unknown(f"{path}: column '{name}' is missing", name, map(content.shown, found.columns))
    return found


def _given(path: Path, labels: pd.Series, spec: DataSpec) -> np.ndarray:
    if spec.task == "classify":
        return tabular.positions(path, tabular.names(labels), spec.classes)
    numbers = pd.to_numeric(labels, errors="coerce").to_numpy(float)
    bad = np.flatnonzero(~np.isfinite(numbers))
    if len(bad):
        raise StemmaError(f"{path}: row {bad[0] + 1}: label '{labels.iloc[bad[0]]}' is no finite number")
    return np.asarray(numbers)
