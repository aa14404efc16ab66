"""The parts of a dataset, end to end under one numbering."""

from typing import Any

import numpy as np

from stemma.data.parts import Part


class Examples:
    """Examples of several parts; number `n` of part `p`'s row `r` is `starts[p] + r`."""

    def __init__(self, parts: dict[str, Part]) -> None:
        self.names = list(parts)
        self.parts = list(parts.values())
        self.starts = np.cumsum([0, *(len(part) for part in self.parts)])
        self.classes = np.concatenate([_classes(part.y) for part in self.parts])

    def __len__(self) -> int:
        return int(self.starts[-1])

    def images(self, numbers: np.ndarray) -> np.ndarray:
        """uint8 `[N, C, H, W]`, read from the parts in ascending order of rows, and only these."""
        first: Any = self.parts[0].x
        found = np.empty((len(numbers), *first.shape[1:]), np.uint8)
        part, row = self.place(numbers)
        for p in np.unique(part):
            mine = np.flatnonzero(part == p)
            rows, back = np.unique(row[mine], return_inverse=True)
            x: Any = self.parts[p].x
            found[mine] = x[rows][back]
        return found

    def texts(self) -> list[str]:
        """All of them; missing ones are empty."""
        return [text or "" for part in self.parts for text in part.x]

    def place(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Part (its position) and row of each number."""
        part = np.searchsorted(self.starts, numbers, side="right") - 1
        return part, numbers - self.starts[part]


def _classes(y: Any) -> np.ndarray:
    """int64 `[N]`; one class for all where labels are no classes (numbers, tags)."""
    known = isinstance(y, np.ndarray) and np.issubdtype(y.dtype, np.integer)
    return y.astype(np.int64) if known else np.zeros(len(y), np.int64)
