"""A dataset's section on test examples as they may come: noise, blur, shift, lost words. Sentences and a table."""

from typing import Any

from stemma.report.numbers import listed
from stemma.report.words import distance
from stemma.scores import Score

Row = dict[str, Any]
STRENGTHS = {
    ("noise", "image"): "noise, its standard deviation as a share of a pixel's range",
    ("noise", "table"): "noise, its standard deviation in a column's unit as scaled",
    ("blur", "image"): "blur, its standard deviation in pixels",
    ("shift", "image"): "shift along both axes, in pixels",
    ("drop", "text"): "share of the words that are lost",
}
"""What a number behind a kind of corruption is, by kind of data."""
DARKEST = 0.5
"""Share of the score's range whose loss is drawn darkest."""


def section(group: Row, rows: list[Row]) -> Row | None:
    """The templates' variables; None where nothing was corrupted. `rows` are the dataset's, the best first."""
    tried = [row for row in rows if row["corruption"]]
    if not tried:
        return None
    columns = list(dict.fromkeys(key for row in tried for key in _points(row)))
    kinds = list(dict.fromkeys(kind for kind, _ in columns if kind != "none"))
    score = group["scoring"].score
    return {
        "examples": listed(sorted({str(row["corruption"]["examples"]) for row in tried})),
        "units": listed([STRENGTHS.get((kind, group["kind"]), kind) for kind in kinds]),
        "columns": [f"{kind} {strength:g}" if strength else "as they are" for kind, strength in columns],
        "rows": [{**row, "cells": [_cell(row, key, score) for key in columns]} for row in tried],
        "sentences": [_sentence(tried, kind, score) for kind in kinds if len(tried) > 1],
    }


def _points(row: Row) -> dict[tuple[str, float], Row]:
    return {(point["kind"], point["strength"]): point for point in row["corruption"]["points"]}


def _lost(row: Row, key: tuple[str, float], score: Score) -> float:
    """How much worse the mean score is there."""
    points = _points(row)
    change = points[key]["mean"] - points["none", 0.0]["mean"]
    return float(-change if score.higher else change)


def _cell(row: Row, key: tuple[str, float], score: Score) -> tuple[float, float] | None:
    """The mean score, and how dark its cell is, of 1; None where it was not tried."""
    points = _points(row)
    if key not in points:
        return None
    whole = DARKEST if score.share else max(abs(points["none", 0.0]["mean"]), 1e-12)
    return points[key]["mean"], round(min(max(_lost(row, key, score) / whole, 0), 1), 2)


def _sentence(rows: list[Row], kind: str, score: Score) -> str:
    """Who loses least and who most by the least strength of a kind that all have in common."""
    common = set.intersection(*({strength for name, strength in _points(row) if name == kind} for row in rows))
    if not common:
        return ""
    key = kind, min(common)
    least, *_, most = sorted(rows, key=lambda row: _lost(row, key, score))
    told = [_amount(_lost(row, key, score), score) for row in (least, most)]
    if told[0] == told[1]:
        return f"By {kind} {key[1]:g} each of the {len(rows)} experiments loses {told[0]}."
    return f"By {kind} {key[1]:g} {least['name']} loses least, {told[0]}; {most['name']} most, {told[1]}."


def _amount(lost: float, score: Score) -> str:
    return distance(lost, score) if lost > 0 else "nothing"
