"""Diagrams of critical differences over several datasets (Demšar, 2006), or why there is none."""

from typing import Any

from stemma.report.chart import Axis
from stemma.report.numbers import listed, p_value, significant

Row = dict[str, Any]
WIDTH, LEFT, RIGHT, TOP, STEP = 520, 150, 370, 44, 15


def diagrams(found: list[Row], names: dict[str, str], alpha: float) -> list[Row]:
    """The templates' variables, one an entry of the comparison's `across`; `names` are those of families."""
    return [
        {
            **entry,
            "drawing": entry["test"] and _drawing(entry["test"], names if entry["of"] == "family" else {}),
            "told": _told(entry, alpha),
        }
        for entry in found
    ]


def _told(entry: Row, alpha: float) -> str:
    test, datasets = entry["test"], entry["datasets"]
    if test is None:
        return f"{entry['words']}."
    lead = "Ranks differ" if test["p_value"] < alpha else "Chance could explain how ranks differ"
    told = f"{lead} on {listed(datasets)} (Friedman: p {_equals(test['p_value'])}). "
    told += f"Nemenyi's critical difference of mean ranks is {significant(test['critical_difference'])}."
    return told + (f" Not on all of them, and left out: {listed(entry['left_out'])}." if entry["left_out"] else "")


def _equals(p: float) -> str:
    shown = p_value(p)
    return shown if shown.startswith("<") else f"= {shown}"


def _drawing(test: Row, names: dict[str, str]) -> Row:
    """Ranks along a line, 1 at the left; the better half is named there, and bars join what chance could part."""
    found = test["treatments"]
    x, half, bars = Axis(1, max(len(found), 2), LEFT, RIGHT), (len(found) + 1) // 2, len(test["cliques"])
    first = TOP + 8 + 6 * bars
    rank = {each["name"]: each["mean_rank"] for each in found}
    labels = [
        {
            "name": names.get(each["name"], each["name"]),
            "family": each["name"] if each["name"] in names else "",
            "rank": significant(each["mean_rank"]),
            "x": x.at(each["mean_rank"]),
            "y": first + STEP * (place if place < half else len(found) - 1 - place),
            "left": place < half,
        }
        for place, each in enumerate(found)
    ]
    return {
        "labels": labels,
        "ticks": [(x.at(tick), str(tick)) for tick in range(1, len(found) + 1, 1 + len(found) // 13)],
        "difference": (LEFT, x.at(1 + min(test["critical_difference"], len(found) - 1))),
        "cliques": [
            (x.at(rank[alike[0]]) - 3, x.at(rank[alike[-1]]) + 3, TOP + 7 + 6 * place)
            for place, alike in enumerate(test["cliques"])
        ],
        "frame": (LEFT, TOP, RIGHT),
        "size": (WIDTH, first + STEP * half),
    }
