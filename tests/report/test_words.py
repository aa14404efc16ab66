from typing import Any

import numpy as np
import pytest

from stemma.report import numbers, words
from stemma.report.labels import _apart
from stemma.report.pictures import sheet


def row(name: str, family: str, accuracy: float, beyond: bool | None, rank: int) -> dict[str, Any]:
    """Of the ranking in which the best experiment starts from nothing: it is the leader too."""
    mean = {"mean": accuracy, "lo": accuracy - 0.01, "hi": accuracy + 0.01, "interval": "t", "values": [accuracy] * 3}
    to_best = None if beyond is None else {"difference": accuracy - 0.9, "beyond_chance": beyond}
    place = {"to_best": to_best, "to_leader": to_best, "rank": rank, "start": ""}
    return {"name": name, "family": family, "score": mean, **place}


GROUP = {"label": "mnist@sample", "task": "classify", "test_examples": 1000, "largest_class": 0.1, "detectable": 0.02}


def test_a_clear_lead():
    rows = [
        row("lenet5", "cnn", 0.9, None, 1),
        row("lstm", "rnn", 0.8, True, 2),
        row("tfidf", "baseline", 0.7, True, 3),
    ]
    text = " ".join(words.sentences(GROUP, rows, 0.95)).replace("\u00a0", " ")
    assert "lenet5 (CNN) is the most accurate: 90.0 % of 1,000 test examples right (± 1.0" in text
    assert "Its lead over every other experiment is beyond chance." in text
    assert "the CNN family is ahead of every other family" in text
    assert "The baseline tfidf reaches 70.0 %, 20.0 points below the best." in text
    assert "difference of 2.0 points" in text
    assert words.headline([GROUP], {"mnist@sample": rows}) == "Beyond chance, the CNN family leads on mnist@sample."


def test_a_lead_that_chance_explains():
    rows = [row("tfidf", "baseline", 0.9, None, 1), row("kim", "cnn", 0.89, False, 2), row("lstm", "rnn", 0.8, True, 3)]
    text = " ".join(words.sentences(GROUP, rows, 0.95))
    assert "Chance could explain its lead over kim (1.0 points). It beats lstm beyond chance." in text
    assert "the baseline family is not clearly ahead of the CNN family" in text
    assert "No network beats the baseline." in text
    headline = words.headline([GROUP], {"mnist@sample": rows})
    assert headline == "Chance could explain the lead of the baseline family on mnist@sample."


def test_what_started_from_another_experiment_stands_for_no_family():
    svm = {**row("svm", "baseline", 0.9, None, 1), "start": "mnist-lenet5"}
    rows = [svm, row("lenet5", "cnn", 0.89, False, 2), row("knn", "baseline", 0.8, True, 3)]
    rows[1]["to_leader"] = None
    text = " ".join(words.sentences(GROUP, rows, 0.95)).replace("\u00a0", " ")
    assert "svm, which starts from the models of mnist-lenet5, stands for no family; lenet5 (CNN) is the best" in text
    assert "So the CNN family is ahead of every other family here" in text
    assert "The baseline knn reaches 80.0 %" in text
    told = "Beyond chance, the CNN family leads on mnist@sample. On mnist@sample, svm, which starts from the models of"
    assert words.headline([GROUP], {"mnist@sample": rows}) == f"{told} mnist-lenet5, comes first."


def test_only_what_starts_from_trained_models_beats_the_baseline():
    tuned = {**row("tuned", "cnn", 0.9, None, 1), "start": "net"}
    rows = [tuned, row("knn", "baseline", 0.85, True, 2), row("mlp", "mlp", 0.8, True, 3)]
    rows[1]["to_leader"] = None
    text = " ".join(words.sentences(GROUP, rows, 0.95))
    assert "Only what starts from trained models comes before the baseline knn." in text


def test_a_dataset_of_transfers_alone():
    tuned = {**row("tuned", "cnn", 0.9, None, 1), "start": "net"}
    told = "tuned, which starts from the models of net,"
    assert f"{told} stands for no family." in " ".join(words.sentences(GROUP, [tuned], 0.95))
    assert words.headline([GROUP], {"mnist@sample": [tuned]}) == f"On mnist@sample, {told} comes first."


def test_a_family_alone_leads_nobody():
    rows = [row("lenet5", "cnn", 0.9, None, 1), row("convnet", "cnn", 0.8, True, 2)]
    assert words.headline([GROUP], {"mnist@sample": rows}) == ""


def test_what_the_test_set_can_show_is_said_of_a_typical_experiment():
    rows = [row("lenet5", "cnn", 0.9, None, 1), row("convnet", "cnn", 0.87, False, 2)]
    told = words.sentences(GROUP, rows, 0.95)[-1]
    assert told.startswith("Of a typical experiment a true difference of 2.0 points to the best is found four times")
    assert "larger ones too where seeds lie far apart" in told


def test_one_experiment_alone():
    text = " ".join(words.sentences({**GROUP, "detectable": None}, [row("lenet5", "cnn", 0.9, None, 1)], 0.95))
    assert "lead" not in text
    assert "difference" not in text


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (numbers.count(61_706), "61.7 k"),
        (numbers.count(280), "280"),
        (numbers.count(1_311_000), "1.31 M"),
        (numbers.size(330_000), "330 kB"),
        (numbers.size(12), "12 B"),
        (numbers.duration(0.66), "660 ms"),
        (numbers.duration(12.54), "12.5 s"),
        (numbers.duration(600), "10 min"),
        (numbers.points(-0.0178), "\u22121.8"),
        (numbers.points(-0.0001), "0.0"),
        (numbers.p_value(0.0004), "< 0.001"),
        (numbers.p_value(0.0131), "0.013"),
        (numbers.p_value(1), "1"),
        (numbers.listed(["a", "b", "c"]), "a, b and c"),
        (numbers.cell("a|b<c"), "a\\|b&lt;c"),
        (str(numbers.breakable("a_<b>")), "a_<wbr>&lt;b&gt;"),
    ],
)
def test_numbers_as_people_read_them(shown: str, expected: str):
    assert shown == expected


def test_labels_keep_apart_within_bounds():
    placed = _apart(np.array([5.0, 5.0, 6.0, 50.0]), 10, 0, 100)
    assert np.diff(placed).min() >= 10 - 1e-9
    assert placed[-1] == 50
    assert placed.min() >= 0
    assert _apart(np.array([99.0, 99.5]), 10, 0, 100).max() <= 100


def test_sheet_lays_tiles_with_gaps():
    found = sheet(np.zeros((5, 4, 4, 1), np.uint8))
    assert found["count"] == 5
    assert found["width"] == (3 * 5 - 1) * 6  # 26 / 4 = 6.5, rounded to even
    assert found["uri"].startswith("data:image/png;base64,")
