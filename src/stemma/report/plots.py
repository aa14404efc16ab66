"""The plots of the report: accuracy against cost, and learning curves."""

from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Any

import pandas as pd
from markupsafe import Markup
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from stemma.comparison import FAMILY_MARKERS
from stemma.report.labels import End, Point, name_ends, name_points, width
from stemma.report.svg import STYLE, family_colour, inline

SIZE = (4.8, 3.2)
Row = dict[str, Any]


def against_cost(
    rows: list[Row], costs: list[float], cost: str, show: Callable[[float], str], name: str, label: str
) -> Markup:
    """Accuracy with its interval against `costs`, one a row, on a logarithmic axis named `cost`."""
    with rc_context(STYLE):
        figure = Figure(figsize=SIZE, layout="constrained")
        axes = figure.add_subplot()
        for row, x in zip(rows, costs, strict=True):
            _point(axes, row, x)
        axes.set(xscale="log", xlabel=f"{cost} (log scale)", ylabel="test accuracy, %")
        low, high = min(costs), max(costs)
        margin = max((high / low) ** 0.12, 1.3)
        axes.set_xlim(low / margin, high * margin)
        axes.margins(y=0.12)
        _log_ticks(axes, show)
        figure.draw_without_rendering()
        name_points(axes, [_named(row, x) for row, x in zip(rows, costs, strict=True)])
    best = rows[0]
    text = f"{label}: test accuracy against {cost} of {len(rows)} experiments; the best is {best['name']}."
    return inline(figure, name, text)


def curves(frame: pd.DataFrame, rows: list[Row], column: str, axis: str, name: str, label: str) -> Markup | None:
    """`column` by epoch, a line an experiment; None where no history holds it.

    An experiment without epochs, such as a closed-form baseline, is a level dotted line.
    """
    known = frame.dropna(subset=column)
    if not len(known):
        return None
    last = max(int(known["epoch"].max()), 2)
    with rc_context(STYLE):
        figure = Figure(figsize=SIZE, layout="constrained")
        axes = figure.add_subplot()
        ends = list(_lines(axes, known, rows, column, last))
        axes.set(xlabel="epoch", ylabel=axis, xlim=(1, 1 + (last - 1) / (1 - _room(ends))))
        axes.set_xticks([tick for tick in MaxNLocator(6, integer=True).tick_values(1, last) if 1 <= tick <= last])
        figure.draw_without_rendering()
        name_ends(axes, ends)
    return inline(figure, name, f"{label}: {axis} by epoch of {len(ends)} experiments.")


def _room(ends: list[End]) -> float:
    """Share of the width that the longest name at the end of a line takes."""
    return min(0.6, 0.08 + width(max((end.name for end in ends), key=len)) / (0.86 * 72 * SIZE[0]))


def _point(axes: Axes, row: Row, x: float) -> None:
    accuracy, colour = row["accuracy"], family_colour(row["family"])
    if accuracy["interval"] == "t":
        axes.vlines(x, 100 * accuracy["lo"], 100 * accuracy["hi"], color=colour, linewidth=1.2, alpha=0.6)
    marker = FAMILY_MARKERS.get(row["family"], "o")
    axes.plot(x, 100 * accuracy["mean"], marker, color=colour, markersize=6.5)


def _named(row: Row, x: float) -> Point:
    accuracy = row["accuracy"]
    y = 100 * accuracy["mean"]
    sure = accuracy["interval"] == "t"
    return Point(row["name"], x, y, 100 * accuracy["lo"] if sure else y, 100 * accuracy["hi"] if sure else y)


def _log_ticks(axes: Axes, show: Callable[[float], str]) -> None:
    low, high = axes.get_xlim()
    steps = (1, 2, 5) if high / low < 300 else (1,)
    axes.xaxis.set_major_locator(LogLocator(subs=steps, numticks=12))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: show(value)))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _lines(axes: Axes, known: pd.DataFrame, rows: list[Row], column: str, last: int) -> Iterator[End]:
    """Draw the lines; yield where each ends."""
    styles: dict[str, Iterator[str]] = {}
    scale = 100 if column == "val_accuracy" else 1
    for row in rows:
        part = known[known["experiment"] == row["experiment"]]
        if not len(part):
            continue
        colour, values = family_colour(row["family"]), scale * part[column].to_numpy(float)
        end = last if len(part) == 1 else int(part["epoch"].iloc[-1])
        if len(part) == 1:
            axes.hlines(values[0], 1, last, color=colour, linestyle=":", linewidth=1.2)
        else:
            style = next(styles.setdefault(row["family"], cycle(["-", "--", "-."])))
            axes.plot(part["epoch"], values, style, color=colour, linewidth=1.6)
        yield End(row["name"], colour, end, float(values[-1]))
