import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stemma.data import store
from stemma.data.ingest import ingest
from stemma.data.parts import Part
from stemma.data.prepare import check_disjoint, pixel_statistics, prepare, split
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


def test_clusters_join_through_groups_and_content():
    found = clusters(["a", "b", "a", "c", "d"], ["x", "y", "z", "y", "w"])
    assert found[0] == found[2] and found[1] == found[3] and len(set(found.tolist())) == 3
    found = clusters(["a", "b", "b", "c"], ["x", "x", "y", "y"])
    assert len(set(found.tolist())) == 1


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
    assert np.array_equal(parts["test"].x, test.x)
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
    spec = prepare(tmp_path / "raw", tmp_path / "out", max_length=5, vocabulary=8, min_count=2)
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
