"""Great Expectations over a raw dataset: a suite by kind plus the catalogue's facts, a report, a verdict.

The only importer of great_expectations; its telemetry is switched off before it is imported.
"""

import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from stemma.data import catalog, validation_page
from stemma.data.entry import DatasetEntry
from stemma.data.raw import load_meta, load_parts
from stemma.data.tables import tables
from stemma.errors import StemmaError
from stemma.files import write_json

MIN_BALANCE = 0.05
"""Smallest number of a class, as a share of the largest class's, that counts as usable."""
MAX_LABEL_DIFFERENCE = 0.1
"""By how much a class's share may differ between train and another part."""
MAX_CHARACTERS = 20_000
MIN_BRIGHTEST = 16
"""Images of which no value exceeds this were scaled to 0..1 (or nearly so) before they became bytes."""
GARBLED = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffd]|Ã[\x80-\xbf]|â\x80|â€"
"""Control signs, replacement signs, and UTF-8 that was read as Latin-1 or Windows-1252."""
SHOWN = 5
IDENTITY = {"examples": ["part", "row", "class"], "classes": ["part", "class"], "parts": ["part"]}

log = logging.getLogger("stemma.data")


@dataclass(frozen=True)
class Check:
    """One expectation: its `name` for people, the table, Great Expectations' class and its arguments."""

    name: str
    table: str
    expectation: str
    arguments: dict[str, Any]


def validate(raw: Path, report: Path, page: Path) -> None:
    """Check the raw folder `raw`; write `report` (JSON) and `page` (HTML) whatever the outcome.

    Raises:
        StemmaError: an expectation fails: its name, the number of violations and example rows.
    """
    meta = load_meta(raw)
    entry = catalog.CATALOG[meta["dataset"]]
    parts = load_parts(raw, meta["kind"])
    frames = tables(parts, tuple(meta["classes"]), expected_counts(meta))
    results = run(frames, list(suite(entry, meta, frames)))
    summary = {
        "dataset": f"{meta['dataset']}@{meta['source']}",
        "test": meta["test"],
        "kind": meta["kind"],
        "success": all(result["success"] for result in results),
        "parts": frames["parts"].to_dict("records"),
        "classes": frames["classes"].to_dict("records"),
        "expectations": results,
    }
    write_json(report, summary)
    validation_page.write(page, summary, parts["train"], tuple(meta["classes"]))
    failed = [result for result in results if not result["success"]]
    if failed:
        lines = "; ".join(describe(result) for result in failed)
        raise StemmaError(
            f"{raw}: {len(failed)} of {len(results)} expectations fail: {lines} (report: {page})"
        )
    log.info("%s: all %d expectations hold", summary["dataset"], len(results))


def expected_counts(meta: dict[str, Any]) -> dict[str, int]:
    """Examples a part as the catalogue knows them; those of a separate test source from its own entry."""
    counts = _counts(f"{meta['dataset']}@{meta['source']}")
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


def run(frames: dict[str, pd.DataFrame], checks: list[Check]) -> list[dict[str, Any]]:
    """The outcome of every check, in their order."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    logging.getLogger("great_expectations.data_context.types.base").setLevel(logging.WARNING)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    source = context.data_sources.add_or_update_pandas("raw")
    outcomes: dict[str, dict[str, Any]] = {}
    for table, frame in frames.items():
        batch = source.add_dataframe_asset(table).add_batch_definition_whole_dataframe("whole")
        wanted = [_expectation(check) for check in checks if check.table == table]
        suite = context.suites.add(gx.ExpectationSuite(name=table, expectations=wanted))
        definition = gx.ValidationDefinition(name=table, data=batch, suite=suite)
        form = {"result_format": "SUMMARY", "unexpected_index_column_names": IDENTITY[table]}
        ran = context.validation_definitions.add(definition).run(
            batch_parameters={"dataframe": frame}, result_format=form
        )
        found: list[dict[str, Any]] = [dict(r.to_json_dict()) for r in ran.results]
        outcomes |= {f["expectation_config"]["meta"]["name"]: f for f in found}
    return [_outcome(check, outcomes[check.name]) for check in checks]


def _expectation(check: Check) -> Any:
    import great_expectations.expectations as gxe

    known: dict[str, Any] = {
        name: getattr(gxe, name)
        for name in (
            "ExpectColumnPairValuesToBeEqual",
            "ExpectColumnValuesToBeBetween",
            "ExpectColumnValuesToBeInSet",
            "ExpectColumnValuesToMatchRegex",
            "ExpectColumnValuesToNotBeNull",
            "ExpectColumnValuesToNotMatchRegex",
        )
    }
    return known[check.expectation](**check.arguments, meta={"name": check.name})


def _outcome(check: Check, found: dict[str, Any]) -> dict[str, Any]:
    """What the report says of one check; raises if Great Expectations could not evaluate it."""
    if found["exception_info"].get("raised_exception"):
        raise StemmaError(
            f"'{check.name}' could not be evaluated: {found['exception_info']['exception_message']}"
        )
    result = found["result"]
    return {
        "name": check.name,
        "table": check.table,
        "expectation": check.expectation,
        "arguments": check.arguments,
        "success": found["success"],
        "checked": result.get("element_count", 0),
        "violations": result.get("unexpected_count", 0),
        "examples": [_row(row) for row in result.get("partial_unexpected_index_list", [])[:SHOWN]],
    }


def _row(row: dict[str, Any]) -> dict[str, Any]:
    """One violating row; what is missing in it becomes None."""
    return {key: None if pd.isna(value) else value for key, value in row.items()}


def describe(result: dict[str, Any]) -> str:
    """A failed check in a phrase: name, violations, example rows."""
    rows = ", ".join(" ".join(f"{k} {str(v)[:60]}" for k, v in row.items()) for row in result["examples"][:3])
    return f"'{result['name']}' {result['violations']} of {result['checked']:,} {result['table']}: {rows}"
