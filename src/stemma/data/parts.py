"""What a reader is asked and what it returns: canonical parts, whatever the format; checks that formats share."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from stemma.data.shards import Shards, View
from stemma.errors import StemmaError

if TYPE_CHECKING:
    from stemma.data.entry import DatasetEntry

PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class Resize:
    """Bring images to `height` x `width` by `method`: mean, max, bilinear, bicubic or lanczos."""

    height: int
    width: int
    method: str


@dataclass(frozen=True)
class Options:
    """How a slot wants its source read, on top of what the format says.

    Attributes:
        encoding: of text files whose format leaves it open; empty: the format's own.
        columns: of a table, role (`text`, `label`, `group`) -> the column's name, where it differs.
        resize: what happens to images of another size; None: they are refused.
        generate: what a generating reader takes, for example length, count and seed.
    """

    encoding: str = ""
    columns: Mapping[Any, str] = field(default_factory=dict)
    resize: Resize | None = None
    generate: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Reading:
    """What a reader is asked.

    Attributes:
        path: the one file, or the folder of the files; of no meaning where examples are generated.
        scratch: a folder for what does not fit into memory; it stays until the parts are written.
    """

    path: Path
    entry: "DatasetEntry"
    scratch: Path
    options: Options = Options()


IMAGES = (np.ndarray, Shards, View)
"""Types of `Part.x` that hold images."""


@dataclass(frozen=True)
class Part:
    """Examples in the order of the source.

    Attributes:
        x: by kind. image: uint8 `[N, C, H, W]`, an array or shards. text: N texts. table: N rows, numbers and
            booleans as such, categories as text. sequence: N lists of tokens, or N float32 arrays `[T, F]`.
        y: by task. classify: int64 `[N]`, positions in the classes. regress: float64 `[N]`. label: N lists of
            tags, as long as their sequences. transduce: N lists of tokens.
        groups: N names; examples of one group belong together and no split divides them. None: no groups,
            or an example without one.
    """

    x: Any
    y: Any
    groups: list[Any] | None = None

    def __len__(self) -> int:
        return len(self.y)

    def take(self, rows: np.ndarray) -> "Part":
        """The examples at `rows`; images stay where they are until they are read."""
        if isinstance(self.x, IMAGES):
            x: Any = View(self.x, rows)
        else:
            x = self.x.iloc[rows] if isinstance(self.x, pd.DataFrame) else [self.x[i] for i in rows]
        y = self.y[rows] if isinstance(self.y, np.ndarray) else [self.y[i] for i in rows]
        return Part(x, y, None if self.groups is None else [self.groups[i] for i in rows])


@dataclass(frozen=True)
class Raw:
    """A dataset as read: `train` always, `validation` and `test` where the source has its own.

    `classes`: names by label, tags for the task `label`, none for the other tasks.
    """

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
