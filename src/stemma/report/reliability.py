"""Reliability diagrams: how often a model is right when it is so sure, before and after its temperature."""

from typing import Any

from stemma.report.chart import Axis
from stemma.report.numbers import percent, significant

Row = dict[str, Any]
SIZE, LEFT, RIGHT, TOP, BOTTOM = (190, 190), 30, 178, 8, 158
LARGEST = 6.0
"""Radius of the dot of a bin that holds every answer."""


def diagrams(rows: list[Row]) -> list[Row]:
    """What the template draws, one a row that has a temperature. Empty bins are left out."""
    return [{**row, **_diagram(row)} for row in rows if row["calibration"]]


def _diagram(row: Row) -> Row:
    found, x, y = row["calibration"], Axis(0, 1, LEFT, RIGHT), Axis(0, 1, BOTTOM, TOP)
    return {
        "before": _dots(found["bins"], x, y),
        "after": _dots(found["scaled_bins"], x, y),
        "frame": (LEFT, TOP, RIGHT, BOTTOM),
        "size": SIZE,
        "ticks": [(percent(tick, 0), x.at(tick), y.at(tick)) for tick in (0, 0.25, 0.5, 0.75, 1)],
        "told": _told(row),
    }


def _dots(bins: list[dict[str, float]], x: Axis, y: Axis) -> list[tuple[float, float, float]]:
    """Place and radius: the area of a dot is the share of the answers in its bin."""
    some = [each for each in bins if each["share"] > 0]
    radii = [round(1 + LARGEST * each["share"] ** 0.5, 2) for each in some]
    return [(x.at(each["confidence"]), y.at(each["accuracy"]), r) for each, r in zip(some, radii, strict=True)]


def _told(row: Row) -> str:
    before, after = row["calibration_error"]["mean"], row["calibration"]["scaled_error"]["mean"]
    by = row["calibration"]["temperature"]["mean"]
    leaning = "too sure of itself" if by > 1.05 else "not sure enough" if by < 0.95 else "about as sure as it should be"
    return (
        f"{leaning} (temperature {significant(by)}); "
        f"calibration error {percent(before)} points, {percent(after)} after correction"
    )
