"""What a raw dataset must fulfil: checks by kind plus the catalogue's facts, as plain data."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from stemma.data import catalog
from stemma.data.entry import DatasetEntry

MIN_BALANCE = 0.05
"""Smallest number of a class, as a share of the largest class's, that counts as usable."""
MAX_LABEL_DIFFERENCE = 0.1
"""By how much a class's share may differ between train and another part."""
MAX_CHARACTERS = 20_000
MIN_BRIGHTEST = 16
"""Images of which no value exceeds this were scaled to 0..1 (or nearly so) before they became bytes."""
GARBLED = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffd]|Ã[\x80-\xbf]|â\x80|â€"
"""Control signs, replacement signs, and UTF-8 that was read as Latin-1 or Windows-1252."""


@dataclass(frozen=True)
class Check:
    """One expectation: its `name` for people, the table, Great Expectations' class and its arguments."""

    name: str
    table: str
    expectation: str
    arguments: dict[str, Any]


def expected_counts(meta: dict[str, Any]) -> dict[str, int]:
    """Examples a part as the catalogue knows them; those of a separate test source from its own entry."""
    counts = _counts(meta["use"])
    if meta["test"] is None:
        return counts
    other = _counts(meta["test"])
    test = other.get("test", other.get("train"))
    return {**{k: v for k, v in counts.items() if k != "test"}, **({"test": test} if test else {})}


def _counts(use: str) -> dict[str, int]:
    entry, source = catalog.parse(use)
    return entry.sources[source].counts if source in entry.sources else {}


def suite(entry: DatasetEntry, meta: dict[str, Any], frames: dict[str, pd.DataFrame]) -> Iterator[Check]:
    """The checks of a dataset: those of every kind, then those of its own."""
    labels = {"column": "label", "min_value": 0, "max_value": len(meta["classes"]) - 1}
    yield Check("labels within the classes", "examples", "ExpectColumnValuesToBeBetween", labels)
    yield Check("examples as the catalogue counts them", "parts", "ExpectColumnPairValuesToBeEqual",
                {"column_A": "examples", "column_B": "expected"})  # fmt: skip
    yield _at_least("every class in every part", "classes", "examples", 1)
    yield _at_least("classes balanced", "classes", "to_largest", MIN_BALANCE)
    yield _at_most("label does not tell the part", "classes", "difference", MAX_LABEL_DIFFERENCE)
    yield _at_most("few repetitions within a part", "parts", "repeated", entry.duplicates)
    yield _at_most("few repetitions across parts", "parts", "shared", entry.duplicates)
    yield Check("one label for one content", "examples", "ExpectColumnValuesToBeInSet",
                {"column": "labels", "value_set": [1], "mostly": 1 - entry.duplicates})  # fmt: skip
    yield from _images(entry, frames) if meta["kind"] == "image" else _texts(frames)


def _images(entry: DatasetEntry, frames: dict[str, pd.DataFrame]) -> Iterator[Check]:
    shape = "x".join(map(str, entry.shape)) if entry.shape else frames["parts"]["shape"][0]
    yield Check("images of one shape", "parts", "ExpectColumnValuesToBeInSet",
                {"column": "shape", "value_set": [shape]})  # fmt: skip
    yield _at_least("values use the range 0 to 255", "parts", "brightest", MIN_BRIGHTEST)
    constant = {"column": "deviation", "min_value": 0, "strict_min": True}
    yield Check("no constant image", "examples", "ExpectColumnValuesToBeBetween", constant)


def _texts(frames: dict[str, pd.DataFrame]) -> Iterator[Check]:
    text = {"column": "text"}
    yield Check("no missing text", "examples", "ExpectColumnValuesToNotBeNull", text)
    yield Check("no blank text", "examples", "ExpectColumnValuesToMatchRegex", {**text, "regex": r"\w"})
    yield _at_most("text of a sane length", "examples", "characters", MAX_CHARACTERS)
    garbled = {**text, "regex": GARBLED}
    yield Check("text in a sane encoding", "examples", "ExpectColumnValuesToNotMatchRegex", garbled)
    if frames["examples"]["group"].notna().any():
        group = {"column": "group"}
        yield Check("every text has its group", "examples", "ExpectColumnValuesToNotBeNull", group)


def _at_least(name: str, table: str, column: str, value: float) -> Check:
    return Check(name, table, "ExpectColumnValuesToBeBetween", {"column": column, "min_value": value})


def _at_most(name: str, table: str, column: str, value: float) -> Check:
    return Check(name, table, "ExpectColumnValuesToBeBetween", {"column": column, "max_value": value})
