"""The plots of the page: shares of both samples side by side, and distributions of columns."""

import numpy as np
from markupsafe import Markup
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from stemma.drift.result import Item
from stemma.report.svg import MUTED, OTHER, RULE, STYLE, inline

WIDTH = 4.6
"""Inches."""
BINS = 40


def bars(items: tuple[Item, ...], name: str, what: str) -> Markup:
    """The share of each of `items` in the reference and the current sample, in percent."""
    with rc_context(STYLE):
        figure, axes, places = _rows(items)
        axes.barh(places - 0.19, [100 * item.reference for item in items], 0.36, color=MUTED)
        axes.barh(places + 0.19, [100 * item.current for item in items], 0.36, color=OTHER)
        axes.set_xlabel("share, %")
    return inline(figure, name, f"Shares of {what} in the reference and in the current data.")


def dots(items: tuple[Item, ...], name: str, what: str) -> Markup:
    """As `bars`, on a logarithmic scale; a share of 0 stands at the left end."""
    found = np.array([(item.reference, item.current) for item in items])
    least = found[found > 0].min() / 2
    before, after = 100 * np.maximum(found, least).T
    with rc_context(STYLE):
        figure, axes, places = _rows(items)
        axes.hlines(places, before, after, color=RULE, linewidth=3)
        axes.plot(before, places, "o", color=MUTED)
        axes.plot(after, places, "o", color=OTHER)
        axes.set(xscale="log", xlabel="share, % (log scale)")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    return inline(figure, name, f"Shares of {what} in the reference and in the current data.")


def _rows(items: tuple[Item, ...]) -> tuple[Figure, Axes, np.ndarray]:
    """A figure with a row for each item, the first on top; its axes and the rows' places."""
    figure = Figure(figsize=(WIDTH, 0.8 + 0.28 * len(items)), layout="constrained")
    axes = figure.add_subplot()
    places = np.arange(len(items))
    axes.set_yticks(places, [item.name[:24] for item in items])
    axes.set_ylim(len(items) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    return figure, axes, places


def distribution(before: np.ndarray, after: np.ndarray, name: str, what: str) -> Markup:
    """Histograms of a column, each of area 1, over the range of both samples together."""
    with rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 2.3), layout="constrained")
        axes = figure.add_subplot()
        edges = _edges(np.concatenate([before, after]))
        for values, colour, filled in ((before, MUTED, True), (after, OTHER, False)):
            _steps(axes, values, edges, colour, filled)
        axes.set(xlabel=what, ylim=(0, None))
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.xaxis.set_major_locator(MaxNLocator(6))
    return inline(figure, name, f"Distribution of {what} in the reference and in the current data.")


def _edges(values: np.ndarray) -> np.ndarray:
    """Equal bins; of few distinct values one bin each."""
    distinct = np.unique(values)
    if 1 < len(distinct) <= BINS // 2:
        middles = (distinct[1:] + distinct[:-1]) / 2
        return np.concatenate([[2 * distinct[0] - middles[0]], middles, [2 * distinct[-1] - middles[-1]]])
    return np.histogram_bin_edges(values, BINS)


def _steps(axes: Axes, values: np.ndarray, edges: np.ndarray, colour: str, filled: bool) -> None:
    heights = np.histogram(values, edges)[0] / len(values)
    if filled:
        axes.stairs(heights, edges, color=colour, alpha=0.35, fill=True)
    axes.stairs(heights, edges, color=colour, linewidth=1.6)
