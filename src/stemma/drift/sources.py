"""New data in the forms that they come in -> examples as they were read, labels as positions in known classes."""

from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd

from stemma.data import image, shards, store
from stemma.data.fetching import archive
from stemma.data.parts import Part, Resize
from stemma.data.raw import load_meta, load_parts
from stemma.data.readers import image_folder, table, table_of_texts, tabular
from stemma.errors import StemmaError, unknown
from stemma.spec import DataSpec


def read(path: Path, spec: DataSpec, split: str | None, labels: bool) -> Part:
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
        [Part(before_encoding(path, name, other), np.asarray(store.load_split(path, name).y)) for name in names]
    )
    return Part(part.x, _known(path, part.y, other.classes, spec) if labels else None, groups(path, part.x))


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
