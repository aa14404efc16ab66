"""What `find` promises whatever the kind of data: the table, its order, clusters, counts, thresholds, neighbours."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stemma.data import leakage
from stemma.data.leakage import neighbours, thresholds
from stemma.data.parts import Part

LABELS = "part_a row_a part_b row_b how distance change".split()  # noqa: SIM905


def texts(*lines, groups=None):
    return Part(list(lines), np.zeros(len(lines), np.int64), groups)


def table(*rows):
    return pd.DataFrame([dict(zip(LABELS, row, strict=True)) for row in rows], columns=LABELS)


def test_repetitions_are_chained_to_the_first():
    parts = {"train": texts("b", "same", "Same", "c"), "test": texts("same", " same ", "d")}
    found = leakage.find(parts)
    exact = found[found["how"] == "exact"]
    assert exact[["part_a", "row_a", "part_b", "row_b"]].values.tolist() == [
        ["train", 1, "train", 2],
        ["train", 1, "test", 0],
        ["train", 1, "test", 1],
    ]
    assert list(found.columns) == LABELS and (exact["distance"] == 0).all()


def test_pairs_of_a_large_repetition_stay_few():
    found = leakage.find({"train": texts(*["always the same words here"] * 500, "something else altogether")})
    assert len(found) == 499 and (found["row_a"] == 0).all()


def test_tables_and_sequences_are_compared_exactly():
    frame = pd.DataFrame({"a": [1.0, 2.0, 1.0], "b": ["x", "x", "x"]})
    found = leakage.find({"train": Part(frame, np.zeros(3)), "test": Part(frame.iloc[1:], np.zeros(2))})
    assert found[["part_a", "row_a", "part_b", "row_b"]].values.tolist() == [
        ["train", 0, "train", 2],
        ["train", 0, "test", 1],
        ["train", 1, "test", 0],
    ]
    sequences = Part([["k", "ae", "t"], ["d"], ["k", "ae", "t"], ["k", "ae"]], [["x"]] * 4)
    assert leakage.find({"train": sequences})[["row_a", "row_b"]].values.tolist() == [[0, 2]]
    vectors = Part(
        [np.zeros((2, 3), np.float32), np.ones((2, 3), np.float32), np.zeros((2, 3), np.float32)], [["x"]] * 3
    )
    assert leakage.find({"train": vectors})[["row_a", "row_b"]].values.tolist() == [[0, 2]]


@pytest.mark.parametrize("part", [texts(), texts("one"), texts("", "", "!", "?"), texts(None, "a", None)])
def test_next_to_nothing_is_no_error(part):
    found = leakage.find({"train": part})
    assert set(found["how"]) <= {"exact"}


def test_counts_and_affected_test_examples():
    parts = {"train": texts(*"abcd"), "test": texts(*"efgh")}
    pairs = table(
        ("train", 0, "train", 1, "exact", 0.0, ""),
        ("train", 1, "test", 2, "near", 0.1, "word"),
        ("test", 0, "test", 2, "near", 0.2, "word"),
        ("test", 1, "test", 3, "near", 0.2, "word"),
    )
    assert leakage.describe(pairs, parts) == {
        "pairs": {
            "train": {"exact": 1, "near": 0},
            "train, test": {"exact": 0, "near": 1},
            "test": {"exact": 0, "near": 2},
        },
        "test_affected": 2,
        "test_share": 0.5,
    }
    assert leakage.describe(pairs[:0], {"train": texts("a")}) == {"pairs": {"train": {"exact": 0, "near": 0}}}


@settings(deadline=None, max_examples=50)
@given(st.data())
def test_clusters_are_closed_under_pairs_and_groups(data):
    sizes = {"train": 6, "test": 5}
    name = st.sampled_from([None, "x", "y", "z"])
    parts = {
        part: texts(*(f"{part} {i}" for i in range(n)), groups=data.draw(st.lists(name, min_size=n, max_size=n)))
        for part, n in sizes.items()
    }
    places = [(part, row) for part, n in sizes.items() for row in range(n)]
    drawn = data.draw(st.lists(st.tuples(*[st.sampled_from(range(len(places)))] * 2), max_size=8))
    pairs = table(*((*places[min(p)], *places[max(p)], "near", 0.1, "") for p in drawn))
    found = leakage.clusters(parts, pairs)
    number = np.concatenate([found[part] for part in sizes])
    groups = [group for part in parts.values() for group in part.groups]
    reach = np.eye(len(places), dtype=bool)
    for i, j in drawn:
        reach[i, j] = reach[j, i] = True
    reach |= np.array([[a is not None and a == b for b in groups] for a in groups])
    for _ in places:
        reach = reach @ reach
    assert np.array_equal(number[:, None] == number[None], reach)


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 90), st.integers(1, 12), st.integers(0, 9))
def test_nearest_is_what_all_distances_say(count, k, seed):
    points = np.random.default_rng(seed).integers(-3, 4, (count, 3)).astype(np.float32)
    distances = ((points[:, None] - points[None]) ** 2).sum(2)
    np.fill_diagonal(distances, np.inf)
    found = neighbours.nearest(points, k)
    k = min(k, count - 1)
    assert found.shape == (count, k)
    assert all(row not in near and len(set(near)) == k for row, near in enumerate(found.tolist()))
    taken = np.take_along_axis(distances, found, 1)
    assert np.array_equal(taken, np.sort(distances, 1)[:, :k])


def test_nearest_goes_in_chunks(monkeypatch):
    points = np.random.default_rng(0).normal(size=(300, 5)).astype(np.float32)
    whole = neighbours.nearest(points, 6)
    monkeypatch.setattr(neighbours, "CHUNK", 7 * 320)
    assert np.array_equal(neighbours.nearest(points, 6), whole)


def test_candidates_name_each_pair_once():
    a, b = neighbours.candidates(np.array([[1, 2], [0, 2], [3, 1], [2, 0]]))
    assert list(zip(a.tolist(), b.tolist(), strict=True)) == [(0, 1), (0, 2), (0, 3), (1, 2), (2, 3)]


def natural(count, middle, deviation, seed=0):
    """Distances to 8 neighbours, the nearest log-normal."""
    nearest = middle * np.exp(deviation * np.random.default_rng(seed).normal(size=(count, 1)))
    return nearest * np.linspace(1, 1.4, 8)


def test_thresholds_follow_the_distances_of_each_class():
    y = np.repeat([0, 1], 2000)
    distances = np.concatenate([natural(2000, 0.15, 0.2), natural(2000, 0.4, 0.15, 1)])
    limits = thresholds.by_class(distances, y, 2, most=1.0)
    assert limits == pytest.approx([0.15 * np.exp(-0.8), 0.4 * np.exp(-0.6)], rel=0.1)
    assert (thresholds.by_class(distances, y, 2, most=0.1) <= 0.1).all()


def test_duplicates_among_the_distances_hardly_move_the_threshold():
    distances, y = natural(2000, 0.4, 0.15), np.zeros(2000, np.int64)
    limit = thresholds.by_class(distances, y, 1, most=1.0)[0]
    distances[:500, :3] = 0.02
    assert thresholds.by_class(distances, y, 1, most=1.0)[0] == pytest.approx(limit, rel=0.1)


def test_a_small_class_takes_the_threshold_of_all():
    y = np.repeat([0, 2], [400, 10])
    limits = thresholds.by_class(np.concatenate([natural(400, 0.3, 0.1), natural(10, 0.9, 0.1)]), y, 3, most=1.0)
    assert limits[1] == limits[2] == pytest.approx(limits[0], rel=0.1)


def test_the_sample_is_even_and_by_class():
    y = np.repeat([0, 1], [1000, 20])
    rows = thresholds.sample(y)
    assert np.bincount(y[rows]).tolist() == [thresholds.SAMPLE, 20]
    assert rows[0] == 0 and rows[-1] == 1019 and (np.diff(rows) > 0).all()
