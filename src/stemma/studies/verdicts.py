"""A claim of the texts against what was measured, in a sentence that the numbers write."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from stemma.report.numbers import listed

Outcome = Literal["holds", "holds in part", "does not hold here", "not decided here"]


@dataclass(frozen=True)
class Case:
    """One place where a claim was put to the test.

    Attributes:
        where: where, as it follows `for` in a sentence: `tanh`, `rates up to 0.1`.
        holds: whether it does; None where chance could explain either answer.
        found: the numbers that say so.
    """

    where: str
    holds: bool | None
    found: str


@dataclass(frozen=True)
class Verdict:
    """A claim, its source, and how it fared."""

    claim: str
    source: str
    outcome: Outcome
    sentence: str
    cases: tuple[Case, ...]


def verdict(claim: str, source: str, cases: Sequence[Case]) -> Verdict:
    """How `claim` of `source` (`text 003, 5.2.2`) fared in `cases`, at least one."""
    assert cases, claim
    answers = {case.holds for case in cases}
    if answers == {True}:
        outcome: Outcome = "holds"
    elif True in answers:
        outcome = "holds in part"
    else:
        outcome = "does not hold here" if False in answers else "not decided here"
    return Verdict(claim, source, outcome, _sentence(cases), tuple(cases))


def _sentence(cases: Sequence[Case]) -> str:
    """`It holds for a (...) and b (...); not for c (...); chance could explain either answer for d (...).`"""
    starts = {True: "It holds for", False: "It does not hold for", None: "Chance could explain either answer for"}
    parts = []
    for answer, start in starts.items():
        named = [f"{case.where} ({case.found})" for case in cases if case.holds is answer]
        if named:
            parts.append(f"{start} {listed(named)}.")
    return " ".join(parts)
