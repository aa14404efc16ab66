"""Planted faults: each turns exactly the right expectation red, in every kind and task."""

import numpy as np
import pandas as pd
import pytest
import raw_sets

from stemma.data import catalog
from stemma.data.parts import Part
from stemma.data.validation.suite import expected_counts


@pytest.fixture
def red(tmp_path, monkeypatch):
    """Plant a fault into clean parts and say which expectations fail, and the message."""

    def run(kind, task, plant, limits=None, **facts):
        monkeypatch.setitem(catalog.CATALOG, "toy", raw_sets.entry(kind, task, **facts))
        parts = raw_sets.clean(kind, task)
        plant(parts)
        return raw_sets.judge(raw_sets.raw_folder(tmp_path / "raw", parts, kind, task), **(limits or {}))

    return run


def put(part, value, rows=(4,)):
    """`value` in place of the input of `rows`."""
    for row in rows:
        part.x[row] = value


def relabel(part, value, rows=(4,)):
    for row in rows:
        part.y[row] = value


def cell(part, column, value, rows=(4,)):
    part.x[column] = part.x[column].astype(type(value) if isinstance(value, float) else object)
    part.x.loc[list(rows), column] = value


def copies(parts, count, to="train", start=0):
    """The first `count` examples of train once more, with their labels, from row `start` of `to`."""
    for i in range(count):
        target = parts[to].x.iloc if isinstance(parts[to].x, pd.DataFrame) else parts[to].x
        source = parts["train"].x.iloc if isinstance(parts["train"].x, pd.DataFrame) else parts["train"].x
        target[start + i] = source[i]
        parts[to].y[start + i] = parts["train"].y[i]


def one_class(part, label, keep=0):
    rows = np.flatnonzero(part.y == label)[keep:]
    part.y[rows] = 1 - label


def recut(part, characters=30):
    part.x[:] = [text[:characters] for text in part.x]


def shifted_labels(part):
    part.y[: len(part) * 3 // 4] = 1


FAULTS = [  # what teams meet most
    ("labels within the classes", "text", "classify", lambda p: relabel(p["train"], 2)),
    ("every class in every part", "text", "classify", lambda p: one_class(p["test"], 1)),
    ("classes balanced", "text", "classify", lambda p: [one_class(part, 1, keep=2) for part in p.values()]),
    ("one label for one content", "text", "classify", lambda p: [put(p[n], p[n].x[i + 1], [i]) for n, i in (("train", 4), ("train", 6), ("test", 4))]),
    ("few repetitions within a part", "table", "classify", lambda p: copies(p, 4, start=60)),
    ("no constant image", "image", "classify", lambda p: put(p["train"], 9)),
    ("images of one shape", "image", "classify", lambda p: p.update(test=Part(p["test"].x[..., :7], p["test"].y))),
    ("text in a sane encoding", "text", "classify", lambda p: put(p["test"], "wörse than expected".encode().decode("cp1252"))),
    ("texts not cut within a word", "text", "classify", lambda p: recut(p["train"])),
    ("no missing cell", "table", "classify", lambda p: cell(p["train"], "width", float("nan"))),
    ("same columns and types in all parts", "table", "classify", lambda p: p["test"].x.drop(columns="height", inplace=True)),
    ("no column tells the label", "table", "classify", lambda p: [part.x.insert(0, "code", np.where(part.y == 1, "y", "n")) for part in p.values()]),
    ("a tag for every token", "sequence", "label", lambda p: p["train"].y[4].pop()),
]  # fmt: skip
MORE = [  # the other expectations, and the same ones otherwise
    ("few repetitions within a part", "image", "classify", lambda p: copies(p, 2, start=30)),
    ("few repetitions across parts", "image", "classify", lambda p: copies(p, 8, to="test")),
    ("values use the range 0 to 255", "image", "classify", lambda p: np.floor_divide(p["train"].x, 32, out=p["train"].x)),
    ("no missing text", "text", "classify", lambda p: put(p["train"], None)),
    ("finite numbers", "table", "regress", lambda p: cell(p["train"], "width", float("inf"))),
    ("numbers on one scale", "table", "classify", lambda p: cell(p["train"], "width", -999.0)),
    ("categories known from train", "table", "classify", lambda p: cell(p["test"], "town", "Wien")),
    ("every target is a finite number", "sequence", "regress", lambda p: relabel(p["test"], np.inf)),
    ("no empty sequence", "sequence", "classify", lambda p: put(p["train"], [])),
    ("every step holds finite numbers, or a token", "sequence", "regress", lambda p: p["train"].x[4].__setitem__((2, 1), np.nan)),
    ("tags within the classes", "sequence", "label", lambda p: p["test"].y[4].__setitem__(0, "nuon")),
    ("no empty target", "sequence", "transduce", lambda p: relabel(p["train"], [])),
    ("labels within the classes", "table", "classify", lambda p: relabel(p["test"], -1)),
    ("every class in every part", "table", "classify", lambda p: one_class(p["train"], 1)),
    ("label does not tell the part", "table", "classify", lambda p: shifted_labels(p["test"])),
    ("few repetitions within a part", "text", "classify", lambda p: copies(p, 4, start=60)),
    ("few repetitions within a part", "sequence", "classify", lambda p: copies(p, 4, start=60)),
    ("few repetitions across parts", "table", "classify", lambda p: copies(p, 8, to="test")),
    ("no blank text", "text", "classify", lambda p: put(p["train"], " ... ")),
    ("text of a sane length", "text", "classify", lambda p: put(p["train"], "long words " * 2000)),
    ("text in a sane encoding", "text", "classify", lambda p: put(p["test"], "nul in\x00side")),
    ("text in a sane encoding", "text", "classify", lambda p: put(p["train"], "这部电影很好看".encode().decode("latin-1"))),
    ("text in a sane encoding", "text", "classify", lambda p: put(p["train"], "这部电影很好看".encode("gbk").decode("latin-1"))),
    ("text in a sane encoding", "text", "classify", lambda p: put(p["train"], "naïve café".encode("latin-1").decode("utf-8", "replace"))),
    ("few texts of a single word", "text", "classify", lambda p: [put(p["train"], f"word{i}", [i]) for i in range(20)]),
    ("texts are mostly letters", "text", "classify", lambda p: [put(p["train"], f"{i} 11 + 22 = 33", [i]) for i in range(20)]),
    ("words known from train", "text", "classify", lambda p: p["test"].x.__setitem__(slice(None), [f"other{i} language{i} her{i}" for i in range(80)])),
    ("every example has its group", "text", "classify", lambda p: p["train"].groups.__setitem__(4, None)),
    ("no group in two parts", "text", "classify", lambda p: p["test"].groups.__setitem__(0, "film 0 1")),
    ("no missing cell", "table", "classify", lambda p: cell(p["test"], "town", None)),
    ("same columns and types in all parts", "table", "classify", lambda p: p["test"].x.insert(1, "visits2", p["test"].x["visits"])),
    ("same columns and types in all parts", "table", "classify", lambda p: p["test"].x.__setitem__("width", p["test"].x["width"].map("{:.2f}".format))),
    ("no column tells the label", "table", "regress", lambda p: [part.x.insert(0, "mile", 3 - part.y / 1.609) for part in p.values()]),
    ("no constant column", "table", "classify", lambda p: [part.x.insert(0, "unit", "cm") for part in p.values()]),
    ("no category names a single row", "table", "classify", lambda p: [part.x.__setitem__("town", [f"Bonn {i}" for i in range(len(part))]) for part in p.values()]),
    ("every target is a finite number", "table", "regress", lambda p: relabel(p["train"], np.nan)),
    ("targets differ", "sequence", "regress", lambda p: p["test"].y.fill(0.5)),
    ("targets within the range of train", "table", "regress", lambda p: relabel(p["test"], 1000.0)),
    ("sequence of a sane length", "sequence", "classify", lambda p: put(p["train"], ["ka"] * 10_001)),
    ("few sequences of a single step", "sequence", "classify", lambda p: [put(p["train"], [s], [i]) for i, s in enumerate(raw_sets.SYLLABLES)]),
    ("steps of one form", "sequence", "regress", lambda p: put(p["train"], np.ones((5, 3), np.float32))),
    ("every step holds finite numbers, or a token", "sequence", "classify", lambda p: p["train"].x[4].__setitem__(2, "")),
    ("tokens known from train", "sequence", "classify", lambda p: [put(p["test"], [f"new{i}"] * 9 + ["ka"] * (i % 7), [i]) for i in range(80)]),
    ("every tag in every part", "sequence", "label", lambda p: p["test"].y.__setitem__(slice(None), [["noun"] * len(x) for x in p["test"].x])),
    ("target of a sane length", "sequence", "transduce", lambda p: relabel(p["train"], ["ka"] * 10_001)),
    ("target lengths in proportion", "sequence", "transduce", lambda p: relabel(p["train"], ["ka"] * 90, range(12))),
    ("target tokens known from train", "sequence", "transduce", lambda p: [p["test"].y[i].__setitem__(0, "new") for i in range(20)]),
    ("no stray control signs", "text", "classify", lambda p: put(p["train"], "a dash \x96 as Windows writes it")),
]  # fmt: skip


def plant_one(red, name, kind, task, plant):
    failed, message = red(kind, task, plant)
    assert set(failed) == {name}
    found = failed[name]
    assert 1 <= found["violations"] <= found["checked"] and found["examples"]
    assert bool(message) == (found["severity"] == "error")
    if found["table"] == "examples" and found["violations"] == 1:
        assert found["examples"][0]["row"] == 4 and (not message or "row 4" in message)


@pytest.mark.parametrize(("name", "kind", "task", "plant"), FAULTS)
def test_a_planted_fault_turns_its_expectation_red(red, name, kind, task, plant):
    plant_one(red, name, kind, task, plant)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "kind", "task", "plant"), MORE)
def test_so_does_every_other_one(red, name, kind, task, plant):
    plant_one(red, name, kind, task, plant)


def colourless(parts):
    """Grey pictures stored in three equal channels."""
    parts |= {name: Part(np.repeat(part.x, 3, axis=1), part.y) for name, part in parts.items()}


FACTS = [
    ("colour images have colour", lambda p: colourless(p), {}),
    ("classes as the catalogue names them", lambda p: None, {"classes": ("bad", "excellent")}),
    ("images of one shape", lambda p: None, {"shape": (1, 9, 9)}),
    ("no content dominates", lambda p: [copies({"train": p["train"]}, 1, start=i) for i in range(2, 20, 2)], {"duplicates": 0.3}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "plant", "facts"), FACTS)
def test_facts_of_the_catalogue_and_of_the_whole_set(red, name, plant, facts):
    assert set(red("image", "classify", plant, **facts)[0]) == {name}


def test_limits_move_their_expectations(red, tmp_path):
    def plant(parts):
        copies(parts, 6, start=60)
        put(parts["train"], " ... ", [70])
        one_class(parts["test"], 1, keep=1)

    failed, message = red("text", "classify", plant)
    raised = {"duplicates": 0.1, "faulty": 0.01, "balance": 0.01, "label_difference": 0.5}
    assert {e["limit"] for e in failed.values()} == set(raised)
    assert all(f"(limit {limit})" in message for limit in set(raised) - {"label_difference"})
    (tmp_path / "raw").rename(tmp_path / "before")
    assert red("text", "classify", plant, raised) == ({}, "")


def test_a_class_needs_several_training_examples(red):
    def plant(parts):
        one_class(parts["train"], 1, keep=1)
        del parts["test"]

    failed, message = red("text", "classify", plant, {"balance": 0.001})
    assert set(failed) == {"every class has several examples"} and "regression" not in message
    assert failed["every class has several examples"]["examples"] == [{"part": "train", "class": "good", "in_train": 1}]


def test_numbers_as_classes_are_sent_to_regression(tmp_path, monkeypatch):
    monkeypatch.setitem(catalog.CATALOG, "toy", raw_sets.entry("table"))
    part = raw_sets.table(120)
    for name, count in (("raw", 120), ("few", 59)):
        y = np.arange(120) % count
        parts = {"train": Part(part.x, np.sort(y))}
        classes = [f"{-1.5 * label:g}" for label in range(count)]
        raw = raw_sets.raw_folder(tmp_path / name, parts, "table", classes=classes)
        failed, message = raw_sets.judge(raw)
        assert set(failed) == ({"every class has several examples"} if count == 120 else set())
        assert ("120 different ones: to predict a number use regression@" in message) == (count == 120)


def test_the_size_asked_for_stands_for_the_catalogues(tmp_path, monkeypatch):
    for name, shape, size, right in (
        ("size", (1, 28, 28), [8, 8], True),
        ("other", (1, 28, 28), [8, 9], False),
        ("colour", (3, 28, 28), [8, 8], False),
        ("open", None, [8, 8], True),
    ):
        monkeypatch.setitem(catalog.CATALOG, "toy", raw_sets.entry("image", shape=shape))
        parts = raw_sets.clean("image", "classify")
        folder = raw_sets.raw_folder(tmp_path / name, parts, "image", resize="mean", size=size)
        assert set(raw_sets.judge(folder)[0]) == (set() if right else {"images of one shape"})


def test_counts_are_the_catalogues(red):
    meta = {"use": "mnist@canonical", "test": None}
    assert expected_counts(meta) == {"train": 60_000, "test": 10_000}
    assert expected_counts({**meta, "use": "mnist@sample"}) == {"train": 5000}
    assert expected_counts({**meta, "use": "mnist@sample", "test": "mnist@canonical"}) == {
        "train": 5000,
        "test": 10_000,
    }
    assert expected_counts({**meta, "test": "mnist@./x"}) == {"train": 60_000}
