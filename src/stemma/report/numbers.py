"""Numbers as people read them."""

from math import floor, log10
from typing import Any

from markupsafe import Markup, escape

from stemma.scores import Score, half_interval

MINUS = "\u2212"
EN_DASH = "\u2013"


def percent(share: float, digits: int = 1) -> str:
    return f"{100 * share:.{digits}f}".replace("-", MINUS)


def points(difference: float) -> str:
    """A difference of two shares in percentage points, signed, with a true minus."""
    text = f"{100 * difference:+.1f}".replace("-", MINUS)
    return "0.0" if float(f"{100 * difference:.1f}") == 0 else text


def significant(number: float, digits: int = 3) -> str:
    """At least `digits` significant digits, with a true minus: 55.93 -> `55.9`, 1234.5 -> `1,234`."""
    decimals = 0 if number == 0 else min(max(0, digits - 1 - floor(log10(abs(number)))), 9)
    return f"{number:,.{decimals}f}".replace("-", MINUS)


def value(number: float, score: Score) -> str:
    """A score: shares in percent."""
    return percent(number) if score.share else significant(number, score.digits)


def gap(difference: float, score: Score) -> str:
    """A signed difference of two scores, of shares in percentage points."""
    if score.share:
        return points(difference)
    return ("+" if difference > 0 else "") + significant(difference, 2)


def count(value: float) -> str:
    """61706 -> `61.7 k`; three significant digits from a thousand on."""
    for limit, sign in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{value / limit:.3g} {sign}"
    return f"{value:,.0f}"


def size(amount: float) -> str:
    """Bytes, in powers of ten."""
    return f"{count(amount)}B" if amount >= 1000 else f"{amount:.0f} B"


def duration(seconds: float) -> str:
    if seconds >= 3600:
        return f"{seconds / 3600:.3g} h"
    if seconds >= 120:
        return f"{seconds / 60:.3g} min"
    return f"{seconds:.3g} s" if seconds >= 1 else f"{1000 * seconds:.3g} ms"


def p_value(p: float) -> str:
    if p >= 0.995:
        return "1"
    return "< 0.001" if p < 0.001 else f"{p:.2f}" if p >= 0.095 else f"{p:.2g}"


def half_width(found: dict[str, Any], score: Score) -> str:
    """Half the interval of a score, of a share in percentage points, or why there is none."""
    if found["interval"] == "none":
        return "one seed"
    if found["interval"] == "deterministic":
        return "equal seeds"
    half = half_interval(found)
    return f"\u00b1\u00a0{percent(half) if score.share else significant(half, 2)}"


def estimated(number: float, half: float) -> str:
    """`451.2 ± 0.3`, or `451.2 exact`."""
    shown = significant(number, 4)
    return f"{shown} exact" if half == 0 else f"{shown} \u00b1\u00a0{significant(half, 2)}"


def spread(lo: float, hi: float, digits: int = 1) -> str:
    return f"{100 * lo:.{digits}f}{EN_DASH}{100 * hi:.{digits}f}"


def listed(names: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def cell(text: str) -> str:
    """Text inside a Markdown table."""
    return text.replace("|", "\\|").replace("<", "&lt;")


def breakable(name: str) -> Markup:
    """`name` for HTML, which may be broken after an underscore and before an @."""
    return escape(name).replace("_", Markup("_<wbr>")).replace("@", Markup("<wbr>@"))


FILTERS = {
    "percent": percent,
    "significant": significant,
    "value": value,
    "gap": gap,
    "count": count,
    "size": size,
    "duration": duration,
    "p_value": p_value,
    "half_width": half_width,
    "cell": cell,
    "breakable": breakable,
}
