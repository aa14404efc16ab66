"""What belongs together (a group, repetitions, near duplicates), and shares held out that never divide it."""

import hashlib
from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from stemma.data.parts import IMAGES, Part
from stemma.data.shards import chunks
from stemma.data.text import tokenize
from stemma.errors import StemmaError


def content_keys(part: Part) -> list[Hashable]:
    """A key an example, equal for exact repetitions: the bytes of an image, the tokens of a text, a table's row."""
    if isinstance(part.x, IMAGES):
        return [hashlib.blake2b(x.tobytes(), digest_size=16).digest() for piece in chunks(part.x) for x in piece]
    if isinstance(part.x, pd.DataFrame):
        return list(part.x.itertuples(index=False, name=None))
    return [_content(value) for value in part.x]


def _content(value: Any) -> Hashable:
    """Of a text, a list of tokens, or an array."""
    if isinstance(value, np.ndarray):
        return value.tobytes()
    return tuple(value) if isinstance(value, list) else " ".join(tokenize(value or ""))


def clusters(parts: dict[str, Part], pairs: pd.DataFrame) -> dict[str, np.ndarray]:
    """int64 `[N]` for each part: equal numbers for examples that belong together, directly or through others.

    They do if their content is equal, if they are in one group, or if they are a pair.

    Args:
        pairs: columns part_a, row_a, part_b, row_b.

    Raises:
        StemmaError: a pair names an example that is not there.
    """
    for side in "ab":
        sizes = pairs[f"part_{side}"].map({name: len(part) for name, part in parts.items()}).astype(np.float64)
        if not (pairs[f"row_{side}"] < sizes).all():
            raise StemmaError("the pairs of duplicates are of other data; run `dvc repro validate`")
    starts = dict(zip(parts, np.cumsum([0, *map(len, parts.values())]).tolist(), strict=False))
    links = [pairs[f"row_{side}"] + pairs[f"part_{side}"].map(starts).astype(np.int64) for side in "ab"]
    keys = [("content", key) for part in parts.values() for key in content_keys(part)]
    groups = [group for part in parts.values() for group in part.groups or [None] * len(part)]
    number = _joined(len(keys), [keys, groups], np.array(links, np.int64).reshape(2, -1))
    return {name: number[starts[name] : starts[name] + len(part)] for name, part in parts.items()}


def _joined(count: int, columns: list[list[Any]], links: np.ndarray) -> np.ndarray:
    """Components of the graph of `links` `[2, L]` and of equal values in a column (None is no value)."""
    sources, targets = [links[0]], [links[1]]
    for column in columns:
        first: dict[Hashable, int] = {}
        firsts = [i if value is None else first.setdefault(value, i) for i, value in enumerate(column)]
        sources.append(np.array(firsts, np.int64))
        targets.append(np.arange(count))
    source, target = np.concatenate(sources), np.concatenate(targets)
    graph = coo_array((np.ones(len(source), np.int8), (source, target)), shape=(count, count))
    return connected_components(graph, directed=False)[1].astype(np.int64)


def held_out(y: np.ndarray, cluster: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Boolean `[N]`: whole clusters that hold about `share` of every class, at most its rounded count.

    Clusters are visited in a seeded order and taken where they still fit.
    """
    if len(y) == 0:
        return np.zeros(0, bool)
    classes = int(y.max()) + 1
    _, number = np.unique(cluster, return_inverse=True)
    counts = np.zeros((number.max() + 1, classes), np.int64)
    np.add.at(counts, (number, y), 1)
    room = np.maximum(np.rint(share * np.bincount(y, minlength=classes)), 1).astype(np.int64) * (share > 0)
    taken = np.zeros(len(counts), bool)
    for i in np.random.default_rng(seed).permutation(len(counts)):
        if not room.any():
            break
        if (counts[i] <= room).all():
            taken[i] = True
            room -= counts[i]
    return taken[number]
