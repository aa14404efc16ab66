"""What a packaged model that tells no classes answers with, by task: one column of a table."""

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Answer:
    """A column: its name, and whether an example has `several` numbers there, as a list, or one."""

    name: str
    several: bool = False

    def of(self, outputs: np.ndarray) -> list[Any]:
        """Rows of the column from what the model answered, `[N]` or `[N, D]`."""
        return outputs.astype(float).tolist()


ANSWERS = {
    "regress": Answer("value"),
    "reconstruct": Answer("reconstruction", several=True),
    "density": Answer("log_likelihood"),
    "map": Answer("unit"),
    "recall": Answer("pattern", several=True),
}
