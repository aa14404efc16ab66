"""Splits: seeded, stratified by class, never dividing a cluster (a group, or repetitions of one content)."""

import hashlib
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from stemma.data.parts import IMAGES, Part
from stemma.data.shards import chunks
from stemma.data.text import tokenize


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


def clusters(keys: Sequence[Hashable], groups: Sequence[Hashable] | None) -> np.ndarray:
    """int64 `[N]`: equal numbers for examples that share a key or a group, directly or through others."""
    parent = list(range(len(keys)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for column in (keys, groups or []):
        first: dict[Hashable, int] = {}
        for i, value in enumerate(column):
            a, b = root(first.setdefault(value, i)), root(i)
            parent[max(a, b)] = min(a, b)
    return np.array([root(i) for i in range(len(keys))], np.int64)


def held_out(y: np.ndarray, cluster: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Boolean `[N]`: whole clusters that hold about `share` of every class, at most its rounded count.

    Clusters are visited in a seeded order and taken where they still fit.
    """
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
