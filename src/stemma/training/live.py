"""The history of a seed as it grows, for whoever watches a training: `stemma.tracking` streams it."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from stemma.training.bookmark import first_device


class Live:
    """Writes a seed's history to `path`, a JSON line a row: its fields, and `last`: its phase is the model's last.

    The file is begun anew with the rows that are there at the first call, as of a training that goes on. Of several
    devices that share a training the first one writes; it calls `watch` after each writing.

    Attributes:
        last: name of the model's last phase.
    """

    last = ""

    def __init__(self, path: Path, watch: Callable[[], None] | None = None) -> None:
        self.path, self.watch, self.told = path, watch, 0

    def tell(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add the `rows` that are new."""
        if not first_device():
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a" if self.told else "w", encoding="utf-8") as file:
            for row in rows[self.told :]:
                file.write(json.dumps({**row, "last": row["phase"] == self.last}) + "\n")
        self.told = len(rows)
        if self.watch:
            self.watch()
