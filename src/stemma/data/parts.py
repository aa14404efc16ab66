"""What a reader returns: canonical parts, whatever the format was; and the checks that all formats share."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stemma.errors import StemmaError

PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class Part:
    """Examples in the order of the source.

    Attributes:
        x: uint8 `[N, C, H, W]`, or N texts.
        y: int64 `[N]`, positions in the classes.
        groups: N names; examples of one group belong together and no split divides them. None: no groups.
    """

    x: np.ndarray | list[str]
    y: np.ndarray
    groups: list[str] | None = None

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True)
class Raw:
    """A dataset as read: `train` always, `validation` and `test` where the source has its own."""

    parts: dict[str, Part]
    classes: tuple[str, ...]


def check_labels(where: Path | str, labels: np.ndarray, classes: int) -> np.ndarray:
    """`labels` as int64 after a check that each lies in `0 .. classes - 1`."""
    outside = np.flatnonzero((labels < 0) | (labels >= classes))
    if len(outside):
        row = int(outside[0])
        raise StemmaError(f"{where}: label {labels[row]} of example {row} is outside the classes 0 to {classes - 1}")
    return labels.astype(np.int64)


def check_examples(where: Path | str, count: int) -> None:
    if count == 0:
        raise StemmaError(f"{where}: holds no examples")
