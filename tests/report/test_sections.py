"""Sections on budgets, corruption, reliability and several datasets, from comparisons made by hand."""

from typing import Any

import pytest

from stemma.comparison import FAMILY_NAMES
from stemma.comparison.across import across
from stemma.report import budgets, corruption
from stemma.report.across import LEFT, RIGHT, diagrams
from stemma.report.reliability import diagrams as reliability
from stemma.scores import scoring

GROUP = {"task": "classify", "scoring": scoring("classify"), "primary": "accuracy", "kind": "image", "label": "d@s"}


def interval(mean: float) -> dict[str, Any]:
    return {"mean": mean, "lo": mean - 0.01, "hi": mean + 0.01, "interval": "t", "values": [mean] * 3}


def entry(of: str | None, most: float | None, *families: tuple[str, float, bool | None], size: int = 1000) -> dict:
    found = [
        {
            "family": family, "experiment": f"d-{family}", "accuracy": interval(mean), "experiments": 1,
            "to_first": None if apart is None else {"beyond_chance": apart},
        }
        for family, mean, apart in families
    ]  # fmt: skip
    told = {"kind": "image", "shape": [1, 28, 28], "train_examples": size}
    return {**told, "budget": {"of": of, "at_most": most}, "families": found}


def test_answers_which_family_within_a_budget() -> None:
    view = [
        entry(None, None, ("cnn", 0.95, None), ("rnn", 0.94, False), ("baseline", 0.8, True)),
        entry("parameters", 1e6, ("cnn", 0.95, None), ("rnn", 0.94, False), ("baseline", 0.8, True)),
        entry("parameters", 1e4, ("rnn", 0.94, None), ("baseline", 0.8, True)),
        entry("train_seconds", 1.0, ("baseline", 0.8, None)),
        entry("train_seconds", 0.1),
    ]
    rows = [{"experiment": f"d-{family}", "name": family} for family in ("cnn", "rnn", "baseline")]
    (found,) = budgets.sections(GROUP, rows, view)
    assert found["question"] == "Which family for grey images with 1,000 labels?"
    space = chr(160)
    assert found["sentences"] == [
        f"Without a limit and up to 1 M parameters: the CNN family, of which cnn reaches 95.0{space}% (±{space}1.0); "
        "chance could explain its lead over the RNN family.",
        f"Up to 10 k parameters: the RNN family, of which rnn reaches 94.0{space}% (±{space}1.0), "
        "ahead of the baseline family beyond chance.",
        f"Up to 1 s of training: only the baseline family, of which baseline reaches 80.0{space}% (±{space}1.0).",
        "Up to 100 ms of training: nothing was tried.",
    ]
    assert [[cell and cell["name"] for cell in row["cells"]] for row in found["rows"]] == [
        ["cnn", "rnn", "baseline"],
        ["cnn", "rnn", "baseline"],
        [None, "rnn", "baseline"],
        [None, None, "baseline"],
        [None, None, None],
    ]


def test_each_number_of_labels_is_a_question_and_one_family_alone_is_none() -> None:
    few = [entry(None, None, ("cnn", 0.6, None), ("rnn", 0.5, True), size=100)]
    many = [entry(None, None, ("cnn", 0.9, None), ("rnn", 0.8, True), size=5000)]
    rows = [{"experiment": f"d-{family}", "name": family} for family in ("cnn", "rnn")]
    asked = [each["question"] for each in budgets.sections(GROUP, rows, few + many)]
    assert [question.split(" with ")[1] for question in asked] == ["100 labels?", "5,000 labels?"]
    assert budgets.sections(GROUP, rows, [entry(None, None, ("cnn", 0.6, None))]) == []


@pytest.mark.parametrize(
    ("kind", "shape", "told"),
    [("image", [3, 32, 32], "colour images"), ("text", [40], "texts"), ("table", [10], "tables")],
)
def test_data_have_a_name(kind: str, shape: list[int], told: str) -> None:
    assert budgets.data({"kind": kind, "shape": shape}) == told


def corrupted(name: str, *points: tuple[str, float, float]) -> dict[str, Any]:
    found = [{"kind": kind, "strength": strength, "mean": mean} for kind, strength, mean in points]
    return {"name": name, "corruption": {"examples": 250, "points": found}}


def test_corruption_names_who_loses_least_and_most() -> None:
    rows = [
        corrupted("a", ("none", 0.0, 0.9), ("noise", 0.1, 0.85), ("noise", 0.3, 0.4), ("blur", 1.0, 0.9)),
        corrupted("b", ("none", 0.0, 0.8), ("noise", 0.1, 0.79), ("blur", 1.0, 0.8)),
        {"name": "c", "corruption": None},
    ]
    found = corruption.section(GROUP, rows)
    assert found is not None
    assert found["sentences"] == [
        "By noise 0.1 b loses least, 1.0 points; a most, 5.0 points.",
        "By blur 1 each of the 2 experiments loses nothing.",
    ]
    assert found["columns"] == ["as they are", "noise 0.1", "noise 0.3", "blur 1"]
    assert [row["cells"] for row in found["rows"]] == [
        [(0.9, 0), (0.85, 0.1), (0.4, 1), (0.9, 0)],
        [(0.8, 0), (0.79, 0.02), None, (0.8, 0)],
    ]
    assert corruption.section(GROUP, rows[2:]) is None


def test_reliability_leaves_out_empty_bins_and_says_how_sure() -> None:
    bins = [{"share": 0.0, "confidence": 0.0, "accuracy": 0.0}, {"share": 1.0, "confidence": 0.9, "accuracy": 0.8}]
    told = {"bins": bins, "scaled_bins": bins[1:], "scaled_error": interval(0.02), "temperature": interval(1.5)}
    rows = [{"calibration": told, "calibration_error": interval(0.1)}, {"calibration": None}]
    (found,) = reliability(rows)
    ((x, y, radius),) = found["before"]
    left, top, right, bottom = found["frame"]
    assert (x - left) / (right - left) == pytest.approx(0.9, abs=0.01) and radius == 7
    assert (bottom - y) / (bottom - top) == pytest.approx(0.8, abs=0.01)
    assert found["told"].startswith("too sure of itself (temperature 1.50); calibration error 10.0 points, 2.0 after")


def blocks(datasets: int) -> dict[str, dict[str, float]]:
    return {f"d{n}": {"cnn": 0.1, "rnn": 0.2, "dbn": 0.3 + 0.01 * n, "mlp": 0.31 + n % 2} for n in range(datasets)}


def test_below_five_datasets_there_is_no_diagram() -> None:
    (found,) = diagrams([{"task": "classify", **across(blocks(3), "family", 0.05)}], FAMILY_NAMES, 0.05)
    assert found["told"] == "too few datasets: 3 of at least 5." and found["drawing"] is None


def test_ranks_lie_where_they_belong() -> None:
    (found,) = diagrams([{"task": "classify", **across(blocks(6), "family", 0.05)}], FAMILY_NAMES, 0.05)
    drawn, test = found["drawing"], found["test"]
    assert found["told"].startswith("Ranks differ on d0, d1, d2, d3, d4 and d5 (Friedman: p ")
    assert [each["name"] for each in drawn["labels"]] == ["CNN", "RNN", "DBN", "MLP"]
    assert [each["left"] for each in drawn["labels"]] == [True, True, False, False]
    scale = (RIGHT - LEFT) / 3
    for each, treatment in zip(drawn["labels"], test["treatments"], strict=True):
        assert each["x"] == pytest.approx(LEFT + scale * (treatment["mean_rank"] - 1), abs=0.06)
    start, end = drawn["difference"]
    assert end - start == pytest.approx(scale * test["critical_difference"], abs=0.06)
    assert len(drawn["cliques"]) == len(test["cliques"]) > 0
    assert drawn["labels"][0]["y"] == drawn["labels"][3]["y"] > drawn["cliques"][-1][2]


def test_an_architecture_of_a_familys_name_keeps_its_own() -> None:
    (found,) = diagrams([{"task": "classify", **across(blocks(6), "architecture", 0.05)}], FAMILY_NAMES, 0.05)
    assert [each["name"] for each in found["drawing"]["labels"]] == ["cnn", "rnn", "dbn", "mlp"]
