"""Raw parts -> the prepared set: splits, vocabulary and statistics from train only, memory-mapped arrays."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from stemma.data import store, text
from stemma.data.folder import replacing_folder
from stemma.data.parts import Part
from stemma.data.raw import load_meta, load_parts
from stemma.data.split import clusters, content_keys, held_out
from stemma.data.store import SPLITS, Split
from stemma.errors import StemmaError
from stemma.spec import DataSpec

log = logging.getLogger("stemma.data")


def prepare(
    raw: Path,
    out: Path,
    *,
    validation: float = 0.1,
    test_share: float = 0.2,
    seed: int = 0,
    max_length: int = 48,
    vocabulary: int = 10_000,
    min_count: int = 2,
) -> DataSpec:
    """Write the prepared set of the raw folder `raw` to `out`, which is replaced as a whole.

    Args:
        validation: share of the training examples held out, where the source has no validation part.
        test_share: share split off as test, where the source has no test part.
        seed: of the split.
        max_length, vocabulary, min_count: text: tokens kept of an example, tokens kept at most, and
            the occurrences in train that a token needs.

    Raises:
        StemmaError: a split has no examples, or content is in two of them.
    """
    meta = load_meta(raw)
    parts = split(load_parts(raw, meta["kind"]), len(meta["classes"]), validation, test_share, seed)
    check_disjoint(parts)
    spec = DataSpec(meta["dataset"], meta["source"], meta["kind"], (), tuple(meta["classes"]))
    words = None
    if meta["kind"] == "image":
        spec, splits = _images(spec, parts)
    else:
        spec, splits, words = _texts(spec, parts, max_length, vocabulary, min_count)
    with replacing_folder(out) as folder:
        spec = store.save(folder, spec, splits, words)
    log.info("%s -> %s: %s", spec.label, out, ", ".join(f"{n:,} {name}" for name, n in spec.sizes.items()))
    return spec


def split(parts: dict[str, Part], classes: int, validation: float, test_share: float, seed: int) -> dict[str, Part]:
    """Train, validation and test. Parts that the source has stay; train loses what it shares with them."""
    parts = dict(parts)
    for name, share in (("test", test_share), ("validation", validation)):
        keys = content_keys(parts["train"])
        if name not in parts:
            chosen = held_out(parts["train"].y, clusters(keys, parts["train"].groups), share, seed)
            parts[name], parts["train"] = _take(parts["train"], chosen), _take(parts["train"], ~chosen)
    parts["validation"] = _without(parts, "validation", ["test"])
    parts["train"] = _without(parts, "train", ["validation", "test"])
    for name in SPLITS:
        missing = np.flatnonzero(np.bincount(parts[name].y, minlength=classes) == 0)
        if len(missing):
            raise StemmaError(
                f"split '{name}' holds no example of class {missing[0]}: too few examples or groups for its share"
            )
    return {name: parts[name] for name in SPLITS}


def _without(parts: dict[str, Part], name: str, others: list[str]) -> Part:
    """Part `name` without the examples whose content or group is in one of the `others`."""
    part = parts[name]
    keys = {key for other in others for key in content_keys(parts[other])}
    groups = {group for other in others for group in parts[other].groups or []}
    keep = np.array([key not in keys for key in content_keys(part)], bool)
    if part.groups is not None:
        keep &= np.array([group not in groups for group in part.groups], bool)
    if not keep.all():
        where = " or ".join(others)
        log.info("%d examples dropped from %s: content or group is in %s", (~keep).sum(), name, where)
    return part if keep.all() else _take(part, keep)


def check_disjoint(parts: dict[str, Part]) -> None:
    """Raise unless no content and no group is in two splits."""
    seen: dict[Any, str] = {}
    for name, part in parts.items():
        for value in [*set(content_keys(part)), *{("group", g) for g in part.groups or []}]:
            if seen.setdefault(value, name) != name:
                raise StemmaError(f"splits '{seen[value]}' and '{name}' share an example or a group: {value!r}")


def _take(part: Part, chosen: np.ndarray) -> Part:
    rows = np.flatnonzero(chosen)
    x = part.x[rows] if isinstance(part.x, np.ndarray) else [part.x[i] for i in rows]
    return Part(x, part.y[rows], None if part.groups is None else [part.groups[i] for i in rows])


def _images(spec: DataSpec, parts: dict[str, Part]) -> tuple[DataSpec, dict[str, Split]]:
    splits = {name: Split(np.asarray(part.x), part.y) for name, part in parts.items()}
    mean, std = pixel_statistics(splits["train"].x)
    return replace(spec, shape=splits["train"].x.shape[1:], mean=mean, std=std), splits


def pixel_statistics(x: np.ndarray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Exact mean and standard deviation of each channel of uint8 `[N, C, H, W]`, scaled to [0, 1]."""
    values = np.arange(256) / 255
    means, deviations = [], []
    for channel in range(x.shape[1]):
        weights = np.bincount(x[:, channel].ravel(), minlength=256) / x[:, channel].size
        mean = float(weights @ values)
        means.append(mean)
        deviations.append(float(np.sqrt(weights @ (values - mean) ** 2)))
    return tuple(means), tuple(deviations)


def _texts(
    spec: DataSpec, parts: dict[str, Part], max_length: int, size: int, min_count: int
) -> tuple[DataSpec, dict[str, Split], list[str]]:
    tokens = {name: [text.tokenize(t) for t in part.x] for name, part in parts.items()}
    words = text.build_vocabulary(tokens["train"], size, min_count)
    splits = {}
    for name, part in parts.items():
        ids, lengths = text.encode_tokens(tokens[name], words, max_length)
        splits[name] = Split(ids, part.y, lengths, list(part.x))
    return replace(spec, shape=(max_length,), vocabulary_size=len(words)), splits, words
