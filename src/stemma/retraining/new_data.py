"""The check before a scheduled retraining: do new data differ from those that were trained on?"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stemma import config
from stemma.errors import StemmaError
from stemma.retraining.pipeline import Pipeline


@dataclass(frozen=True)
class Found:
    """The verdict on a slot: one line, and the settings that make the new data its source; none without drift."""

    line: str
    settings: dict[str, Any]


def pairs(drift: Sequence[str]) -> dict[str, Path]:
    """`SLOT=PATH` each.

    Raises:
        StemmaError: not of that form, or no such path.
    """
    found: dict[str, Path] = {}
    for text in drift:
        slot, sign, path = text.partition("=")
        if not (slot and sign and path):
            raise StemmaError(f"--drift {text}: expected SLOT=PATH, for example text=incoming/reviews.csv")
        if not Path(path).exists():
            raise StemmaError(f"--drift {text}: no such file or folder")
        found[slot] = Path(path)
    return found


def compare(pipeline: Pipeline, slot: str, path: Path, settings: config.Config, reports: Path) -> Found:
    """Compare the new data at `path` with the prepared set of `slot`; the page lies in `reports`.

    Where nothing was prepared before there is nothing to compare with, and they count as changed.

    Args:
        path: as it is to stand in params.yaml, relative to the project or absolute.
    """
    from stemma import drift
    from stemma.data import catalog
    from stemma.data.folder import content_digest
    from stemma.drift.page import write

    chosen = settings.slot(slot)
    entry, _ = catalog.parse(chosen.use)
    catalog.parse(f"{entry.name}@{path}")
    fresh = {f"datasets.{slot}.use": f"{entry.name}@{path}", f"datasets.{slot}.digest": content_digest(path)}
    pipeline.pull(f"data/prepared/{slot}", f"data/raw/{slot}")
    reference = pipeline.commands.folder / "data/prepared" / slot
    pipeline.commands.dvc("checkout", "--force", "--allow-missing", f"data/prepared/{slot}", f"data/raw/{slot}")
    if not (reference / "spec.json").is_file():
        return Found(f"{slot}: nothing was prepared before, all data count as new", fresh)
    report = drift.compare(reference, path.resolve())
    write(report, reports)
    return Found(f"{slot}: {report.line()}", fresh if report.drift else {})
