"""dvc.lock taken apart: a worker is given the entries that it needs, and gives back those that it made.

DVC reads and writes the whole file for every stage; where experiments are many that costs more than their results.
"""

import io
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from stemma.files import write_text

FILE = "dvc.lock"
Entries = dict[str, Any]
"""Of stages by name: digests of what each read and wrote."""


def read(project: Path) -> Entries:
    """All entries of the project's file; none if it has none."""
    from ruamel.yaml import YAML

    path = project / FILE
    return YAML(typ="safe").load(path.read_text(encoding="utf-8"))["stages"] if path.exists() else {}


def made(project: Path, stages: Collection[str]) -> Entries:
    """The project's entries of `stages`."""
    return {stage: entry for stage, entry in read(project).items() if stage in stages}


def write(project: Path, entries: Mapping[str, Any]) -> None:
    """Make the project's file of `entries`, in DVC's own format."""
    from ruamel.yaml import YAML

    yaml, text = YAML(), io.StringIO()
    yaml.default_flow_style = False
    yaml.dump({"schema": "2.0", "stages": dict(entries)}, text)
    write_text(project / FILE, text.getvalue())
