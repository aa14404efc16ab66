"""What a raw dataset must fulfil: checks by kind and task plus the catalogue's facts, as plain data.

An error means that training on the data would fail or mislead; it stops the pipeline. A warning may be right
in this dataset, and somebody should look: it is logged and shown (docs/validation.md gives the reasons).
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import pandas as pd

from stemma.data import catalog
from stemma.data.entry import DatasetEntry
from stemma.data.validation.limits import Limits

Meta = dict[str, Any]
Frames = dict[str, pd.DataFrame]

LETTERS = 0.5
"""Texts of which fewer signs are letters are odd."""
SEVERAL = 2
"""Training examples that a class needs."""
PROPORTION = 5
"""Targets more than so many times longer or shorter, against their sources, than is usual are odd."""


@dataclass(frozen=True)
class Check:
    """One expectation.

    Attributes:
        name: for people.
        table: which of the tables it looks at.
        expectation: Great Expectations' class.
        arguments: of that class.
        severity: an error stops the pipeline.
        limit: the field of `Limits` that moves it; empty if none does.
        hint: what to do about it, where the data say that.
    """

    name: str
    table: str
    expectation: str
    arguments: dict[str, Any]
    severity: Literal["error", "warning"] = "error"
    limit: str = ""
    hint: str = ""


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


def effective(limits: Limits, entry: DatasetEntry) -> Limits:
    """`limits` with the catalogue's word where they leave it open."""
    return replace(limits, duplicates=entry.duplicates) if limits.duplicates is None else limits


def suite(entry: DatasetEntry, meta: Meta, frames: Frames, limits: Limits) -> Iterator[Check]:
    """The checks of a dataset: those of every kind, of its task, of its kind, and the catalogue's facts."""
    limit = _Limited(effective(limits, entry))
    yield Check("examples as the catalogue counts them", "parts", "ExpectColumnPairValuesToBeEqual",
                {"column_A": "examples", "column_B": "expected"})  # fmt: skip
    yield from _repetitions(limit, meta["task"])
    yield from {"classify": _classified, "regress": _regressed, "label": _labelled, "transduce": _transduced}[
        meta["task"]
    ](entry, meta, frames, limit)
    yield from {"image": _images, "text": _texts, "table": _tables, "sequence": _sequences}[meta["kind"]](
        entry, meta, frames, limit
    )
    if "group" in frames["examples"]:
        yield _present("every example has its group", "group", "warning")
        yield _at_most("no group in two parts", "parts", "groups_shared", 0, "warning")


class _Limited:
    """Checks against a field of the limits."""

    def __init__(self, limits: Limits) -> None:
        self.values = asdict(limits)

    def at_most(self, name: str, table: str, column: str, limit: str, severity: Any = "error") -> Check:
        return replace(_at_most(name, table, column, self.values[limit], severity), limit=limit)

    def at_least(self, name: str, table: str, column: str, limit: str, severity: Any = "error") -> Check:
        return replace(_at_least(name, table, column, self.values[limit], severity), limit=limit)

    def mostly(self, check: Check, limit: str) -> Check:
        """`check`, which a share of `limit` may fail."""
        return replace(check, arguments={**check.arguments, "mostly": 1 - self.values[limit]}, limit=limit)


def _repetitions(limit: _Limited, task: str) -> Iterator[Check]:
    yield limit.at_most("few repetitions within a part", "parts", "repeated", "duplicates")
    yield limit.at_most("few repetitions across parts", "parts", "shared", "duplicates")
    yield limit.at_most("few near repetitions within a part", "parts", "near", "near", "warning")
    yield limit.at_most("few near repetitions across parts", "parts", "near_shared", "near", "warning")
    yield limit.at_most("no content dominates", "parts", "dominant", "dominant", "warning")
    severity = "error" if task in ("classify", "label") else "warning"
    yield limit.mostly(_one_of("one label for one content", "examples", "labels", [1], severity), "duplicates")
    if task in ("classify", "label"):
        near = _one_of("one label for near repetitions", "examples", "near_labels", [1], "warning")
        yield limit.mostly(near, "near")


def _classified(entry: DatasetEntry, meta: Meta, frames: Frames, limit: _Limited) -> Iterator[Check]:
    labels = {"column": "label", "min_value": 0, "max_value": len(meta["classes"]) - 1}
    yield Check("labels within the classes", "examples", "ExpectColumnValuesToBeBetween", labels)
    yield from _facts(entry)
    yield _at_least("every class in every part", "classes", "examples", 1)
    several = _at_least("every class has several examples", "classes", "in_train", SEVERAL)
    yield replace(several, hint=_hint(meta, frames["parts"]["examples"][0]))
    if "suspected" in frames["examples"]:
        agreed = replace(_absent("labels agree with those of near examples", "suspected"), severity="warning")
        yield limit.mostly(agreed, "suspicious")
    yield limit.at_least("classes balanced", "classes", "to_largest", "balance")
    yield limit.at_most("label does not tell the part", "classes", "difference", "label_difference", "warning")


def _hint(meta: Meta, in_train: int) -> str:
    """Numbers in a table of which nearly every training example has one of its own are no classes."""
    classes = meta["classes"]
    if meta["kind"] != "table" or 2 * len(classes) <= in_train or not all(map(_is_number, classes)):
        return ""
    return f"the labels are numbers, {len(classes)} different ones: to predict a number use regression@..."


def _is_number(text: str) -> bool:
    return text.strip().removeprefix("-").replace(".", "", 1).isdecimal()


def _facts(entry: DatasetEntry) -> Iterator[Check]:
    if entry.classes is not None:
        yield _one_of("classes as the catalogue names them", "classes", "class", list(entry.classes))


def _regressed(entry: DatasetEntry, meta: Meta, frames: Frames, limit: _Limited) -> Iterator[Check]:
    yield _absent("every target is a finite number", "bad_target")
    yield _at_least("targets differ", "parts", "targets", 2)
    yield limit.at_most("targets within the range of train", "examples", "target_beyond", "target_beyond", "warning")


def _labelled(entry: DatasetEntry, meta: Meta, frames: Frames, limit: _Limited) -> Iterator[Check]:
    yield Check("a tag for every token", "examples", "ExpectColumnPairValuesToBeEqual",
                {"column_A": "length", "column_B": "target_length"})  # fmt: skip
    yield _absent("tags within the classes", "unknown_tag")
    yield from _facts(entry)
    yield _at_least("every tag in every part", "classes", "examples", 1, "warning")
    yield limit.at_most("label does not tell the part", "classes", "difference", "label_difference", "warning")


def _transduced(entry: DatasetEntry, meta: Meta, frames: Frames, limit: _Limited) -> Iterator[Check]:
    yield _at_least("no empty target", "examples", "target_length", 1)
    yield limit.at_most("target of a sane length", "examples", "target_length", "max_steps")
    even = Check("target lengths in proportion", "examples", "ExpectColumnValuesToBeBetween",
                 {"column": "proportion", "min_value": 1 / PROPORTION, "max_value": PROPORTION}, "warning")  # fmt: skip
    yield limit.mostly(even, "odd")
    yield limit.at_most("target tokens known from train", "parts", "unknown_targets", "unknown_targets", "warning")


def _images(entry: DatasetEntry, meta: Meta, frames: Frames, limit: _Limited) -> Iterator[Check]:
    yield _one_of("images of one shape", "parts", "shape", [_shape(entry, meta, frames["parts"]["shape"][0])])
    yield limit.at_least("values use the range 0 to 255", "parts", "brightest", "brightest")
    constant = {"column": "deviation", "min_value": 0, "strict_min": True}
    yield limit.mostly(Check("no constant image", "examples", "ExpectColumnValuesToBeBetween", constant), "faulty")
    if "coloured" in frames["parts"]:
        yield _one_of("colour images have colour", "parts", "coloured", [True], "warning")


def _shape(entry: DatasetEntry, meta: Meta, of_train: str) -> str:
    """What every image is expected to be: the catalogue's shape, in the size that the slot asks for, else train's."""
    if entry.shape is None:
        return of_train
    size = meta.get("size") or of_train.split("x")[1:] if meta.get("resize") else entry.shape[1:]
    return "x".join(map(str, (entry.shape[0], *size)))


def _texts(entry: DatasetEntry, meta: Meta, frames: Frames, limit: _Limited) -> Iterator[Check]:
    yield _present("no missing text", "text")
    yield limit.mostly(_at_least("no blank text", "examples", "words", 1), "faulty")
    yield limit.at_most("text of a sane length", "examples", "characters", "max_characters")
    yield limit.mostly(_absent("text in a sane encoding", "garbled"), "faulty")
    yield replace(_absent("no stray control signs", "stray"), severity="warning")
    several = Check("few texts of a single word", "examples", "ExpectColumnValuesToNotBeInSet",
                    {"column": "words", "value_set": [1]}, "warning")  # fmt: skip
    yield limit.mostly(several, "odd")
    yield limit.mostly(_at_least("texts are mostly letters", "examples", "letters", LETTERS, "warning"), "odd")
    yield limit.at_most("texts not cut within a word", "parts", "cut", "cut", "warning")
    yield limit.at_most("words known from train", "parts", "unknown", "unknown", "warning")


def _sequences(entry: DatasetEntry, meta: Meta, frames: Frames, limit: _Limited) -> Iterator[Check]:
    yield _at_least("no empty sequence", "examples", "length", 1)
    yield limit.at_most("sequence of a sane length", "examples", "length", "max_steps")
    several = Check("few sequences of a single step", "examples", "ExpectColumnValuesToNotBeInSet",
                    {"column": "length", "value_set": [1]}, "warning")  # fmt: skip
    yield limit.mostly(several, "odd")
    yield _one_of("steps of one form", "examples", "form", [frames["examples"]["form"][0]])
    yield _absent("every step holds finite numbers, or a token", "bad_step")
    yield limit.at_most("tokens known from train", "parts", "unknown", "unknown", "warning")


def _tables(entry: DatasetEntry, meta: Meta, frames: Frames, limit: _Limited) -> Iterator[Check]:
    yield _absent("no missing cell", "missing")
    yield _absent("finite numbers", "infinite")
    yield Check("same columns and types in all parts", "columns", "ExpectColumnPairValuesToBeEqual",
                {"column_A": "type", "column_B": "type_in_train"})  # fmt: skip
    yield _one_of("no column tells the label", "columns", "tells", [False])
    yield _one_of("no constant column", "columns", "constant", [False], "warning")
    yield limit.at_most("numbers on one scale", "columns", "gap", "gap", "warning")
    yield limit.at_most("categories known from train", "columns", "unknown", "unknown_categories", "warning")
    yield limit.at_most("no category names a single row", "columns", "distinct_share", "distinct", "warning")


def _at_least(name: str, table: str, column: str, value: float, severity: Any = "error") -> Check:
    arguments = {"column": column, "min_value": value}
    return Check(name, table, "ExpectColumnValuesToBeBetween", arguments, severity)


def _at_most(name: str, table: str, column: str, value: float, severity: Any = "error") -> Check:
    arguments = {"column": column, "max_value": value}
    return Check(name, table, "ExpectColumnValuesToBeBetween", arguments, severity)


def _one_of(name: str, table: str, column: str, values: list[Any], severity: Any = "error") -> Check:
    return Check(name, table, "ExpectColumnValuesToBeInSet", {"column": column, "value_set": values}, severity)


def _present(name: str, column: str, severity: Any = "error") -> Check:
    return Check(name, "examples", "ExpectColumnValuesToNotBeNull", {"column": column}, severity)


def _absent(name: str, column: str) -> Check:
    """No example has a value in the column, which says what is wrong."""
    return Check(name, "examples", "ExpectColumnValuesToBeNull", {"column": column})
