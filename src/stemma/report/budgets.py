"""Which family for such data within such a budget? In words and as a table, for each ranking."""

from typing import Any

from stemma.report.numbers import count, duration, half_width, listed, value
from stemma.report.words import family_in_words
from stemma.scores import Score

Row = dict[str, Any]
KINDS = {"text": "texts", "table": "tables", "sequence": "sequences"}


def sections(group: Row, rows: list[Row], view: list[Row]) -> list[Row]:
    """The templates' variables, one a number of training examples; only where families can be compared.

    Args:
        view: the ranking's part of the comparison's `family_view`.
    """
    named = {row["experiment"]: row["name"] for row in rows}
    sizes = list(dict.fromkeys(entry["train_examples"] for entry in view))
    each = [[entry for entry in view if entry["train_examples"] == size] for size in sizes]
    return [_section(group, entries, named) for entries in each if len(entries[0]["families"]) > 1]


def _section(group: Row, entries: list[Row], named: dict[str, str]) -> Row:
    score, primary = group["scoring"].score, group["primary"]
    families = [found["family"] for found in entries[0]["families"]]
    labels = "labels" if group["task"] == "classify" else "training examples"
    return {
        "question": f"Which family for {data(entries[0])} with {entries[0]['train_examples']:,} {labels}?",
        "families": families,
        "rows": [_row(entry, families, named, primary) for entry in entries],
        "sentences": _sentences(entries, named, score, primary),
    }


def _sentences(entries: list[Row], named: dict[str, str], score: Score, primary: str) -> list[str]:
    """One an answer, behind all the budgets within which it is that."""
    limits: dict[str, list[str]] = {}
    for entry in entries:
        limits.setdefault(_answer(entry, named, score, primary), []).append(limit(entry))
    return [f"{_capital(listed(within))}: {answer}." for answer, within in limits.items()]


def data(entry: Row) -> str:
    """`grey images`, by the kind and shape of the data."""
    if entry["kind"] == "image":
        return "grey images" if entry["shape"][0] == 1 else "colour images"
    return KINDS.get(entry["kind"], str(entry["kind"]))


def limit(entry: Row) -> str:
    """The budget, as it begins a sentence or a row."""
    of, most = entry["budget"]["of"], entry["budget"]["at_most"]
    if of is None:
        return "without a limit"
    return f"up to {count(most)} parameters" if of == "parameters" else f"up to {duration(most)} of training"


def _row(entry: Row, families: list[str], named: dict[str, str], primary: str) -> Row:
    found = {each["family"]: each for each in entry["families"]}
    cells = [
        {**found[family], "name": named[found[family]["experiment"]], "score": found[family][primary]}
        if family in found
        else None
        for family in families
    ]
    return {"limit": limit(entry), "cells": cells}


def _answer(entry: Row, named: dict[str, str], score: Score, primary: str) -> str:
    if not entry["families"]:
        return "nothing was tried"
    first, *others = entry["families"]
    reached = f"{value(first[primary]['mean'], score)}{chr(160) + '%' if score.share else ''}"
    told = f"{family_in_words(first['family'])}, of which {named[first['experiment']]} reaches {reached}"
    told += f" ({half_width(first[primary], score)})"
    if not others:
        return f"only {told}"
    level = [family_in_words(each["family"]) for each in others if not each["to_first"]["beyond_chance"]]
    if not level:
        rest = "every other" if len(others) > 1 else family_in_words(others[0]["family"])
        return f"{told}, ahead of {rest} beyond chance"
    return f"{told}; chance could explain its lead over {listed(level)}"


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
