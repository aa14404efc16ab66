"""Great Expectations over a raw dataset: a suite by kind and task plus the catalogue's facts, a report, a verdict.

The only importer of great_expectations; its telemetry is switched off before it is imported.
"""

import logging
import math
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from stemma.data import catalog, leakage
from stemma.data.parts import IMAGES, Part
from stemma.data.raw import load_meta, load_parts
from stemma.data.validation.labels import suspicious
from stemma.data.validation.limits import Limits
from stemma.data.validation.page import write as write_page
from stemma.data.validation.repeats import Repeats
from stemma.data.validation.suite import Check, effective, expected_counts, suite
from stemma.data.validation.tables import tables
from stemma.errors import StemmaError
from stemma.files import replacing, write_json

SHOWN = 5
IDENTITY = ["part", "row", "column", "class"]
"""Columns that say which row of a table is meant, where the table has them."""

USUAL = Limits()

log = logging.getLogger("stemma.data")


def validate(
    raw: Path,
    report: Path,
    page: Path,
    duplicates: Path,
    limits: Limits = USUAL,
    mirrored: bool | None = None,
) -> None:
    """Check the raw folder `raw`; write what is found whatever the outcome.

    Args:
        report: JSON for machines, page: HTML for people (docs/validation.md describes both).
        duplicates: Parquet of the pairs that `leakage.find` returns, for the stage `preprocess`.
        mirrored: whether an image and its mirror image are near duplicates; None: colour images are.

    Raises:
        StemmaError: an expectation that is no mere warning fails: its name, the number of violations and
            example rows.
    """
    meta = load_meta(raw)
    entry = catalog.CATALOG[meta["dataset"]]
    parts = load_parts(raw, meta["kind"])
    comparable = _comparable(parts)
    found = leakage.search(comparable, mirrored)
    pairs = found.pairs
    _write_pairs(duplicates, pairs)
    repeats = Repeats(parts, pairs)
    searched = meta["task"] == "classify" and bool((found.neighbours >= 0).all(axis=1).any())
    suspects = suspicious(comparable, found.neighbours) if searched else None
    frames = tables(parts, meta, expected_counts(meta), repeats, suspects)
    results = run(frames, list(suite(entry, meta, frames, limits)))
    summary = summarise(meta, frames, results) | {
        "limits": asdict(effective(limits, entry)),
        "duplicates": repeats.counts(pairs),
        "leakage": leakage.describe(pairs, comparable),
    }
    write_json(report, summary)
    write_page(page, summary, parts, frames, pairs, repeats, suspects, tuple(meta["classes"]))
    _judge(raw, page, summary)


def _comparable(parts: dict[str, Part]) -> dict[str, Part]:
    """Parts whose images, if they are images, have the shape of train's; the others fail an expectation anyway."""
    if not isinstance(parts["train"].x, IMAGES):
        return parts
    return {name: part for name, part in parts.items() if part.x.shape[1:] == parts["train"].x.shape[1:]}


def _write_pairs(path: Path, pairs: pd.DataFrame) -> None:
    with replacing(path) as temporary:
        pairs.to_parquet(temporary, index=False)


def summarise(meta: dict[str, Any], frames: dict[str, pd.DataFrame], results: list[dict[str, Any]]) -> dict[str, Any]:
    """What the report says of the dataset, its expectations and its tables, `examples` apart."""
    failed = [result for result in results if not result["success"]]
    return {
        "dataset": f"{meta['dataset']}@{meta['source']}",
        "test": meta["test"],
        "kind": meta["kind"],
        "task": meta["task"],
        "success": all(result["severity"] == "warning" for result in failed),
        "errors": [result["name"] for result in failed if result["severity"] == "error"],
        "warnings": [result["name"] for result in failed if result["severity"] == "warning"],
        "expectations": results,
        **{name: records(frames[name]) for name in ("parts", "classes", "columns") if name in frames},
    }


def _judge(raw: Path, page: Path, summary: dict[str, Any]) -> None:
    """Log the verdict, or raise it."""
    results = summary["expectations"]
    errors, warnings = (
        [r for r in results if not r["success"] and r["severity"] == severity] for severity in ("error", "warning")
    )
    if warnings:
        said = "; ".join(describe(result) for result in warnings)
        log.warning("%s: %d of %d expectations warn: %s (report: %s)", raw, len(warnings), len(results), said, page)
    if errors:
        said = "; ".join(describe(result) for result in errors)
        raise StemmaError(f"{raw}: {len(errors)} of {len(results)} expectations fail: {said} (report: {page})")
    log.info("%s: %d of %d expectations hold", summary["dataset"], len(results) - len(warnings), len(results))


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
        whole = source.add_dataframe_asset(table).add_batch_definition_whole_dataframe("whole")
        wanted = [_expectation(check) for check in checks if check.table == table]
        identity = [column for column in IDENTITY if column in frame]
        form = {"result_format": "SUMMARY", "unexpected_index_column_names": identity}
        demanded = gx.ExpectationSuite(name=table, expectations=wanted)
        ran = whole.get_batch({"dataframe": frame}).validate(demanded, result_format=form)
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
            "ExpectColumnValuesToBeNull",
            "ExpectColumnValuesToNotBeInSet",
            "ExpectColumnValuesToNotBeNull",
        )
    }
    return known[check.expectation](**check.arguments, meta={"name": check.name})


def _outcome(check: Check, found: dict[str, Any]) -> dict[str, Any]:
    """What the report says of one check; raises if Great Expectations could not evaluate it."""
    if found["exception_info"].get("raised_exception"):
        raise StemmaError(f"'{check.name}' could not be evaluated: {found['exception_info']['exception_message']}")
    result = found["result"]
    return {
        **asdict(check),
        "success": found["success"],
        "checked": result.get("element_count", 0),
        "violations": result.get("unexpected_count", 0),
        "examples": [_plain(row) for row in result.get("partial_unexpected_index_list", [])[:SHOWN]],
    }


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table as JSON can hold them; what is missing is left out."""
    return [{k: v for k, v in _plain(row).items() if v is not None} for row in frame.to_dict("records")]


def _plain(row: dict[Any, Any]) -> dict[str, Any]:
    """A row whose missing values are None, whose numbers are rounded and whose infinite ones are words."""
    return {str(key): _value(value) for key, value in row.items()}


def _value(value: Any) -> Any:
    if pd.isna(value):
        return None
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else str(value)
    return value


def describe(result: dict[str, Any]) -> str:
    """A failed check in a phrase: name, the limit that moves it, violations, example rows."""
    rows = ", ".join(" ".join(f"{k} {_short(v)}" for k, v in row.items()) for row in result["examples"][:3])
    limit = f" (limit {result['limit']})" if result["limit"] else ""
    hint = f" ({result['hint']})" if result["hint"] else ""
    return f"'{result['name']}'{limit} {result['violations']} of {result['checked']:,} {result['table']}: {rows}{hint}"


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)[:60]
