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
SERIES = tuple(f"#0a00{number:02x}" for number in range(1, 10))
"""Stand-ins for lines that are no families: `--s1`, `--s2`, ...; `palette` has their colours."""
SERIES_LIGHT = (
    "#0072b2", "#c44e00", "#00805d", "#a8497f", "#5b4b8a", "#7a6200", "#666666", "#b3261e", "#00747a",
)  # fmt: skip
SERIES_DARK = (
    "#5cb8ec", "#f28a3c", "#35c79a", "#e39ac4", "#b8a8ea", "#d6bd4a", "#a9adb3", "#ff8a80", "#4fc4cc",
)  # fmt: skip
GROUND_LIGHT = {"ink": "#1a1d21", "muted": "#5c636b", "rule": "#e1e3e0", "other": "#5b4b8a"}
GROUND_DARK = {"ink": "#e8eaec", "muted": "#a2a9b1", "rule": "#31373e", "other": "#b8a8ea"}
"""As in report.css, for an SVG in a file of its own."""
VARIABLES = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    RULE: "var(--rule)",
    OTHER: "var(--other)",
    **{colour: f"var(--{family})" for family, colour in FAMILY_COLOURS.items()},
    **{colour: f"var(--s{number})" for number, colour in enumerate(SERIES, 1)},
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


def palette() -> Markup:
    """The colours of `SERIES` as a style sheet, light and dark."""
    light, dark = (
        {f"s{number}": colour for number, colour in enumerate(colours, 1)} for colours in (SERIES_LIGHT, SERIES_DARK)
    )
    return _themes(light, dark)


def standalone(svg: Markup) -> str:
    """What `inline` made, as a file of its own that follows the reader's light or dark ground."""
    series = (
        {f"s{number}": colour for number, colour in enumerate(colours, 1)} for colours in (SERIES_LIGHT, SERIES_DARK)
    )
    light, dark = ({**ground, **colours} for ground, colours in zip((GROUND_LIGHT, GROUND_DARK), series, strict=True))
    style = f"<style>{_themes(light, dark)}text {{ font-family: system-ui, sans-serif !important; }}</style>"
    head, _, rest = svg.partition(">")
    return f'{head} width="640">{style}{rest}\n'


def _themes(light: dict[str, str], dark: dict[str, str]) -> Markup:
    first, second = ("".join(f"--{name}: {colour}; " for name, colour in each.items()) for each in (light, dark))
    return Markup(f":root {{ {first}}}\n@media (prefers-color-scheme: dark) {{ :root {{ {second}}} }}\n")  # noqa: S704 - constants
