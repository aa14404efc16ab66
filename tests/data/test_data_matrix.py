"""Kinds, tasks and settings in combination: a prepared set that agrees with its description, or an error in a line."""

import itertools

import numpy as np
import pytest
import raw_sets

from stemma.data import catalog, leakage, store
from stemma.data.parts import Part, Raw, Resize
from stemma.data.preparation.divide import Division
from stemma.data.preparation.encode import Encoding
from stemma.data.preparation.prepare import prepare
from stemma.data.raw import load_meta, load_parts
from stemma.data.resize import resized
from stemma.data.validation.labels import suspicious
from stemma.data.validation.limits import Limits
from stemma.data.validation.repeats import Repeats
from stemma.data.validation.suite import suite
from stemma.data.validation.tables import tables
from stemma.errors import StemmaError
from stemma.spec import IGNORE

PARTS = {
    "train alone": ("train",),
    "own test": ("train", "test"),
    "own validation": ("train", "validation"),
    "all its own": ("train", "validation", "test"),
}
DIVISIONS = {
    "as usual": {},
    "few labels": {"labels_per_class": 3},
    "more labels than there are": {"labels_per_class": 500},
    "first fold": {"folds": 3},
    "last fold": {"folds": 3, "fold": 2},
    "more folds than examples": {"folds": 500},
    "half of train": {"train_fraction": 0.5},
    "next to nothing of train": {"train_fraction": 0.001},
    "keep": {"duplicates": "keep"},
    "keep, folds, few labels": {"duplicates": "keep", "folds": 2, "labels_per_class": 1, "train_fraction": 0.7},
    "no validation": {"validation": 0.0},
    "no test": {"test_share": 0.0},
    "all held out": {"test_share": 1.0},
}
ENCODINGS = {
    "image": [{}],
    "text": [{"tokens": "character"}, {"tokens": "byte", "max_length": 1}, {"vocabulary": 2, "min_count": 9999}],
    "table": [{"scaling": "minmax"}, {"scaling": "none"}, {"scaling": "standard"}],
    "sequence": [{"max_length": 1}, {"max_length": 999}, {"vocabulary": 1}],
}
TYPES = {"image": np.uint8, "text": np.int32, "table": np.float32}


def made(kind, task, names, count=24):
    """Parts of `count` examples without groups, the later ones of half as many."""
    sizes = [count if i == 0 else max(count // 2, 1) for i in range(len(names))]
    parts = [raw_sets.CLEAN[kind, task](count=size, seed=i) for i, size in enumerate(sizes)]
    return {name: Part(part.x, part.y) for name, part in zip(names, parts, strict=True)}


def tried(folder, parts, kind, task, division, encoding, **meta):
    """The prepared set after a check against its description, or None after an error that a user can read."""
    raw = raw_sets.raw_folder(folder / "raw", parts, kind, task, **meta)
    try:
        spec = prepare(raw, folder / "set", Division(**division), Encoding(**encoding))
    except StemmaError as error:
        assert str(error).strip() and "\n" not in str(error) and not (folder / "set").exists()
        return None
    assert spec == store.load_spec(folder / "set")
    assert {"train", "validation", "test"} <= set(spec.sizes) <= {*store.SPLITS, store.UNLABELLED}
    for name, size in spec.sizes.items():
        agrees(spec, store.load_split(folder / "set", name), size, name)
    if task == "classify":
        counts = np.bincount(store.load_split(folder / "set", "train").y, minlength=len(spec.classes))
        assert spec.class_counts == tuple(counts.tolist()) and min(counts) >= 1
    return spec


def agrees(spec, split, size, name):
    assert len(split) == len(split.x) == size > 0
    assert tuple(split.x.shape[1:]) == spec.shape
    whole = spec.vocabulary_size > 0
    assert split.x.dtype == TYPES.get(spec.kind, np.int32 if whole else np.float32)
    x = np.asarray(split.x[:])
    assert np.isfinite(x).all() and (not whole or ((x >= 0).all() and (x < spec.vocabulary_size).all()))
    if split.lengths is not None:
        assert split.lengths.min() >= 1 and split.lengths.max() <= spec.shape[0]
    target_agrees(spec, split, name)


def target_agrees(spec, split, name):
    y = np.asarray(split.y)
    if spec.task == "regress":
        assert y.dtype == np.float32 and np.isfinite(y).all() and np.isfinite([spec.target_mean, spec.target_std]).all()
        assert spec.target_std > 0
    elif spec.task == "classify":
        assert y.dtype == np.int64 and (np.unique(y).tolist() == [-1] if name == store.UNLABELLED else set(y) <= {0, 1})
    elif spec.task == "label":
        assert y.shape == (len(split), *spec.shape) and set(np.unique(y)) <= {IGNORE, *range(len(spec.classes))}
        assert np.array_equal((y != IGNORE).sum(1), split.lengths)
    else:
        assert (y >= 0).all() and (y < len(spec.classes)).all() and split.target_lengths.max() <= y.shape[1]


OWN = [("image", "classify"), ("table", "regress"), ("sequence", "label")]
CASES = [(which, own) for which in raw_sets.CLEAN for own in PARTS if own == "train alone" or which in OWN]
FEW = ("as usual", "few labels", "last fold", "half of train", "no validation", "no test")


@pytest.mark.parametrize(("which", "own"), CASES, ids=["-".join([*which, own]) for which, own in CASES])
def test_every_division_of_every_kind_and_task(tmp_path, which, own):
    done = set()
    for i, name in enumerate(DIVISIONS if own == "train alone" else FEW):
        encoding = ENCODINGS[which[0]][i % len(ENCODINGS[which[0]])]
        (tmp_path / str(i)).mkdir()
        spec = tried(tmp_path / str(i), made(*which, PARTS[own]), *which, DIVISIONS[name], encoding)
        if spec is not None:
            done.add(name)
            assert (store.UNLABELLED in spec.sizes) == ("labels_per_class" in DIVISIONS[name])
    wanted = {"as usual", "half of train"}
    wanted |= {"few labels"} if which[1] == "classify" else set()
    wanted |= {"last fold"} if own != "all its own" else set()
    wanted |= {"no validation"} if "validation" in PARTS[own] else set()
    wanted |= {"no test"} if "test" in PARTS[own] else set()
    if own == "train alone":
        wanted |= {"first fold", "keep", "next to nothing of train"} | (
            {"keep, folds, few labels"} if which[1] == "classify" else set()
        )
    assert done == wanted


@pytest.mark.parametrize("which", raw_sets.CLEAN, ids="-".join)
@pytest.mark.parametrize("count", [1, 2, 5])
def test_sets_of_a_few_examples(tmp_path, which, count):
    settings = ({}, {"folds": 2}, {"duplicates": "keep", "train_fraction": 0.5})
    for i, (own, division) in enumerate(itertools.product(("train alone", "all its own"), settings)):
        (tmp_path / str(i)).mkdir()
        tried(tmp_path / str(i), made(*which, PARTS[own], count), *which, division, {})


def one_class_in_test_alone(parts):
    parts["train"].y[:] = 0


def one_label(parts):
    for part in parts.values():
        part.y[:] = 0


def one_content(parts):
    for part in parts.values():
        part.x[:] = [part.x[0]] * len(part)


def same_in_both(parts):
    parts["test"] = parts["train"]


def one_group(parts):
    parts["train"] = Part(parts["train"].x, parts["train"].y, ["a"] * len(parts["train"]))


def blank(parts):
    parts["train"].x[:] = [parts["train"].x[0][:0]] * len(parts["train"])


ODD = [one_class_in_test_alone, one_label, one_content, same_in_both, one_group, blank]


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("kind", ["image", "text", "table", "sequence"])
def test_odd_sets_are_refused_in_a_line_or_right(tmp_path, kind, odd):
    if (kind in ("table", "image") and odd is blank) or (kind == "table" and odd is one_content):
        pytest.skip("needs a list of texts or sequences, or images")
    for i, (own, how) in enumerate(itertools.product([("train",), ("train", "test")], ["separate", "keep"])):
        parts = made(kind, "classify", own)
        if odd is one_content and kind == "image":
            [part.x.fill(7) for part in parts.values()]
        elif odd is not same_in_both or "test" in own:
            odd(parts)
        (tmp_path / str(i)).mkdir()
        tried(tmp_path / str(i), parts, kind, "classify", {"duplicates": how}, {})


@pytest.mark.parametrize("task", ["classify", "regress"])
@pytest.mark.parametrize("different", [24, 1])
def test_labels_all_different_or_all_the_same(tmp_path, task, different):
    for i, division in enumerate(DIVISIONS.values()):
        part = raw_sets.table(24, task=task)
        y = (np.arange(24) % different).astype(np.int64 if task == "classify" else np.float64)
        names = [str(label) for label in range(24)] if task == "classify" else []
        (tmp_path / str(i)).mkdir()
        spec = tried(tmp_path / str(i), {"train": Part(part.x, y)}, "table", task, division, {}, classes=names)
        assert spec is None or task == "regress"


@pytest.mark.parametrize("method", ["mean", "max", "bicubic"])
@pytest.mark.parametrize("size", [(3, 3), (9, 5), (40, 3)])
def test_resized_sets(tmp_path, method, size):
    raw = resized(Raw(made("image", "classify", ("train", "test")), raw_sets.CLASSES), Resize(*size, method), tmp_path)
    spec = tried(tmp_path, raw.parts, "image", "classify", {"duplicates": "keep"}, {}, resize=method, size=list(size))
    assert (spec.shape, spec.resize) == ((1, *size), method)


@pytest.mark.parametrize("which", raw_sets.CLEAN, ids="-".join)
@pytest.mark.parametrize("count", [1, 2, 9, 24])
def test_the_tables_and_checks_of_small_sets(which, count):
    """What `validate` does before Great Expectations looks at it."""
    kind, task = which
    for names in PARTS.values():
        parts = made(*which, names, count)
        found = leakage.search(parts)
        assert found.neighbours.shape == (sum(map(len, parts.values())), 8)
        suspects = suspicious(parts, found.neighbours) if task == "classify" else None
        meta = {"kind": kind, "task": task, "classes": raw_sets.NAMES.get(task, ())}
        frames = tables(parts, meta, {}, Repeats(parts, found.pairs), suspects)
        for check in suite(raw_sets.entry(kind, task), meta, frames, Limits()):
            columns = [value for key, value in check.arguments.items() if key.startswith("column")]
            assert set(columns) <= set(frames[check.table].columns), check.name


@pytest.mark.parametrize("which", [("image", "classify"), ("table", "regress")], ids="-".join)
def test_from_raw_files_by_way_of_validation(tmp_path, monkeypatch, which):
    monkeypatch.setitem(catalog.CATALOG, "toy", raw_sets.entry(*which))
    raw = raw_sets.raw_folder(tmp_path / "raw", made(*which, ("train",), 3), *which)
    raw_sets.judge(raw)
    with pytest.raises(StemmaError, match=r"holds no example"):
        prepare(raw, tmp_path / "set", Division(labels_per_class=2), duplicates=raw / "pairs.parquet")
    assert load_parts(raw, load_meta(raw)["kind"]).keys() == {"train"}
