from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shifting
from hypothesis import given, settings
from hypothesis import strategies as st

from stemma import drift
from stemma.drift import samples
from stemma.drift.detect import detect
from stemma.drift.drawing import draw
from stemma.drift.samples import Sample
from stemma.errors import StemmaError
from stemma.spec import DataSpec


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Prepared sets by kind."""
    root = tmp_path_factory.mktemp("drift")
    parts = {"image": shifting.images(700, 0), "text": shifting.texts(80, 0), "table": shifting.table(700, 0)}
    return {kind: shifting.prepared(root, kind, kind, part) for kind, part in parts.items()}


def drifted(report: drift.Report) -> set[str]:
    return {test.name for test in report.tests if test.drifted}


FRESH = {
    "image": lambda: shifting.images(200, 1),
    "text": lambda: shifting.texts(30, 1),
    "table": lambda: shifting.table(200, 1),
}
SHIFTED = {
    ("image", "features"): lambda: shifting.images(200, 2, slant=0.25),
    ("image", "pixels"): lambda: shifting.images(200, 2, contrast=0.5),
    ("text", "words"): lambda: shifting.texts(30, 2, other=True),
    ("text", "labels"): lambda: shifting.texts(30, 2, good=0.8),
    ("table", "columns"): lambda: shifting.table(200, 2, size=0.6),
    ("table", "features"): lambda: shifting.table(200, 2, red=0.6),
}


@pytest.mark.parametrize("kind", FRESH)
def test_new_data_of_the_same_kind_are_no_drift(kind: str, sets: dict[str, Path], tmp_path: Path) -> None:
    current = shifting.write_raw(tmp_path / "new", kind, FRESH[kind]())
    report = drift.compare(sets[kind], current)
    assert not report.drift and report.exit_code == 0 and report.line().startswith("no drift")
    assert report.tests[0].name == "labels" and report.tests[-1].name == "features"
    assert report.unit == ("group" if kind == "text" else "example")


@pytest.mark.parametrize(("kind", "name"), SHIFTED)
def test_a_shift_is_found_where_it_is(kind: str, name: str, sets: dict[str, Path], tmp_path: Path) -> None:
    current = shifting.write_raw(tmp_path / "new", kind, SHIFTED[kind, name]())
    report = drift.compare(sets[kind], current)
    assert report.drift and report.exit_code == 3 and name in drifted(report)
    test = next(test for test in report.tests if test.name == name)
    assert test.p_value <= test.adjusted <= 0.05 and test.effect > 0.05
    enough = drift.compare(sets[kind], current, min_effect=0.99)
    assert not enough.drift and [t.p_value for t in enough.tests] == [t.p_value for t in report.tests]


def test_what_changed_most_stands_first(sets: dict[str, Path], tmp_path: Path) -> None:
    table = shifting.write_raw(tmp_path / "table", "table", shifting.table(300, 3, size=0.6))
    columns = next(test for test in drift.compare(sets["table"], table).tests if test.name == "columns")
    assert columns.items[0].name == "size" and columns.items[0].current - columns.items[0].reference > 0.3
    labels = shifting.write_raw(tmp_path / "text", "text", shifting.texts(30, 3, good=0.9))
    found = drift.compare(sets["text"], labels).tests[0].items[0]
    assert found.effect == pytest.approx(abs(found.current - found.reference)) and found.effect > 0.2


def test_typical_examples_show_the_shift(sets: dict[str, Path], tmp_path: Path) -> None:
    """Half of the new images are of the old sort: the other half comes first."""
    old, new = shifting.images(150, 4), shifting.images(150, 5, slant=0.5)
    mixed = replace(old, x=np.concatenate([old.x, new.x]), y=np.concatenate([old.y, new.y]))
    evidence = drift.compare(sets["image"], shifting.write_raw(tmp_path / "new", "image", mixed)).evidence
    assert evidence is not None
    assert np.mean(np.argsort(-evidence.typical[1])[:40] >= 150) > 0.9


def test_forms_of_the_current_data_agree(sets: dict[str, Path], tmp_path: Path) -> None:
    part = shifting.texts(20, 6)
    raw = shifting.write_raw(tmp_path / "raw" / "slot", "text", part)
    names = [shifting.CLASSES["text"][y] for y in part.y]
    pd.DataFrame({"text": part.x, "label": names, "group": part.groups}).to_csv(tmp_path / "new.csv", index=False)
    found = [samples.current(path, sets["text"]) for path in (raw, tmp_path / "new.csv")]
    for one in found:
        assert one.texts == part.x and one.groups == part.groups and (one.y == part.y).all()
        assert (one.x == found[0].x).all() and (one.lengths == found[0].lengths).all()
    assert samples.current(raw, sets["text"], labels=False).y is None


def test_another_prepared_set_is_encoded_anew(sets: dict[str, Path], tmp_path: Path) -> None:
    """Its own vocabulary and scaling differ; its classes stand in another order."""
    part = shifting.table(300, 7, size=5.0)
    other = shifting.prepared(tmp_path, "other", "table", part)
    again = samples.current(other, sets["table"], "train")
    assert again.x[:, 0].mean() == pytest.approx(5, abs=0.3)
    turned = shifting.write_raw(tmp_path / "turned", "table", replace(part, y=1 - part.y), ("yes", "no"))
    assert (samples.current(turned, sets["table"]).y == part.y).all()
    assert drift.compare(sets["table"], sets["table"], current_split="test").drift is False


def test_groups_of_a_prepared_set_come_from_its_raw_data(sets: dict[str, Path]) -> None:
    reference = samples.reference(sets["text"])
    raw = pd.read_parquet(sets["text"].parent.parent / "raw" / "text" / "train.parquet")
    known = dict(zip(raw["text"], raw["group"], strict=True))
    assert reference.groups == [known[text] for text in reference.texts or []]
    assert samples.reference(sets["image"]).groups is None


def test_groups_on_one_side_only(sets: dict[str, Path], tmp_path: Path) -> None:
    part = replace(shifting.texts(100, 8, a_film=1), groups=None)
    report = drift.compare(sets["text"], shifting.write_raw(tmp_path / "new", "text", part))
    groups = len(set(samples.reference(sets["text"]).groups or []))
    assert report.unit == "example" and report.compared == (groups, 100) and not report.drift
    assert "one example of each" in report.notes[0]


def made_up(count: int, groups: list[str] | None) -> Sample:
    x = np.arange(count, dtype=np.float32)[:, None]
    return Sample("made up", DataSpec("", "", "table", (1,), (), features=("a",)), x, groups=groups)


@given(
    st.lists(st.sampled_from("abcdef"), min_size=1, max_size=40),
    st.lists(st.sampled_from("abcdef"), min_size=1, max_size=40),
    st.integers(2, 30),
)
@settings(max_examples=60, deadline=None)
def test_both_sides_are_drawn_by_the_same_rule(a: list[str], b: list[str], examples: int) -> None:
    before, after, units = draw(made_up(len(a), a), made_up(len(b), b), examples, 0)
    most = max(Counter((before.groups or []) + [f"after {g}" for g in after.groups or []]).values())
    assert len(before) <= examples and len(after) <= examples
    if max(len(set(a)), len(set(b))) <= examples:
        for drawn, groups in ((before, a), (after, b)):
            assert Counter(drawn.groups) == {g: min(n, most) for g, n in Counter(groups).items()}
    sides = units[: len(before)], units[len(before) :]
    assert not set(sides[0]) & set(sides[1])
    assert [len(set(side)) for side in sides] == [len(set(before.groups or [])), len(set(after.groups or []))]


def test_a_regression_compares_its_targets(tmp_path: Path) -> None:
    part = shifting.table(400, 300)
    target = part.x["size"].to_numpy() + np.random.default_rng(0).normal(size=400)
    reference = shifting.prepared(tmp_path, "slot", "table", replace(part, y=target), "regress")
    fresh = shifting.table(200, 400)
    moved = replace(fresh, y=fresh.x["size"].to_numpy() + 2)
    report = drift.compare(reference, shifting.write_raw(tmp_path / "new", "table", moved, task="regress"))
    assert drifted(report) == {"target"}
    fresh.x.assign(label=np.arange(200)).to_csv(tmp_path / "new.csv", index=False)
    assert "target" in drifted(drift.compare(reference, tmp_path / "new.csv"))


def test_too_few_examples_are_said(sets: dict[str, Path], tmp_path: Path) -> None:
    few = made_up(3, None)
    report = detect(few, few)
    assert not report.drift and "no adjusted p-value can be below" in report.notes[0]


@pytest.mark.parametrize(
    ("kind", "settings", "said"),
    [
        ("image", {"split": "tset"}, "did you mean 'test'"),
        ("image", {"alpha": 0}, "alpha is 0; expected 0 < alpha < 1"),
        ("image", {"alpha": float("nan")}, "alpha is nan"),
        ("image", {"examples": 1}, "examples is 1; expected examples >= 2"),
        ("image", {"min_effect": float("inf")}, "min_effect is inf"),
        ("image", {"permutations": 0}, "permutations is 0"),
        ("image", {"encoding": "latin-1"}, "encoding and columns are for CSV"),
        ("text", {"current": "text", "current_split": "test", "columns": {"label": "a"}}, "encoding and columns are"),
        ("image", {"current_split": "test"}, "is no prepared set"),
        ("image", {"current": "nowhere"}, "nowhere: no such file or folder"),
        ("image", {"current": "text"}, "holds text data .*, the reference image data"),
        ("image", {"current": "image"}, "is the reference itself"),
        ("image", {"model": Path("nothing")}, "nothing: no model folder"),
    ],
)
def test_mistakes(kind: str, settings: dict, said: str, sets: dict[str, Path], tmp_path: Path) -> None:
    name = settings.pop("current", "raw")
    current = sets.get(name, tmp_path / name)
    if name == "raw":
        shifting.write_raw(current, "image", shifting.images(20, 1))
    with pytest.raises(StemmaError, match=said) as raised:
        drift.compare(sets[kind], current, **settings)
    assert "\n" not in str(raised.value)


def test_labels_that_the_reference_does_not_know(sets: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("text,label\nword1 word2,good\nword3,goood\n")
    with pytest.raises(StemmaError, match=r"row 2: label: unknown name 'goood' \(did you mean 'good'"):
        drift.compare(sets["text"], tmp_path / "new.csv")
    drift.compare(sets["text"], tmp_path / "new.csv", labels=False)
    raw = shifting.write_raw(tmp_path / "raw", "table", shifting.table(20, 1), ("no", "maybe"))
    with pytest.raises(StemmaError, match="label: unknown name 'maybe'"):
        drift.compare(sets["table"], raw)


def test_tables_that_cannot_be_encoded(sets: dict[str, Path], tmp_path: Path) -> None:
    table = shifting.table(20, 1).x
    table.drop(columns="size").to_csv(tmp_path / "less.csv", index=False)
    with pytest.raises(StemmaError, match=r"less.csv: column 'size' is missing"):
        drift.compare(sets["table"], tmp_path / "less.csv")
    table.assign(size="large").to_csv(tmp_path / "words.csv", index=False)
    with pytest.raises(StemmaError, match=r"words.csv: column 'size': 'large' .* is no finite number"):
        drift.compare(sets["table"], tmp_path / "words.csv")
    table[:0].to_csv(tmp_path / "empty.csv", index=False)
    with pytest.raises(StemmaError, match=r"empty.csv: holds no"):
        drift.compare(sets["table"], tmp_path / "empty.csv")
