"""The validation report as a page: self-contained, readable offline, light and dark, on a phone."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, PackageLoader, Template

from stemma.data.leakage.thresholds import NEIGHBOURS
from stemma.data.parts import Part
from stemma.data.validation import drawing, profile, samples
from stemma.data.validation.repeats import Repeats
from stemma.files import write_text

PAIRS = 8
"""Pairs shown of each sort."""
SUSPECTS = 24
"""Examples with a suspicious label shown."""
MEASURES = {
    "characters": "Characters",
    "words": "Words",
    "length": "Steps",
    "target_length": "Steps of the target",
    "target": "Target",
}
"""Columns of the table `examples` whose distribution is shown."""


def write(
    path: Path,
    summary: dict[str, Any],
    parts: dict[str, Part],
    frames: dict[str, pd.DataFrame],
    pairs: pd.DataFrame,
    repeats: Repeats,
    suspects: pd.DataFrame | None,
    classes: tuple[str, ...],
) -> None:
    """Render `summary` with distributions, repetitions and suspicious labels side by side, and some examples."""
    task = summary["task"]
    page = _template().render(
        report=summary,
        classes=_classes(summary.get("classes", []), list(parts)),
        measures=[_measure(name, frames["examples"]) for name in MEASURES if _worth_showing(name, frames, task)],
        columns=[_column(row, parts["train"]) for row in _of_train(summary)],
        repetitions=_repetitions(summary["duplicates"]),
        pairs=_pairs(parts, pairs, repeats, task, classes),
        suspects=[] if suspects is None else _suspects(parts, suspects, task, classes),
        shown=list(samples.groups(parts["train"], task, classes)),
    )
    write_text(path, page)


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("stemma.data.validation", "."), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"number": drawing.number, "rule": rule}
    return environment.get_template("page.html")


def rule(check: dict[str, Any]) -> str:
    """What a check demands, in a line.

    >>> rule({"expectation": "ExpectColumnValuesToBeBetween", "arguments": {"column": "words", "min_value": 1}})
    'words ≥ 1'
    """
    given = check["arguments"]
    column = given.get("column", "")
    values = ", ".join(map(str, given.get("value_set", [])))
    text = {
        "ExpectColumnValuesToBeBetween": lambda: _between(column, given),
        "ExpectColumnPairValuesToBeEqual": lambda: f"{given['column_A']} = {given['column_B']}",
        "ExpectColumnValuesToBeInSet": lambda: f"{column} is {values}",
        "ExpectColumnValuesToNotBeInSet": lambda: f"{column} is not {values}",
        "ExpectColumnValuesToBeNull": lambda: f"{column} is empty",
        "ExpectColumnValuesToNotBeNull": lambda: f"{column} is there",
    }[check["expectation"]]()
    return text + (f" for {100 * given['mostly']:.4g} %" if given.get("mostly", 1) < 1 else "")


def _between(column: str, given: dict[str, Any]) -> str:
    low, high = given.get("min_value"), given.get("max_value")
    if high is None:
        return f"{column} {'>' if given.get('strict_min') else '≥'} {low:.6g}"
    return f"{column} ≤ {high:.6g}" if low is None else f"{low:.6g} ≤ {column} ≤ {high:.6g}"


def _classes(rows: list[dict[str, Any]], parts: list[str]) -> list[dict[str, Any]]:
    """One row a class: its numbers by part, and their shares of the part's largest class."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        cells = found.setdefault(row["class"], {"name": row["class"], "parts": dict.fromkeys(parts, (0, 0.0))})
        cells["parts"][row["part"]] = (row["examples"], 100 * row.get("to_largest", 0.0))
    return list(found.values())


def _worth_showing(name: str, frames: dict[str, pd.DataFrame], task: str) -> bool:
    return name in frames["examples"] and not (name == "target_length" and task == "label")


def _measure(name: str, examples: pd.DataFrame) -> dict[str, Any]:
    """The distribution of a column of the table `examples` in each part, over the same bins."""
    values = examples[name].to_numpy(np.float64)
    finite = values[np.isfinite(values)]
    borders = drawing.edges(finite if len(finite) else np.zeros(1))
    rows = [
        _distribution(part, values[(examples["part"] == part).to_numpy()], borders)
        for part in examples["part"].unique()
    ]
    return {"name": MEASURES[name], "parts": rows, **_ends(borders)}


def _ends(borders: np.ndarray) -> dict[str, float]:
    """What stands below the first and the last bar; bins of whole numbers are named by these."""
    whole = (borders[1] - borders[0]) / 2 if borders[0] % 1 == 0.5 and borders[1] - borders[0] == 1 else 0.0
    return {"low": borders[0] + whole, "high": borders[-1] - whole}


def _distribution(name: str, values: np.ndarray, borders: np.ndarray) -> dict[str, Any]:
    finite = values[np.isfinite(values)]
    row: dict[str, Any] = {"part": name, "picture": drawing.histogram(finite, borders, name)}
    if len(finite):
        least, middle, most = (float(value) for value in np.quantile(finite, (0, 0.5, 1)))
        row |= {"least": least, "middle": middle, "mean": float(finite.mean()), "most": most}
    return row


def _of_train(summary: dict[str, Any]) -> list[dict[str, Any]]:
    return [row for row in summary.get("columns", []) if row["part"] == "train" and row["type"] != profile.ABSENT]


def _column(row: dict[str, Any], train: Part) -> dict[str, Any]:
    """A row of the table `columns` with its distribution in train."""
    values = train.x[row["column"]]
    missing = {"missing": int(values.isna().sum())}
    if row["type"] != "number":
        counts = values.value_counts(normalize=True)
        common = [(str(value), 100 * share) for value, share in counts.head(4).items()]
        return row | missing | {"common": common, "others": max(len(counts) - 4, 0)}
    numbers = values.to_numpy(np.float64, na_value=np.nan)
    finite = numbers[np.isfinite(numbers)]
    return (
        row
        | missing
        | ({"picture": drawing.histogram(finite, drawing.edges(finite), row["column"])} if len(finite) else {})
    )


def _repetitions(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Pairs by parts and way, with the most frequent changes."""
    if not rows:
        return []
    found = []
    for (a, b, how), group in pd.DataFrame(rows).groupby(["part_a", "part_b", "how"], sort=False):
        changes = group.sort_values("pairs", ascending=False, kind="stable")[["change", "pairs"]]
        common = [f"{change} ({pairs:,})" for change, pairs in changes.itertuples(index=False) if change]
        where = f"within {a}" if a == b else f"{a} and {b}"
        found.append(
            {"where": where, "how": how, "pairs": int(group["pairs"].sum()), "differ": int(group["differ"].sum()),
             "changes": ", ".join(common[:4]) + (", …" if len(common) > 4 else "")}
        )  # fmt: skip
    return found


def _pairs(
    parts: dict[str, Part], pairs: pd.DataFrame, repeats: Repeats, task: str, classes: tuple[str, ...]
) -> dict[str, list[dict[str, Any]]]:
    return {
        heading: [samples.pair(parts, task, classes, dict(pairs.iloc[position])) for position in positions]
        for heading, positions in repeats.worst(pairs, PAIRS).items()
        if not (task == "regress" and "label" in heading)
    }


def _suspects(
    parts: dict[str, Part], suspects: pd.DataFrame, task: str, classes: tuple[str, ...]
) -> list[dict[str, Any]]:
    """The most suspicious examples, each beside its nearest one of the label that the neighbours have."""
    shown = suspects.head(SUSPECTS)
    said = shown.assign(how=[f"{n} of {NEIGHBOURS} nearest agree" for n in shown["agree"]], change="", distance=0.0)
    return [samples.pair(parts, task, classes, {str(k): v for k, v in row.items()}) for row in said.to_dict("records")]
