"""Figures of a study, in the report's style: means over seeds, t-intervals as bands or bars."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from math import inf, isfinite

import numpy as np
from markupsafe import Markup
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from stemma.report.labels import End, name_ends, width
from stemma.report.svg import MUTED, SERIES, STYLE, inline
from stemma.studies.estimate import Estimate, Values, estimate

SIZE = (4.8, 3.2)
FEW = 6
"""So many places on an axis are each named."""
STYLES = ("-", "--", "-.")


@dataclass(frozen=True)
class Series:
    """A line: `values` `[S, X]`, a row a seed (NaN where a seed has none), at `x` `[X]`.

    With `beside` it goes with the line of that name: drawn in its colour, dotted and not named.
    """

    name: str
    x: Values
    values: np.ndarray
    beside: str = ""


def lines(
    series: Sequence[Series],
    x_label: str,
    y_label: str,
    name: str,
    description: str,
    log: str = "",
    level: float | None = None,
    bounds: tuple[float, float] = (-inf, inf),
) -> Markup:
    """Means over seeds with their 95 % t-intervals, each line named at its end.

    Args:
        name: begins the ids of the SVG; one a figure of a page.
        description: for those who do not see it.
        log: the logarithmic axes: `x`, `y`, `xy` or none. On a logarithmic y the means are geometric.
        level: a height to compare with, drawn as a thin line.
        bounds: the values that there can be, where y is not logarithmic.
    """
    with rc_context(STYLE):
        figure = Figure(figsize=SIZE, layout="constrained")
        axes = figure.add_subplot()
        axes.set(xlabel=x_label, ylabel=y_label, **{f"{axis}scale": "log" for axis in log})
        if level is not None:
            axes.axhline(level, color=MUTED, linewidth=0.8)
        of_seeds = partial(estimate, log="y" in log, bounds=bounds)
        ends = [_line(axes, each, *look, of_seeds) for each, look in _dressed(series)]
        ends = [end for end in ends if end.name]
        for axis in log:
            _plain(axes, axis)
        places = sorted({float(x) for each in series for x in each.x})
        _leave_room(axes, ends, "x" in log)
        if len(places) <= FEW:
            axes.set_xticks(places, [f"{place:g}" for place in places])
        elif "x" not in log and all(place.is_integer() for place in places):
            ticks = MaxNLocator(6, integer=True).tick_values(places[0], places[-1])
            axes.set_xticks([tick for tick in ticks if places[0] <= tick <= places[-1]])
        figure.draw_without_rendering()
        name_ends(axes, ends)
    return inline(figure, name, description)


def dots(
    names: Sequence[str],
    groups: Mapping[str, Sequence[Values]],
    x_label: str,
    name: str,
    description: str,
    log: bool = False,
    bounds: tuple[float, float] = (-inf, inf),
) -> Markup:
    """A row a name: of each group the seeds as small dots, their mean as a large one, the interval as a bar.

    Args:
        groups: by its name, the values of every row, one a seed; an only group is not named.
        bounds: the values that there can be.
    """
    with rc_context(STYLE):
        figure = Figure(figsize=(SIZE[0], 0.75 + 0.3 * len(names) * max(1, 0.7 * len(groups))), layout="constrained")
        axes = figure.add_subplot()
        axes.set(xlabel=x_label, **({"xscale": "log"} if log else {}))
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(len(names) - 0.5, -0.5)
        shifts = np.linspace(-0.2, 0.2, len(groups)) if len(groups) > 1 else [0.0]
        for (group, rows), shift, (colour, _) in zip(groups.items(), shifts, _looks(), strict=False):
            for place, values in enumerate(rows):
                _dot(axes, place + shift, values, estimate(values, log, bounds), colour, group if place == 0 else "")
        if log:
            _plain(axes, "x")
        if len(groups) > 1:
            axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(groups), frameon=False)
    return inline(figure, name, description)


def _looks() -> Iterator[tuple[str, str]]:
    """Colour and line style of each series in turn: a new style when the colours are used up."""
    return ((colour, style) for style in cycle(STYLES) for colour in SERIES)


def _dressed(series: Sequence[Series]) -> list[tuple[Series, tuple[str, str]]]:
    own = dict(zip([each.name for each in series if not each.beside], _looks(), strict=False))
    return [(each, (own[each.beside][0], ":") if each.beside else own[each.name]) for each in series]


def _line(axes: Axes, series: Series, colour: str, style: str, of_seeds: Callable[[np.ndarray], Estimate]) -> End:
    """Draw a line and its band; where it ends."""
    columns = [column[~np.isnan(column)] for column in series.values.T]
    known = [(x, of_seeds(column)) for x, column in zip(series.x, columns, strict=True) if len(column)]
    x = np.array([x for x, _ in known], float)
    axes.plot(x, [found.mean for _, found in known], style, color=colour, linewidth=1.6)
    sure = np.array([isfinite(found.lo) and isfinite(found.hi) for _, found in known])
    lo, hi = (np.array([getattr(found, end) for _, found in known]) for end in ("lo", "hi"))
    if sure.any():
        axes.fill_between(x[sure], lo[sure], hi[sure], color=colour, alpha=0.15, linewidth=0)
    return End(series.name, colour, x[-1], known[-1][1].mean)


def _dot(axes: Axes, y: float, values: Values, found: Estimate, colour: str, label: str) -> None:
    axes.plot(values, [y] * len(values), "o", color=colour, markersize=3, alpha=0.45, markeredgewidth=0)
    if isfinite(found.lo):
        axes.hlines(y, found.lo, found.hi, color=colour, linewidth=1.2, alpha=0.6)
    axes.plot(found.mean, y, "D", color=colour, markersize=5.5, label=label or None)


def _plain(axes: Axes, name: str) -> None:
    """Ticks of a logarithmic axis, `x` or `y`, as plain numbers: 0.01, 1e-09."""
    axis, (low, high) = (axes.xaxis, axes.get_xlim()) if name == "x" else (axes.yaxis, axes.get_ylim())
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < 300 else (1,), numticks=8))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _leave_room(axes: Axes, ends: Sequence[End], log: bool) -> None:
    """Widen the x axis by what the longest name at the end of a line takes."""
    share = min(0.6, 0.12 + max(width(end.name) for end in ends) / (0.86 * 72 * SIZE[0]))
    low, high = axes.dataLim.intervalx
    if log and high > low:
        axes.set_xlim(low, low * (high / low) ** (1 / (1 - share)))
    elif high > low:
        axes.set_xlim(low, low + (high - low) / (1 - share))
