"""The report as a page and as JSON: self-contained, readable offline, light and dark."""

import os
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from stemma.drift import plots
from stemma.drift.result import Evidence, Report, Test
from stemma.drift.samples import Sample
from stemma.errors import StemmaError
from stemma.files import write_json, write_text
from stemma.report.pictures import sheet

DISTRIBUTIONS = 6
"""Columns of a test that are drawn."""
SHARES = 12
"""Classes or tokens of a test that are drawn."""
IMAGES, TEXTS, ROWS, FIELDS = 48, 8, 8, 6
"""Examples of each side on the page, and the fields of a table's row."""
CHARACTERS = 400


def check_folder(folder: Path) -> None:
    """Raise unless files can be written to `folder`, which may be new."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        what = "no folder that can be written to" if there.is_dir() else "a file"
        raise StemmaError(f"report {folder}: {there} is {what}; expected a folder, existing or new")


def write(report: Report, folder: Path) -> Path:
    """Write `drift.json` and `drift.html` to `folder`; the path of the page."""
    write_json(folder / "drift.json", report.to_dict())
    environment = Environment(
        loader=PackageLoader("stemma", "drift"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    assert report.evidence is not None
    page = {
        "report": report,
        "plots": [drawn for place, test in enumerate(report.tests) for drawn in _plots(test, report.evidence, place)],
        "examples": _examples(report, report.evidence),
    }
    write_text(folder / "drift.html", environment.get_template("drift.html").render(page))
    return folder / "drift.html"


def _plots(test: Test, evidence: Evidence, place: int) -> list[dict[str, Any]]:
    """What shows the change that `test` looks at."""
    if test.name == "features":
        drawn = plots.distribution(*evidence.typical, f"t{place}", "how typical of the current data")
        return [{"title": "features", "p": test.p_value, "svg": drawn}]
    if test.items[0].name not in evidence.columns:
        draw = plots.dots if test.name == "words" else plots.bars
        drawn = draw(test.items[:SHARES], f"t{place}", test.name)
        return [{"title": test.name, "p": test.p_value, "svg": drawn}]
    return [
        {
            "title": f"{test.name}: {item.name}",
            "p": item.p_value,
            "svg": plots.distribution(*evidence.columns[item.name], f"t{place}n{number}", item.name),
        }
        for number, item in enumerate(test.items[:DISTRIBUTIONS])
    ]


def _examples(report: Report, evidence: Evidence) -> list[dict[str, Any]]:
    """The current examples most typical of the change, and the reference's that the current data lack most."""
    fields = [item.name for test in report.tests for item in test.items if test.name == "columns"][:FIELDS]
    before, after = evidence.typical
    return [
        {"title": "Most typical of the current data", **_shown(evidence.current, np.argsort(-after), fields)},
        {"title": "Most missed in the current data", **_shown(evidence.reference, np.argsort(before), fields)},
    ]


def _shown(sample: Sample, order: np.ndarray, fields: list[str]) -> dict[str, Any]:
    if sample.spec.kind == "image":
        return {"sheet": sheet(sample.x[order[:IMAGES]].transpose(0, 2, 3, 1))}
    if sample.texts is not None:
        return {"texts": [sample.texts[i][:CHARACTERS] for i in order[:TEXTS]]}
    places = [sample.spec.features.index(name) for name in fields]
    return {"fields": fields, "rows": sample.x[order[:ROWS]][:, places].tolist()}
