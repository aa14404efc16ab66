"""Matplotlib figures as inline SVG that takes the page's colours and font."""

import re
from io import StringIO
from typing import Any

from markupsafe import Markup
from matplotlib import rc_context
from matplotlib.figure import Figure

from stemma.comparison import FAMILY_COLOURS

INK, MUTED, RULE, OTHER = "#010203", "#020304", "#030405", "#040506"
"""Stand-ins, each replaced by a variable of the style sheet."""
VARIABLES = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    RULE: "var(--rule)",
    OTHER: "var(--other)",
    **{colour: f"var(--{family})" for family, colour in FAMILY_COLOURS.items()},
}
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.minor.size": 0,
}


def family_colour(family: str) -> str:
    return FAMILY_COLOURS.get(family, OTHER)


def inline(figure: Figure, name: str, description: str) -> Markup:
    """`figure` as an `<svg>` element; its ids begin with `name`, so that many fit on a page.

    `description` is what a screen reader says instead.
    """
    text = StringIO()
    with rc_context({**STYLE, "svg.hashsalt": name}):
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = text.getvalue()
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    svg = re.sub(r'(\bid="|href="#|url\(#)', rf"\1{name}-", svg)
    svg = re.sub("#[0-9a-f]{6}", lambda match: VARIABLES.get(match[0], match[0]), svg)
    svg = re.sub(r' (width|height)="[\d.]+pt"', "", svg, count=2)
    return Markup('<svg class="plot" role="img" aria-label="{}"').format(description) + Markup(svg[4:])  # noqa: S704 - drawn by matplotlib, which escapes its texts
