"""Duplicates within and across the parts of a dataset: exact ones of any kind, near ones of images and texts.

What counts as near, how it is found and what it finds in well-known sets: docs/leakage.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from stemma.data.leakage.examples import Examples
from stemma.data.leakage.neighbours import NONE, Pairs
from stemma.data.leakage.thresholds import NEIGHBOURS
from stemma.data.parts import IMAGES, Part
from stemma.data.split import clusters, content_keys

__all__ = ["COLUMNS", "Found", "clusters", "describe", "find", "search"]

COLUMNS = ["part_a", "row_a", "part_b", "row_b", "how", "distance", "change"]


@dataclass(frozen=True)
class Found:
    """What a search finds.

    Attributes:
        pairs: as `find` returns them.
        neighbours: int64 `[N, 8]`, the nearest other examples of each, nearest first, of the N of all parts under
            one numbering; -1 where none was searched: of repetitions, of tables and sequences, of fewer than 9.
    """

    pairs: pd.DataFrame
    neighbours: np.ndarray


def find(parts: dict[str, Part], mirrored: bool | None = None) -> pd.DataFrame:
    """Pairs of examples that are the same or nearly.

    Args:
        parts: all of one kind; images are read in chunks.
        mirrored: whether a horizontal flip of an image is a duplicate, as it is where labels survive it. None: it
            is for colour images, and not for grey ones, which are characters more often than not.

    Returns:
        Rows `part_a, row_a, part_b, row_b, how ('exact' or 'near'), distance, change`, the first of a pair before the
        second in order of parts and rows, sorted by both. Repetitions of one content are each paired with the first,
        and only the first is searched for near duplicates, so that the pairs stay fewer than 5 N.
    """
    return search(parts, mirrored).pairs


def search(parts: dict[str, Part], mirrored: bool | None = None) -> Found:
    """The pairs of `find`, and the neighbours among which it looks for near ones."""
    examples = Examples(parts)
    keys = [key for part in parts.values() for key in content_keys(part)]
    first = _first(keys)
    repeated = np.flatnonzero(first != np.arange(len(first)))
    distinct = np.flatnonzero(first == np.arange(len(first)))
    (a, b, distance, change), rows = _near(examples, distinct, mirrored)
    neighbours = np.full((len(first), NEIGHBOURS), -1, np.int64)
    neighbours[distinct, : rows.shape[1]] = rows
    pairs = _table(
        examples,
        np.concatenate([first[repeated], a]),
        np.concatenate([repeated, b]),
        ["exact"] * len(repeated) + ["near"] * len(a),
        np.concatenate([np.zeros(len(repeated)), distance]),
        ["" for _ in repeated] + list(change),
    )
    return Found(pairs, neighbours)


def _first(keys: list[Any]) -> np.ndarray:
    """int64 `[N]`: the first example with the same key."""
    seen: dict[Any, int] = {}
    return np.array([seen.setdefault(key, number) for number, key in enumerate(keys)], np.int64)


def _near(examples: Examples, numbers: np.ndarray, mirrored: bool | None) -> tuple[Pairs, np.ndarray]:
    if all(isinstance(part.x, IMAGES) for part in examples.parts):
        from stemma.data.leakage import images

        channels = examples.parts[0].x.shape[1]
        return images.near(examples, numbers, channels == 3 if mirrored is None else mirrored)
    if _is_text(examples):
        from stemma.data.leakage import texts

        return texts.near(examples, numbers)
    return NONE, np.zeros((len(numbers), 0), np.int64)


def _is_text(examples: Examples) -> bool:
    lists = [part.x for part in examples.parts if isinstance(part.x, list)]
    return len(lists) == len(examples.parts) and all(x is None or isinstance(x, str) for one in lists for x in one)


def _table(
    examples: Examples, a: np.ndarray, b: np.ndarray, how: Sequence[str], distance: np.ndarray, change: Sequence[str]
) -> pd.DataFrame:
    order = np.lexsort((b, a))
    names = np.array(examples.names, object)
    (part_a, row_a), (part_b, row_b) = examples.place(a[order]), examples.place(b[order])
    columns = [names[part_a], row_a, names[part_b], row_b, np.array(how, object)[order], distance[order].astype(float)]
    return pd.DataFrame(dict(zip(COLUMNS, [*columns, np.array(change, object)[order]], strict=True)))


def describe(pairs: pd.DataFrame, parts: dict[str, Part]) -> dict[str, Any]:
    """Counts for the report: pairs within each part and across each two, and the share of test examples in the latter.

    Returns:
        `{"pairs": {"train": {"exact": n, "near": n}, "train, test": ...}, "test_affected": n, "test_share": share}`;
        a test example counts when pairs join it, directly or through others, to an example of another part.
    """
    found: dict[str, dict[str, int]] = {}
    for i, a in enumerate(parts):
        for b in list(parts)[i:]:
            how = pairs.loc[(pairs["part_a"] == a) & (pairs["part_b"] == b), "how"]
            found[a if a == b else f"{a}, {b}"] = {kind: int((how == kind).sum()) for kind in ("exact", "near")}
    report: dict[str, Any] = {"pairs": found}
    if "test" in parts:
        plain = {name: Part(part.x, part.y) for name, part in parts.items()}
        number = clusters(plain, pairs)
        others = np.concatenate([number[name] for name in parts if name != "test"] or [np.zeros(0, np.int64)])
        affected = int(np.isin(number["test"], others).sum())
        report |= {"test_affected": affected, "test_share": affected / max(len(parts["test"]), 1)}
    return report
