"""Names beside points and lines, placed so that they cover little of each other."""

from itertools import product
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from sklearn.isotonic import isotonic_regression

from stemma.report.svg import INK

FONT = 8.5
Spot = tuple[float, float]
Box = tuple[float, float, float, float]
"""Left, bottom, right and top in pixels of the figure."""


class End(NamedTuple):
    """Where a line ends, in the units of the data."""

    name: str
    colour: str
    x: float
    y: float


def beside(spots: list[Spot], names: list[str], taken: list[Box], frame: Box) -> list[Spot]:
    """Left and middle of each name, beside its spot and where it covers least of what is `taken` or named before.

    `spots` are the first of the points, all in pixels at 72 an inch; a label outside of `frame` is a last resort.
    """
    taken, found, height = list(taken), [], 1.15 * FONT
    for (x, y), name in zip(spots, names, strict=True):
        across = width(name)
        options = [
            (x + dx * 8 + (dx - 1) / 2 * across, y + dy * (height + 1) - height / 2)
            for dx, dy in product((1, -1, 0), (0, 0.8, -0.8, 1.6, -1.6))
            if dx or abs(dy) > 0.5
        ]
        boxes = [(left, bottom, left + across, bottom + height) for left, bottom in options]
        box = min(boxes, key=lambda b: sum(_overlap(b, t) for t in taken) + _outside(b, frame))
        taken.append(box)
        found.append((round(box[0], 1), round(box[1] + height / 2, 1)))
    return found


def name_ends(axes: Axes, ends: list[End]) -> None:
    """Name the lines in a column on the right, each as near to its end as the others let it."""
    if not ends:
        return
    axes.autoscale(False)
    ends = sorted(ends, key=lambda end: end.y)
    heights = np.array([axes.transData.transform((0, end.y))[1] for end in ends])
    frame = axes.get_window_extent()
    step = _extent(axes, "x")[1] * 1.05
    placed = _apart(heights, step, frame.y0 + step / 2, frame.y1)
    right = axes.transData.transform((max(end.x for end in ends), 0))[0]
    for end, height in zip(ends, placed, strict=True):
        x, y = axes.transData.inverted().transform((right + 14, height))
        axes.plot([end.x, x], [end.y, y], color=end.colour, linewidth=0.6, alpha=0.7)
        axes.annotate(
            end.name,
            (x, y),
            xytext=(2, 0),
            textcoords="offset points",
            va="center",
            fontsize=FONT,
            color=INK,
            in_layout=False,
        )


def _apart(heights: np.ndarray, step: float, floor: float, ceiling: float) -> np.ndarray:
    """Ascending `heights` moved as little as possible, in squares, to lie `step` apart within the bounds.

    Isotonic regression of what is left of them after the steps between them are taken away.
    """
    step = min(step, (ceiling - floor) / max(len(heights) - 1, 1))
    steps = step * np.arange(len(heights))
    return isotonic_regression(heights - steps, y_min=floor, y_max=ceiling - steps[-1]) + steps


def _extent(axes: Axes, text: str) -> tuple[float, float]:
    """Rough width and height of a label, in pixels of the figure."""
    pixel = axes.figure.dpi / 72
    return width(text) * pixel, 1.15 * FONT * pixel


def width(text: str) -> float:
    """Rough width of a label, in points; the reader's own font decides."""
    return 0.56 * FONT * len(text)


def _overlap(a: Box, b: Box) -> float:
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))


def _outside(box: Box, frame: Box) -> float:
    """Pixels by which a label leaves the axes, weighed heavily."""
    left, bottom, right, top = frame
    beyond = max(left - box[0], 0) + max(box[2] - right, 0) + max(bottom - box[1], 0) + max(box[3] - top, 0)
    return 1000 * float(beyond)
