"""The score against its costs: the Pareto front, axes, and what the chart leaves out."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemma.report.chart import Axis, around
from stemma.report.cost import BOTTOM, COSTS, LEFT, RIGHT, TOP, Cost, cost_chart, front
from stemma.scores import scoring

ACCURACY, RMSE = scoring("classify").score, scoring("regress").score
PLAIN = Cost(lambda row: row["cost"], str, "cost")


def row(name: str, mean: float, cost: float | None, start: str = "") -> dict[str, Any]:
    times = {key: {"mean": cost or 1.0} for key in ("train_seconds", "predict_ms", "predict_ms_alone")}
    score = {"mean": mean, "lo": mean - 0.01, "hi": mean + 0.01, "interval": "t", "values": [mean] * 3}
    sizes = {"parameters": 0, "model_bytes": 100, "multiply_adds": cost}
    told = {"name": name, "experiment": name, "architecture": name, "family": "cnn", "start": start}
    return {**told, **times, **sizes, "score": score, "cost": cost}


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(1, 6)), min_size=1, max_size=8), st.booleans())
def test_front_is_what_nothing_beats(found: list[tuple[int, int]], higher: bool) -> None:
    rows = [row(str(n), mean / 10, cost) for n, (mean, cost) in enumerate(found)]
    score, sign = (ACCURACY, 1) if higher else (RMSE, -1)

    def beaten(one: dict[str, Any]) -> bool:
        mean, cost = sign * one["score"]["mean"], one["cost"]
        better = [
            other
            for other in rows
            if sign * other["score"]["mean"] >= mean
            and other["cost"] <= cost
            and (sign * other["score"]["mean"], -other["cost"]) != (mean, -cost)
        ]
        return bool(better)

    told = front(rows, PLAIN, score)
    expected = {(one["score"]["mean"], one["cost"]) for one in rows if not beaten(one)}
    assert {(one["score"]["mean"], one["cost"]) for one in told} == expected
    assert len(told) == len(expected)
    assert [one["cost"] for one in told] == sorted(one["cost"] for one in told)


def test_what_started_from_another_or_has_no_cost_is_not_on_the_front() -> None:
    rows = [row("a", 0.9, 10, start="b"), row("b", 0.8, 20), row("c", 0.99, None)]
    assert [each["name"] for each in front(rows, PLAIN, ACCURACY)] == ["b"]


def test_each_cost_has_a_view_of_whoever_has_it() -> None:
    chart = cost_chart([row("a", 0.9, 1e6), row("b", 0.8, None), row("c", 0.7, 10)], ACCURACY, "p")
    views = {view["key"]: view for view in chart["views"]}
    assert list(views) == list(COSTS)
    assert [point["row"]["name"] for point in views["multiply_adds"]["points"]] == ["c", "a"]
    assert views["multiply_adds"]["unknown"] == ["b"] and views["parameters"]["unknown"] == []
    assert views["multiply_adds"]["words"] == "c (10) and a (1 M)"
    for view in views.values():
        for point in view["points"]:
            assert LEFT < point["x"] < RIGHT and TOP < point["hi"] < point["y"] < point["lo"] < BOTTOM
        assert view["front"][-1][0] == RIGHT and 1 <= len(view["ticks"]) <= 9


def test_a_cost_that_nobody_has_is_no_choice() -> None:
    chart = cost_chart([row("a", 0.9, None)], ACCURACY, "p")
    assert "multiply_adds" not in [view["key"] for view in chart["views"]]


@pytest.mark.parametrize("log", [True, False])
def test_an_axis_goes_from_end_to_end(log: bool) -> None:
    axis = Axis(1, 100, 0, 200, log)
    assert (axis.at(1), axis.at(100)) == (0, 200)
    assert axis.at(10) == (100 if log else pytest.approx(18.2))
    assert all(1 <= tick <= 100 for tick in axis.ticks()) and len(axis.ticks()) > 3


@pytest.mark.parametrize("values", [[5.0], [5.0, 5.0], [0.0], [1e-4, 1e9]])
def test_room_around_any_values(values: list[float]) -> None:
    axis = around(values, 0, 100, log=len(values) > 1)
    assert all(0 < axis.at(value) < 100 for value in values)
