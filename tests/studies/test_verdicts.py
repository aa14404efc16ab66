"""Estimates decide, and verdicts say what they decided."""

from math import inf

import pytest
from scipy import stats

from stemma.studies import Case, Estimate, estimate, verdict


def test_the_interval_is_students_over_seeds() -> None:
    values = [0.9, 0.8, 0.94]
    found = estimate(values)
    lo, hi = stats.t.interval(0.95, 2, loc=0.88, scale=stats.sem(values))
    assert (found.mean, found.lo, found.hi) == pytest.approx((0.88, lo, hi))


def test_the_interval_of_logarithms_is_about_the_geometric_mean() -> None:
    found = estimate([1e-4, 1e-2], log=True)
    assert found.mean == pytest.approx(1e-3) and found.lo * found.hi == pytest.approx(1e-6)
    assert estimate([1e-300, 1e300], log=True).hi == inf


def test_an_interval_stays_within_what_there_can_be() -> None:
    found = estimate([0.2, 0.9], bounds=(0, 1))
    assert (found.lo, found.hi) == (0, 1)


def test_one_seed_decides_nothing() -> None:
    found = estimate([0.5])
    assert found.above(0) is None and found.below(0.9) is None and found.within(0, 1) is None
    assert found.shown(str) == "0.5"


def test_equal_seeds_decide() -> None:
    assert estimate([0.5, 0.5]).above(0.4) is True and estimate([0.5, 0.5]).above(0.5) is False


@pytest.mark.parametrize(
    ("lo", "hi", "above", "below", "within"),
    [
        (1, 2, True, False, False),
        (-2, -1, False, True, False),
        (-0.5, 0.5, None, None, True),
        (-0.5, 2, None, None, None),
    ],
)
def test_an_interval_decides_only_where_it_lies_on_one_side(
    lo: float, hi: float, above: bool | None, below: bool | None, within: bool | None
) -> None:
    found = Estimate((lo + hi) / 2, lo, hi)
    assert (found.above(0), found.below(0), found.within(-0.9, 0.9)) == (above, below, within)


@pytest.mark.parametrize(
    ("answers", "outcome"),
    [
        ([True, True], "holds"),
        ([True, False], "holds in part"),
        ([True, None], "holds in part"),
        ([False, None], "does not hold here"),
        ([None, None], "not decided here"),
    ],
)
def test_the_outcome_follows_the_cases(answers: list[bool | None], outcome: str) -> None:
    assert verdict("It is so.", "text 003", [Case("a", answer, "1") for answer in answers]).outcome == outcome


def test_the_sentence_names_where_it_holds_and_where_not() -> None:
    cases = [
        Case("tanh", True, "2 to 3"),
        Case("relu", False, "0"),
        Case("elu", True, "4"),
        Case("selu", None, "-1 to 1"),
    ]
    assert verdict("It is so.", "text 003", cases).sentence == (
        "It holds for tanh (2 to 3) and elu (4). It does not hold for relu (0). "
        "Chance could explain either answer for selu (-1 to 1)."
    )
