"""The primary score against what it costs: one chart, a view a cost, with the Pareto front of each."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from stemma.report import numbers
from stemma.report.chart import Axis, around
from stemma.report.labels import Box, beside
from stemma.report.plots import NAMED
from stemma.scores import Score

Row = dict[str, Any]
WIDTH, HEIGHT = 346, 250
"""Of the drawing, 72 an inch, as those that matplotlib draws."""
LEAST = 1e-6
"""Shortest time of a logarithmic axis, in its unit."""
LEFT, RIGHT, TOP, BOTTOM = 34, 340, 30, 212


@dataclass(frozen=True)
class Cost:
    """One kind of cost.

    Attributes:
        of: a row -> the cost, None where it is not known.
        show: the cost as it is read.
        title: of the axis.
        unit: behind the cost within a sentence.
    """

    of: Callable[[Row], float | None]
    show: Callable[[float], str]
    title: str
    unit: str = ""


def _mean(name: str) -> Callable[[Row], float]:
    return lambda row: max(float(row[name]["mean"]), LEAST)


def milliseconds(value: float) -> str:
    return numbers.duration(value / 1000)


COSTS: dict[str, Cost] = {
    "parameters": Cost(lambda row: max(row["parameters"], 1), numbers.count, "parameters", " parameters"),
    "multiply_adds": Cost(lambda row: row["multiply_adds"], numbers.count, "multiply-adds", " multiply-adds"),
    "train_seconds": Cost(_mean("train_seconds"), numbers.duration, "training time", " of training"),
    "predict_ms": Cost(_mean("predict_ms"), milliseconds, "prediction time, one of 256", " a prediction"),
    "predict_ms_alone": Cost(_mean("predict_ms_alone"), milliseconds, "prediction time, one alone", " a prediction"),
    "model_bytes": Cost(lambda row: max(row["model_bytes"], 1), numbers.size, "model size"),
}
"""By the name of the field, in the order of the choice."""


def cost_chart(rows: list[Row], score: Score, name: str) -> dict[str, Any]:
    """What the template draws of a ranking's `rows`, the best first; `name` begins its ids."""
    scale = 100 if score.share else 1
    y = around([scale * end for row in rows for end in _ends(row)], BOTTOM, TOP + 4)
    views = [_view(rows, key, cost, y, score) for key, cost in COSTS.items()]
    return {
        "name": name,
        "many": len(rows),
        "size": (WIDTH, HEIGHT),
        "frame": (LEFT, TOP, RIGHT, BOTTOM),
        "title": f"test {score.noun}{', %' if score.share else ''}",
        "ticks": [(y.at(tick), numbers.significant(tick, 2 if score.share else 3)) for tick in y.ticks()],
        "views": [view for view in views if view["points"]],
    }


def front(rows: list[Row], cost: Cost, score: Score) -> list[Row]:
    """Those that nothing beats at the same cost or less (Pareto), the cheapest first; what equals one is not.

    What started from another experiment's models had the work of both and has no part.
    """
    own = [row for row in rows if not row["start"] and cost.of(row) is not None]
    sign, found = (-1 if score.higher else 1), list[Row]()
    for row in sorted(own, key=lambda row: (cost.of(row), sign * row["score"]["mean"])):
        if not found or sign * row["score"]["mean"] < sign * found[-1]["score"]["mean"]:
            found.append(row)
    return found


def _view(rows: list[Row], key: str, cost: Cost, y: Axis, score: Score) -> dict[str, Any]:
    """One cost: ticks, points from the cheapest on, the names of the best and the front."""
    known = [row for row in rows if cost.of(row) is not None]
    told = {"key": key, "title": cost.title, "points": [], "unknown": [row["name"] for row in rows if row not in known]}
    if not known:
        return told
    scale = 100 if score.share else 1
    x = around([_of(cost, row) for row in known], LEFT, RIGHT, log=True)

    def spot(row: Row) -> tuple[float, float]:
        return x.at(_of(cost, row)), y.at(scale * row["score"]["mean"])

    best = front(known, cost, score)
    line, points = _staircase([spot(row) for row in best]), [_point(row, spot(row), cost, y, score) for row in known]
    marks = [(p["x"] - 5, p["y"] - 5, p["x"] + 5, p["y"] + 5) for p in points]
    lines = [(p["x"] - 1, p["hi"], p["x"] + 1, p["lo"]) for p in points] + _strokes(line)
    first = known[:NAMED]
    frame = (LEFT, TOP, RIGHT, BOTTOM)
    places = beside([spot(row) for row in first], [row["name"] for row in first], marks + lines, frame)
    for point, place in zip(points, places, strict=False):
        point["label"] = place
    return {
        **told,
        "ticks": [(x.at(tick), cost.show(tick)) for tick in x.ticks()],
        "points": sorted(points, key=lambda point: point["x"]),
        "front": line,
        "words": numbers.listed([f"{row['name']} ({cost.show(_of(cost, row))})" for row in best]),
    }


def _of(cost: Cost, row: Row) -> float:
    value = cost.of(row)
    assert value is not None
    return value


def _point(row: Row, spot: tuple[float, float], cost: Cost, y: Axis, score: Score) -> dict[str, Any]:
    lo, hi = (y.at((100 if score.share else 1) * end) for end in _ends(row))
    return {
        "row": row,
        "x": spot[0],
        "y": spot[1],
        "lo": max(lo, hi),
        "hi": min(lo, hi),
        "label": None,
        "cost": f"{cost.show(_of(cost, row))}{cost.unit}",
    }


def _ends(row: Row) -> tuple[float, float]:
    """Of the interval over seeds; the mean where there is none."""
    found = row["score"]
    return (found["lo"], found["hi"]) if found["interval"] == "t" else (found["mean"], found["mean"])


def _staircase(steps: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Level until the next step, and on to the right edge."""
    if not steps:
        return []
    corners = [(after[0], before[1]) for before, after in pairwise(steps)]
    return [point for pair in zip(steps, [*corners, (RIGHT, steps[-1][1])], strict=True) for point in pair]


def _strokes(line: list[tuple[float, float]]) -> list[Box]:
    """What a line of level and upright parts covers."""
    return [
        (min(x, to_x) - 1, min(y, to_y) - 1, max(x, to_x) + 1, max(y, to_y) + 1)
        for (x, y), (to_x, to_y) in pairwise(line)
    ]
