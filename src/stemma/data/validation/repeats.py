"""What the pairs that `leakage.find` returns mean for examples and parts: repetitions, and labels that differ."""

from collections import Counter
from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd

from stemma.data.parts import Part

EXACT = "exact"


class Repeats:
    """Pairs of repetitions in terms of all examples, numbered through the parts in their order.

    Attributes:
        a, b: int64 `[P]`, the numbers of a pair's examples.
        exact: boolean `[P]`.
        owner: int64 `[N]`, the position of an example's part.
        content: int64 `[N]`, the number of the first example of the same content.
        y: `[N]` hashable labels, targets or target sequences.
    """

    def __init__(self, parts: dict[str, Part], pairs: pd.DataFrame) -> None:
        self.names = list(parts)
        sizes = [len(part) for part in parts.values()]
        starts = dict(zip(self.names, np.cumsum([0, *sizes]).tolist(), strict=False))
        self.a, self.b = (
            pairs[f"row_{s}"].to_numpy(np.int64) + pairs[f"part_{s}"].map(starts).to_numpy(np.int64) for s in "ab"
        )
        self.exact = (pairs["how"] == EXACT).to_numpy(bool)
        self.owner = np.repeat(np.arange(len(sizes)), sizes)
        self.content = np.arange(len(self.owner))
        self.content[self.b[self.exact]] = self.a[self.exact]
        self.y = [_hashable(value) for part in parts.values() for value in part.y]

    @property
    def across(self) -> np.ndarray:
        """Boolean `[P]`: the pair's examples are in two parts."""
        return self.owner[self.a] != self.owner[self.b]

    @property
    def differ(self) -> np.ndarray:
        """Boolean `[P]`: the pair's examples have different labels."""
        return np.array([self.y[a] != self.y[b] for a, b in zip(self.a.tolist(), self.b.tolist(), strict=True)], bool)

    def labels(self) -> np.ndarray:
        """int64 `[N]`: different labels under which an example's content occurs."""
        size = np.bincount(self.content)
        members = np.flatnonzero(size[self.content] > 1)
        kinds = {(self.content[i], self.y[i]) for i in members.tolist()}
        counts = Counter(content for content, _ in kinds)
        result = np.ones(len(self.content), np.int64)
        result[members] = [counts[content] for content in self.content[members]]
        return result

    def near_labels(self) -> np.ndarray:
        """int64 `[N]`: 2 for an example of which a near repetition has another label, else 1."""
        result = np.ones(len(self.content), np.int64)
        wrong = self.differ & ~self.exact
        result[self.a[wrong]] = result[self.b[wrong]] = 2
        return result

    def shares(self, name: str) -> dict[str, float]:
        """Of one part: repeated, shared, near, near_shared, dominant (see `tables`)."""
        mine = self.owner == self.names.index(name)
        size = max(int(mine.sum()), 1)
        distinct = len({(self.content[i], self.y[i]) for i in np.flatnonzero(mine).tolist()})
        here = np.bincount(self.content[mine], minlength=len(self.owner))
        everywhere = np.bincount(self.content, minlength=len(self.owner))
        most = int(here.max(initial=0))
        return {
            "repeated": (int(mine.sum()) - distinct) / size,
            "shared": float((everywhere > here)[self.content[mine]].sum()) / size,
            "near": self._touched(~self.exact & ~self.across, mine) / size,
            "near_shared": self._touched(~self.exact & self.across, mine) / size,
            "dominant": most / size if most > 1 else 0.0,
        }

    def _touched(self, chosen: np.ndarray, mine: np.ndarray) -> int:
        """How many of the examples `mine` are in one of the `chosen` pairs."""
        touched = np.zeros(len(self.owner), bool)
        touched[self.a[chosen]] = touched[self.b[chosen]] = True
        return int((touched & mine).sum())

    def counts(self, pairs: pd.DataFrame) -> list[dict[str, Any]]:
        """Pairs and pairs of different labels for each two parts, way and change."""
        table = pairs[["part_a", "part_b", "how", "change"]].assign(differ=self.differ)
        grouped = table.groupby(["part_a", "part_b", "how", "change"], sort=False, dropna=False)["differ"]
        found = grouped.agg(["size", "sum"]).reset_index().rename(columns={"size": "pairs", "sum": "differ"})
        return [{str(key): value for key, value in row.items()} for row in found.to_dict("records")]

    def worst(self, pairs: pd.DataFrame, count: int) -> dict[str, list[int]]:
        """Positions of pairs to look at: across parts, and of different labels; half of them exact, if it can be."""
        order = np.argsort(pairs["distance"].to_numpy(np.float64), kind="stable")
        wanted = {"across parts": self.across, "with different labels": self.differ}
        return {name: self._both(order[chosen[order]], count) for name, chosen in wanted.items()}

    def _both(self, order: np.ndarray, count: int) -> list[int]:
        exact, near = order[self.exact[order]], order[~self.exact[order]]
        half = max(count // 2, count - len(near))
        return [*exact[:half].tolist(), *near[: count - len(exact[:half])].tolist()]


def _hashable(value: Any) -> Hashable:
    return tuple(value) if isinstance(value, list) else value.item() if isinstance(value, np.generic) else value
