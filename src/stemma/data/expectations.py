"""Great Expectations over a raw dataset: a suite by kind plus the catalogue's facts, a report, a verdict.

The only importer of great_expectations; its telemetry is switched off before it is imported.
"""

import logging
import os
from pathlib import Path
from typing import Any

import pandas as pd

from stemma.data import catalog, validation_page
from stemma.data.raw import load_meta, load_parts
from stemma.data.suite import Check, expected_counts, suite
from stemma.data.tables import tables
from stemma.errors import StemmaError
from stemma.files import write_json

SHOWN = 5
IDENTITY = {"examples": ["part", "row", "class"], "classes": ["part", "class"], "parts": ["part"]}

log = logging.getLogger("stemma.data")


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
        raise StemmaError(f"{raw}: {len(failed)} of {len(results)} expectations fail: {lines} (report: {page})")
    log.info("%s: all %d expectations hold", summary["dataset"], len(results))


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
        added = context.suites.add(gx.ExpectationSuite(name=table, expectations=wanted))
        definition = gx.ValidationDefinition(name=table, data=batch, suite=added)
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
        raise StemmaError(f"'{check.name}' could not be evaluated: {found['exception_info']['exception_message']}")
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
    """One violating row; what is missing in it becomes None, numbers are rounded."""
    return {k: None if pd.isna(v) else round(v, 4) if isinstance(v, float) else v for k, v in row.items()}


def describe(result: dict[str, Any]) -> str:
    """A failed check in a phrase: name, violations, example rows."""
    rows = ", ".join(" ".join(f"{k} {str(v)[:60]}" for k, v in row.items()) for row in result["examples"][:3])
    return f"'{result['name']}' {result['violations']} of {result['checked']:,} {result['table']}: {rows}"
