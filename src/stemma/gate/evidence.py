"""What is known of the data behind a candidate: did they pass validation, was a leak left in?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

GROUPS = "no group in two parts"
"""The expectation of `stemma.data.validation` on examples that belong together."""


@dataclass(frozen=True)
class Evidence:
    """`validated`: no expectation that counts as an error failed. `leaks`: a sentence each."""

    validated: bool
    leaks: tuple[str, ...] = ()


def evidence(report: Mapping[str, Any], duplicates: str) -> Evidence:
    """Read the validation report of a slot.

    The stage `preprocess` takes what test examples share with others out of train, which is no leak then: only
    with `duplicates: keep` do official parts stay as published, repetitions and groups across them with them.

    Args:
        report: content of `reports/validation/<slot>.json`.
        duplicates: `separate` or `keep`, as the slot has it.
    """
    leaks = () if duplicates == "separate" else (*_repetitions(report["leakage"]["pairs"]), *_groups(report))
    return Evidence(bool(report["success"]), leaks)


def _repetitions(pairs: Mapping[str, Mapping[str, int]]) -> list[str]:
    """`pairs`: part, or two parts with a comma between, -> pairs of repetitions by kind."""
    found = []
    for parts, counts in pairs.items():
        others = [part for part in parts.split(", ") if part != "test"]
        if "test" in parts.split(", ") and others and sum(counts.values()):
            words = " and ".join(f"{count} {how}" for how, count in counts.items() if count)
            found.append(f"{words} repetitions between {others[0]} and test")
    return found


def _groups(report: Mapping[str, Any]) -> list[str]:
    failed = {each["name"] for each in report["expectations"] if not each["success"]}
    return ["groups with examples in two parts"] if GROUPS in failed else []
