import json
from dataclasses import replace

import making
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stemma.data import store
from stemma.data.ingest import ingest
from stemma.data.parts import Part
from stemma.data.preparation.divide import Division, check_clusters, check_disjoint, divide
from stemma.data.preparation.encode import Encoding, pixel_statistics
from stemma.data.preparation.prepare import NO_PAIRS, prepare
from stemma.data.split import clusters, content_keys, held_out
from stemma.data.text import tokenize
from stemma.errors import StemmaError

WORDS = "the a film plot actor scene bad good dull fine great poor slow quick".split()  # noqa: SIM905


def reviews(count=300, films=30, seed=0):
    """Distinct texts, two classes, some films with one class only."""
    random = np.random.default_rng(seed)
    film = random.integers(0, films, count)
    label = (random.random(count) < np.linspace(0, 1, films)[film]).astype(np.int64)
    texts = [f"{' '.join(random.choice(WORDS, 6))} w{i}" for i in range(count)]
    return Part(texts, label, [f"film {f}" for f in film])


def pictures(count, seed=0, classes=4):
    x = np.random.default_rng(seed).integers(0, 256, (count, 1, 4, 4), np.uint8)
    return Part(x, np.arange(count, dtype=np.int64) % classes)


def split(parts, classes, validation, test_share, seed, pairs=NO_PAIRS, **how):
    division = Division(validation=validation, test_share=test_share, seed=seed, **how)
    return divide(parts, clusters(parts, pairs), "classify", tuple("abcdefghij"[:classes]), division)


def texts(*x, groups=None):
    return Part(list(x), np.zeros(len(x), np.int64), groups)


def numbers(part, pairs=NO_PAIRS):
    return clusters({"train": part}, pairs)["train"].tolist()


def test_clusters_join_through_groups_content_and_pairs():
    found = numbers(texts("a", "b", "a", "c", "d", groups=["x", "y", "z", "y", "w"]))
    assert found[0] == found[2] and found[1] == found[3] and len(set(found)) == 3
    assert len(set(numbers(texts("a", "b", "b", "c", groups=["x", "x", "y", "y"])))) == 1
    pairs = pd.DataFrame({"part_a": ["train"], "row_a": [0], "part_b": ["test"], "row_b": [1]})
    found = clusters({"train": texts("a", "b"), "test": texts("c", "d")}, pairs)
    assert found["train"][0] == found["test"][1] and len({*found["train"], *found["test"]}) == 3


def test_texts_without_a_group_do_not_belong_together():
    assert len(set(numbers(texts("a", "b", groups=[None, None])))) == 2


def test_equal_text_is_equal_after_normalisation():
    part = Part(["A  Film!", "a film !", "a film"], np.zeros(3, np.int64))
    keys = content_keys(part)
    assert keys[0] == keys[1] != keys[2]


@settings(deadline=None)
@given(st.integers(2, 5), st.integers(20, 200), st.floats(0.05, 0.5), st.integers(0, 9))
def test_singletons_are_stratified_exactly(classes, count, share, seed):
    y = np.arange(count) % classes
    chosen = held_out(y, np.arange(count), share, seed)
    wanted = np.maximum(np.rint(share * np.bincount(y)), 1)
    assert (np.bincount(y[chosen], minlength=classes) == wanted).all()
    assert np.array_equal(chosen, held_out(y, np.arange(count), share, seed))


def test_split_by_group_is_disjoint_and_near_its_shares():
    part = reviews(2000, 100)
    parts = split({"train": part}, 2, 0.1, 0.2, seed=3)
    groups = {name: set(p.groups) for name, p in parts.items()}
    assert not groups["train"] & groups["test"] and not groups["train"] & groups["validation"]
    assert not groups["validation"] & groups["test"]
    assert sum(len(p) for p in parts.values()) == 2000
    assert abs(len(parts["test"]) - 400) <= 20 and abs(len(parts["validation"]) - 160) <= 20
    shares = [p.y.mean() for p in parts.values()]
    assert max(shares) - min(shares) < 0.1, "classes are about as frequent in every split"
    other = split({"train": part}, 2, 0.1, 0.2, seed=4)
    assert other["test"].x != parts["test"].x


def test_official_test_stays_and_train_loses_what_it_shares():
    train, test = pictures(80), pictures(40, seed=1)
    shared = Part(np.concatenate([train.x, test.x[:6]]), np.concatenate([train.y, test.y[:6]]))
    parts = split({"train": shared, "test": test}, 4, 0.25, 0.2, seed=0)
    assert np.array_equal(np.asarray(parts["test"].x), test.x)
    assert len(parts["train"]) + len(parts["validation"]) == 80
    check_disjoint(parts)
    with pytest.raises(StemmaError, match="share an example"):
        check_disjoint({"train": shared, "test": test})
    with pytest.raises(StemmaError, match="'train' and 'test' share"):
        check_disjoint({"train": Part(["a"], np.zeros(1), ["f"]), "test": Part(["b"], np.zeros(1), ["f"])})


def test_repetitions_fall_into_one_split():
    part = pictures(100)
    doubled = Part(np.concatenate([part.x, part.x]), np.concatenate([part.y, part.y]))
    parts = split({"train": doubled}, 4, 0.2, 0.2, seed=0)
    assert sum(len(p) for p in parts.values()) == 200
    check_disjoint(parts)


def test_a_class_without_room_is_said():
    lonely = Part(["a", "b", "c"], np.array([0, 1, 1]), ["f", "g", "g"])
    with pytest.raises(StemmaError, match="split 'train' holds no example of class 0"):
        split({"train": lonely}, 2, 0.1, 0.2, seed=0)
    with pytest.raises(StemmaError, match="split 'validation' holds no example"):
        split({"train": pictures(40)}, 4, 0.0, 0.2, seed=0)


@settings(deadline=None, max_examples=25)
@given(st.integers(2, 6), st.integers(100, 200), st.integers(0, 5))
def test_folds_hold_every_example_once_and_divide_no_group(folds, count, seed):
    part = replace(reviews(count, 20, seed), y=np.arange(count) % 2)
    held = []
    for fold in range(folds):
        splits = split({"train": part}, 2, 0.3, 0.2, seed, folds=folds, fold=fold)
        check_disjoint(splits)
        held += splits["test"].x
    assert sorted(held) == sorted(part.x)


def test_folds_of_a_source_with_its_own_test_are_validations():
    parts = {"train": pictures(80), "test": pictures(40, seed=1)}
    held = [split(parts, 4, 0.1, 0.2, 0, folds=4, fold=f)["validation"] for f in range(4)]
    assert [len(part) for part in held] == [20] * 4
    assert len({image.tobytes() for part in held for image in part.x}) == 80
    with pytest.raises(StemmaError, match="folds: 90, but only 80 groups or distinct examples"):
        split(parts, 4, 0.1, 0.2, 0, folds=90)


def test_near_duplicates_stay_together_or_leave_train():
    part = pictures(100)
    near = pd.DataFrame(
        {"part_a": "train", "row_a": np.arange(0, 100, 2), "part_b": "train", "row_b": np.arange(1, 100, 2)}
    )
    where = {image.tobytes(): i for i, image in enumerate(part.x)}
    splits = split({"train": part}, 4, 0.2, 0.2, 0, near)
    rows = {name: {where[image.tobytes()] for image in p.x} for name, p in splits.items()}
    for row in range(0, 100, 2):
        assert sum({row, row + 1} <= mine for mine in rows.values()) == 1
    across = near.assign(part_b="test", row_b=np.arange(50) % 40).iloc[:10]
    official = {"train": part, "test": pictures(40, seed=1)}
    splits = split(official, 4, 0.2, 0.2, 0, across)
    assert len(splits["test"]) == 40 and len(splits["train"]) + len(splits["validation"]) == 90
    kept = split(official, 4, 0.2, 0.2, 0, across, duplicates="keep")
    assert len(kept["train"]) + len(kept["validation"]) == 100


def test_folds_without_a_part_to_draw_are_refused():
    parts = {"train": pictures(80), "validation": pictures(40, seed=1), "test": pictures(40, seed=2)}
    with pytest.raises(StemmaError, match="folds: 3, but the source has its own validation and test parts"):
        split(parts, 4, 0.1, 0.2, 0, folds=3)


def test_pairs_of_other_data_and_missing_ones_are_refused(tmp_path):
    raw = making.raw_folder(tmp_path / "raw", "image", {"train": pictures(80)}, tuple("abcd"))
    pairs = pd.DataFrame({"part_a": ["train"], "row_a": [0], "part_b": ["train"], "row_b": [80]})
    for wrong in (pairs, pairs.assign(part_b="test", row_b=1)):
        wrong.to_parquet(tmp_path / "pairs.parquet")
        with pytest.raises(StemmaError, match="of other data; run `dvc repro validate`"):
            prepare(raw, tmp_path / "out", duplicates=tmp_path / "pairs.parquet")
    with pytest.raises(StemmaError, match=r"none.parquet: missing; run `dvc repro validate`"):
        prepare(raw, tmp_path / "out", duplicates=tmp_path / "none.parquet")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("count", [1, 2, 3])
def test_too_few_examples_are_said(count):
    with pytest.raises(
        StemmaError, match="too few examples or groups for test_share, validation, folds or train_fraction"
    ):
        split({"train": pictures(count, classes=count)}, count, 0.1, 0.2, 0)


def test_the_settings_are_kept_beside_the_arrays(tmp_path):
    raw = making.raw_folder(tmp_path / "raw", "image", {"train": pictures(80)}, tuple("abcd"))
    prepare(raw, tmp_path / "out", Division(seed=3, train_fraction=0.5))
    settings_ = json.loads((tmp_path / "out/settings.json").read_text())
    assert settings_["seed"] == 3 and settings_["train_fraction"] == 0.5 and settings_["tokens"] == "word"


def test_a_cluster_in_two_splits_is_refused():
    with pytest.raises(StemmaError, match=r"'train' and 'test' share near duplicates \(cluster 3\)"):
        check_clusters({"train": np.array([1, 3]), "validation": np.array([2]), "test": np.array([3])})


def test_fraction_and_few_labels():
    whole = split({"train": pictures(400)}, 4, 0.1, 0.2, 0)
    half = split({"train": pictures(400)}, 4, 0.1, 0.2, 0, train_fraction=0.5)
    assert np.bincount(half["train"].y).tolist() == [36] * 4, "half of 288, class by class"
    assert all(np.array_equal(np.asarray(half[n].x), np.asarray(whole[n].x)) for n in ("validation", "test"))
    few = split({"train": pictures(400)}, 4, 0.1, 0.2, 0, labels_per_class=10)
    assert np.bincount(few["train"].y).tolist() == [10] * 4
    assert set(few["unlabelled"].y.tolist()) == {-1} and len(few["unlabelled"]) == 248
    together = {image.tobytes() for name in ("train", "unlabelled") for image in few[name].x}
    assert together == {image.tobytes() for image in whole["train"].x}
    with pytest.raises(StemmaError, match="labels_per_class: 100, but class 'a' has only 72 in train"):
        split({"train": pictures(400)}, 4, 0.1, 0.2, 0, labels_per_class=100)
    with pytest.raises(StemmaError, match="is for classes, the task is regress"):
        parts = {"train": Part(pictures(40).x, np.arange(40.0))}
        divide(parts, clusters(parts, NO_PAIRS), "regress", (), Division(labels_per_class=2))


def test_statistics_and_vocabulary_see_the_unlabelled(tmp_path):
    raw = making.raw_folder(tmp_path / "raw", "image", {"train": pictures(400)}, tuple("abcd"))
    few, whole = prepare(raw, tmp_path / "few", Division(labels_per_class=5)), prepare(raw, tmp_path / "whole")
    assert few.mean == whole.mean and few.class_counts == (5, 5, 5, 5)
    assert store.load_unlabelled(tmp_path / "few").y.max() == -1 and store.load_unlabelled(tmp_path / "whole") is None


def test_pixel_statistics_are_exact():
    x = np.random.default_rng(0).integers(0, 256, (50, 3, 5, 7), np.uint8)
    mean, std = pixel_statistics(x)
    scaled = x.astype(np.float64) / 255
    assert np.allclose(mean, scaled.mean((0, 2, 3)), atol=1e-12, rtol=0)
    assert np.allclose(std, scaled.std((0, 2, 3)), atol=1e-12, rtol=0)


@pytest.fixture
def table(tmp_path):
    """The user's own CSV with groups."""
    part = reviews()
    frame = pd.DataFrame({"text": part.x, "label": ["bad" if y == 0 else "good" for y in part.y]})
    frame.assign(group=part.groups).to_csv(tmp_path / "own.csv", index=False)
    return tmp_path / "own.csv"


def test_prepared_text(table, tmp_path):
    ingest(f"csv@{table}", tmp_path / "raw")
    spec = prepare(tmp_path / "raw", tmp_path / "out", encoding=Encoding(max_length=5, vocabulary=8, min_count=2))
    assert (spec.label, spec.kind, spec.shape, spec.classes) == (
        f"csv@{table}",
        "text",
        (5,),
        ("bad", "good"),
    )
    assert store.load_spec(tmp_path / "out") == spec
    vocabulary = store.load_vocabulary(tmp_path / "out")
    train, test = (store.load_split(tmp_path / "out", name) for name in ("train", "test"))
    seen = {token for text in train.texts for token in tokenize(text)}
    assert set(vocabulary[2:]) <= seen and len(vocabulary) == 10 == spec.vocabulary_size
    only_elsewhere = {t for text in test.texts for t in tokenize(text)} - seen
    assert only_elsewhere and not only_elsewhere & set(vocabulary)
    assert train.x.dtype == np.int32 and train.x.shape == (spec.sizes["train"], 5)
    assert train.lengths.min() >= 1 and train.x.max() < spec.vocabulary_size


def test_statistics_know_train_alone(tmp_path):
    parts = {"train": pictures(80), "test": pictures(40, seed=1)}
    prepared = split(parts, 4, 0.25, 0.2, seed=0)
    darker = {**parts, "test": Part(parts["test"].x // 9, parts["test"].y)}
    again = split(darker, 4, 0.25, 0.2, seed=0)
    assert pixel_statistics(prepared["train"].x) == pixel_statistics(again["train"].x)


def test_equal_bytes_on_two_runs_and_no_leftovers(table, tmp_path):
    for run in ("a", "b"):
        ingest(f"csv@{table}", tmp_path / run / "raw")
        prepare(tmp_path / run / "raw", tmp_path / run / "out")
    for file in sorted((tmp_path / "a").rglob("*.*")):
        assert file.read_bytes() == (tmp_path / "b" / file.relative_to(tmp_path / "a")).read_bytes(), file
    (tmp_path / "a" / "out" / "stale_x.npy").write_bytes(b"old")
    prepare(tmp_path / "a" / "raw", tmp_path / "a" / "out")
    assert not (tmp_path / "a" / "out" / "stale_x.npy").exists()
    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == ["out", "raw"]


def test_a_failure_leaves_the_last_result(table, tmp_path):
    ingest(f"csv@{table}", tmp_path / "raw")
    before = (tmp_path / "raw" / "meta.json").read_text()
    table.write_text("text,label\na,0\n")
    with pytest.raises(StemmaError):
        ingest(f"csv@{table}", tmp_path / "raw")
    assert (tmp_path / "raw" / "meta.json").read_text() == before
    assert json.loads(before)["classes"] == ["bad", "good"]
    with pytest.raises(StemmaError, match=r"meta.json is missing\); run"):
        prepare(tmp_path / "nothing", tmp_path / "out")


def test_test_examples_that_belong_together_are_numbered(tmp_path):
    """Of one film, or exact repetitions of each other; where none do there is no file."""
    x = ["a film", "A film!", "bad plot", "good plot", "dull", "great actor"]
    train = Part([f"{text} {n}" for text in x for n in range(9)], np.arange(54) % 2)
    for name, groups in (("films", ["f", "g", "h", "h", "i", None]), ("loose", None)):
        test = Part(["a film", "a  FILM", *x[2:]] if groups else x, np.arange(6) % 2, groups)
        raw = making.raw_folder(tmp_path / name, "text", {"train": train, "test": test}, ("no", "yes"))
        prepare(raw, tmp_path / f"{name}-out", encoding=Encoding(min_count=1))
    assert store.load_test_groups(tmp_path / "films-out") == [0, 0, 1, 1, 2, 3]
    assert store.load_test_groups(tmp_path / "loose-out") is None
