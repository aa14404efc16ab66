"""Parts -> splits: seeded, stratified, no cluster in two of them; folds, fractions and few labels as settings."""

import logging
import warnings
from dataclasses import dataclass
from typing import Literal

import numpy as np

from stemma.data.parts import Part
from stemma.data.split import content_keys, held_out
from stemma.data.store import SPLITS, UNLABELLED
from stemma.errors import StemmaError
from stemma.spec import Task

BINS = 5
"""Quantiles of a regression's target that count as classes when a split is stratified."""

TOO_FEW = "too few examples or groups for test_share, validation, folds or train_fraction"

log = logging.getLogger("stemma.data")


@dataclass(frozen=True)
class Division:
    """How parts become splits.

    Attributes:
        validation: share of the training examples held out, where the source has no validation part.
        test_share: share split off as test, where the source has no test part.
        seed: of every drawing.
        folds, fold: k-fold: instead of a share, fold number `fold` of `folds` is held out, as test where
            the source has no test part, else as validation.
        duplicates: `separate`: train loses what it shares with an official part; `keep`: official parts
            stay as published.
        train_fraction: share of the training examples that is used.
        labels_per_class: so many training examples a class keep their label; the others become the split
            `unlabelled`, for pre-training. None: all.
    """

    validation: float = 0.1
    test_share: float = 0.2
    seed: int = 0
    folds: int | None = None
    fold: int = 0
    duplicates: Literal["separate", "keep"] = "separate"
    train_fraction: float = 1.0
    labels_per_class: int | None = None


def divide(
    parts: dict[str, Part], cluster: dict[str, np.ndarray], task: Task, classes: tuple[str, ...], how: Division
) -> dict[str, Part]:
    """Train, validation, test and perhaps unlabelled examples.

    Args:
        cluster: part -> int64 `[N]`; examples of one number, in whatever part, belong together.

    Raises:
        StemmaError: a split lacks a class or is empty, or there are fewer examples than asked for.
    """
    if how.folds and {"validation", "test"} <= set(parts):
        raise StemmaError(f"folds: {how.folds}, but the source has its own validation and test parts")
    rows = {name: np.arange(len(part)) for name, part in parts.items()}
    strata, left, folds = _strata(parts["train"], task), rows["train"], how.folds
    for name, share in (("test", how.test_share), ("validation", how.validation)):
        if name not in parts:
            here, there = strata[left], cluster["train"][left]
            chosen = _fold(here, there, folds, how) if folds else held_out(here, there, share, how.seed)
            rows[name], left, folds = left[chosen], left[~chosen], None
    rows["train"] = left
    if how.duplicates == "separate":
        rows["validation"] = _without(parts, rows, cluster, "validation", ("test",))
        rows["train"] = _without(parts, rows, cluster, "train", ("validation", "test"))
    rows["train"] = _fraction(rows["train"], strata, cluster["train"], how)
    splits = {name: parts[name if name in parts else "train"].take(rows[name]) for name in SPLITS}
    _check_classes(splits, task, classes)
    if how.labels_per_class is not None:
        splits |= _few_labels(splits["train"], task, classes, how.labels_per_class, how.seed)
    if how.duplicates == "separate":
        check_disjoint(splits)
        check_clusters({name: _clusters_of(parts, rows, cluster, name) for name in SPLITS})
    return splits


def _strata(part: Part, task: Task) -> np.ndarray:
    """int64 `[N]`: what is spread evenly over the splits: classes, quantiles of a number, or nothing."""
    if task == "classify":
        return part.y
    if task == "regress":
        return np.searchsorted(np.quantile(part.y, np.arange(1, BINS) / BINS), part.y)
    return np.zeros(len(part), np.int64)


def _fold(strata: np.ndarray, cluster: np.ndarray, folds: int, how: Division) -> np.ndarray:
    """Boolean `[N]`: fold `how.fold`; every example is in exactly one, clusters are whole."""
    from sklearn.model_selection import StratifiedGroupKFold

    if len(np.unique(cluster)) < folds:
        raise StemmaError(f"folds: {folds}, but only {len(np.unique(cluster))} groups or distinct examples")
    if (most := int(np.bincount(strata).max())) < folds:
        raise StemmaError(f"folds: {folds}, but no class (of numbers: no fifth of them) has more than {most} examples")
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=how.seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of small classes; a split without one is refused
        pieces = list(splitter.split(strata, strata, cluster))
    chosen = np.zeros(len(strata), bool)
    chosen[pieces[how.fold][1]] = True
    return chosen


def _clusters_of(
    parts: dict[str, Part], rows: dict[str, np.ndarray], cluster: dict[str, np.ndarray], name: str
) -> np.ndarray:
    return cluster[name if name in parts else "train"][rows[name]]


def _without(
    parts: dict[str, Part],
    rows: dict[str, np.ndarray],
    cluster: dict[str, np.ndarray],
    name: str,
    others: tuple[str, ...],
) -> np.ndarray:
    """The rows of split `name` whose clusters are in none of the `others`."""
    taken = np.concatenate([_clusters_of(parts, rows, cluster, other) for other in others])
    keep = ~np.isin(_clusters_of(parts, rows, cluster, name), taken)
    if not keep.all():
        where = " or ".join(others)
        log.info("%d examples dropped from %s: they, their like or their group are in %s", (~keep).sum(), name, where)
    return rows[name][keep]


def _fraction(rows: np.ndarray, strata: np.ndarray, cluster: np.ndarray, how: Division) -> np.ndarray:
    if how.train_fraction == 1:
        return rows
    return rows[held_out(strata[rows], cluster[rows], how.train_fraction, how.seed + 1)]


def _few_labels(train: Part, task: Task, classes: tuple[str, ...], count: int, seed: int) -> dict[str, Part]:
    """`train` with `count` examples a class, and the others as `unlabelled`, their labels -1."""
    if task != "classify":
        raise StemmaError(f"labels_per_class: is for classes, the task is {task}")
    order = np.random.default_rng(seed).permutation(len(train))
    kept = np.zeros(len(train), bool)
    for label, name in enumerate(classes):
        mine = order[train.y[order] == label]
        if len(mine) < count:
            raise StemmaError(f"labels_per_class: {count}, but class '{name}' has only {len(mine)} in train")
        kept[mine[:count]] = True
    rest = train.take(np.flatnonzero(~kept))
    unlabelled = {UNLABELLED: Part(rest.x, np.full(len(rest), -1, np.int64), rest.groups)} if len(rest) else {}
    return {"train": train.take(np.flatnonzero(kept)), **unlabelled}


def _check_classes(splits: dict[str, Part], task: Task, classes: tuple[str, ...]) -> None:
    for name, part in splits.items():
        if len(part) == 0:
            raise StemmaError(f"split '{name}' holds no example: {TOO_FEW}")
        for label in range(len(classes)) if task == "classify" else ():
            if not (part.y == label).any():
                raise StemmaError(f"split '{name}' holds no example of class {label} ('{classes[label]}'): {TOO_FEW}")


def check_disjoint(splits: dict[str, Part]) -> None:
    """Raise unless no content and no group is in two splits, whatever the clusters said."""
    seen: dict[object, str] = {}
    for name, part in splits.items():
        if name == UNLABELLED:
            continue
        for value in [*set(content_keys(part)), *{("group", g) for g in part.groups or []}]:
            if seen.setdefault(value, name) != name:
                raise StemmaError(f"splits '{seen[value]}' and '{name}' share an example or a group: {value!r}")


def check_clusters(clusters: dict[str, np.ndarray]) -> None:
    """Raise unless every cluster is in one split alone."""
    owner: dict[int, str] = {}
    for name, numbers in clusters.items():
        for number in np.unique(numbers).tolist():
            if owner.setdefault(number, name) != name:
                raise StemmaError(f"splits '{owner[number]}' and '{name}' share near duplicates (cluster {number})")
