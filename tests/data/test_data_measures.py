"""What is measured, against what can be counted by hand."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stemma.data.parts import Part
from stemma.data.shards import Shards
from stemma.data.validation import drawing, measures, profile, samples
from stemma.data.validation.labels import suspicious
from stemma.data.validation.lexicon import Lexicon
from stemma.data.validation.repeats import Repeats
from stemma.data.validation.tables import tables

COLUMNS = ["part_a", "row_a", "part_b", "row_b", "how", "distance", "change"]


def pairs(*rows):
    return pd.DataFrame([(*row, 0.1, "") for row in rows], columns=COLUMNS)


def test_repetitions_by_example_and_part():
    parts = {"train": Part(list("aabca"), np.array([0, 0, 1, 1, 1])), "test": Part(list("ax"), np.array([0, 1]))}
    found = Repeats(
        parts,
        pairs(
            ("train", 0, "train", 1, "exact"),
            ("train", 0, "train", 4, "exact"),
            ("train", 0, "test", 0, "exact"),
            ("train", 2, "train", 3, "near"),
            ("train", 3, "test", 1, "near"),
            ("train", 2, "test", 0, "near"),
        ),
    )
    assert found.labels().tolist() == [2, 2, 1, 1, 2, 2, 1]
    assert found.near_labels().tolist() == [1, 1, 2, 1, 1, 2, 1]
    train = {"repeated": 1 / 5, "shared": 3 / 5, "near": 2 / 5, "near_shared": 2 / 5, "dominant": 3 / 5}
    assert found.shares("train") == pytest.approx(train)
    assert found.shares("test") == pytest.approx(
        {"repeated": 0, "shared": 0.5, "near": 0, "near_shared": 1, "dominant": 0}
    )


def test_worst_pairs_are_exact_and_near_ones():
    parts = {"train": Part(list("ab" * 10), np.zeros(20, int)), "test": Part(list("ab" * 10), np.zeros(20, int))}
    table = pairs(*[("train", i, "test", i, "exact" if i < 15 else "near") for i in range(20)])
    table.loc[17, "distance"] = 0.01
    chosen = Repeats(parts, table).worst(table, 8)
    assert chosen == {"across parts": [0, 1, 2, 3, 17, 15, 16, 18], "with different labels": []}
    alone = table[table["how"] == "exact"]
    assert len(Repeats(parts, alone).worst(alone, 8)["across parts"]) == 8


def test_what_a_column_tells():
    x = pd.DataFrame({"copy": np.repeat([5, 6], 20), "town": ["Ulm", "Bonn"] * 20, "one": 1.0, "odd": [0.0] * 39 + [1]})
    train = Part(x, np.repeat([0, 1], 20))
    found = profile.columns(
        {"train": train, "test": Part(x.assign(town="Kiel").drop(columns="one"), train.y)}, "classify"
    )
    found = found.set_index(["part", "column"])
    assert found.loc["train", "tells"].to_dict() == {"copy": True, "town": False, "one": False, "odd": False}
    assert found.loc["train", "constant"].to_dict() == {"copy": False, "town": False, "one": True, "odd": False}
    assert found.loc[("test", "one"), "type"] == "absent" and found.loc[("test", "town"), "unknown"] == 1
    assert np.isnan(found["gap"].to_numpy(float)).all()


@given(st.lists(st.floats(-1e6, 1e6), min_size=10, unique=True), st.floats(0.5, 100))
def test_the_gap_has_no_unit(values, scale):
    values = np.unique(np.round(values, 3))
    if len(values) >= profile.VALUES_TO_JUDGE:
        assert profile.gap(values * scale + 7) == pytest.approx(profile.gap(values), rel=1e-3)
        assert profile.gap(values) >= 0


def test_a_placeholder_stands_far_out():
    assert profile.gap(np.arange(100.0)) == pytest.approx(1 / 98)
    assert profile.gap(np.append(-999.0, np.arange(100.0))) == pytest.approx(999 / 99)
    assert profile.gap(np.arange(9.0)) is None


def test_texts_cut_within_a_word():
    def cut(texts):
        return Lexicon(texts).cut()

    words = ["station", "interesting", "performance", "wonderful", "ordinary", "melancholy"]
    texts = [[words[(i * k) % 6] for k in (1, 2, 3, 5)] for i in range(60)]
    assert cut(texts) == 0
    assert cut([[*text[:-1], text[-1][: 3 + i % 2]] for i, text in enumerate(texts)]) == pytest.approx(1)
    assert cut([["short"], []]) == 0


def test_unknown_words():
    train, test = (Lexicon(map(measures.words, texts)) for texts in (["A b", "c"], ["a d d E", None]))
    assert (train.unknown(train), test.unknown(train)) == (0, 0.75)


@pytest.mark.parametrize("codec", ["latin-1", "cp1252"])
@pytest.mark.parametrize(
    "text", ["wörse", "it’s “fine”", "日本語のテキスト", "Привет мир", "Καλημέρα", "😀 ok", "\ufeffbegin"]
)
def test_utf_8_read_as_something_else_is_noticed(text, codec):
    assert measures.GARBLED.search(text.encode().decode(codec, "replace"))


@pytest.mark.parametrize(
    "text", ["« café», “manhã”… NÃO", "ÄÖÜ ß – GROSS“", "¡¡¡¡¡¡¡¡¡¡ Hola!!", "這部電影很好看", "Привет", "10 °C ± £20 3×“4”", "👍🏽", "a\tb\n"]
)  # fmt: skip
def test_texts_that_are_right_are_not(text):
    assert not measures.GARBLED.search(text) and not measures.STRAY.search(text)


def test_images_are_measured_alike_from_shards():
    x = np.random.default_rng(0).integers(0, 256, (50, 3, 9, 9), np.uint8)
    x[7] = 200
    expected = x.reshape(50, -1).astype(float).std(axis=1)
    assert measures.deviations(x) == pytest.approx(expected, abs=1e-4) and measures.deviations(x)[7] == 0
    assert measures.deviations(Shards([x[:20], x[20:]])).tolist() == measures.deviations(x).tolist()


@settings(max_examples=30)
@given(st.integers(20, 400), st.integers(20, 400), st.integers(0, 2**32 - 1))
def test_shares_that_differ_by_chance_do_not_count(train, test, seed):
    random = np.random.default_rng(seed)
    parts = {
        "train": Part(list("a" * train), random.integers(0, 2, train)),
        "test": Part(list("a" * test), random.integers(0, 2, test)),
    }
    meta = {"kind": "text", "task": "classify", "classes": ["x", "y"]}
    found = tables(parts, meta, {}, Repeats(parts, pairs()[:0]))["classes"]
    assert found["difference"].fillna(0).max() <= 0.1


def slow_suspicious(y, neighbours):
    """From the definition: example -> label of its neighbours and how many have it."""
    agreed = {}
    for i, row in enumerate(neighbours):
        label, agree = max(Counter(y[row].tolist()).items(), key=lambda pair: (pair[1], -pair[0]))
        if (row >= 0).all() and agree >= 7:
            agreed[i] = (label, agree)
    telling = {}
    for label in set(y.tolist()):
        right = [y[i] == label for i, (other, _) in agreed.items() if other == label]
        telling[label] = bool(right) and np.mean(right) > (1 + (y == label).mean()) / 2
    return {i: (label, agree) for i, (label, agree) in agreed.items() if label != y[i] and telling[label]}


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(2, 4), st.floats(0, 0.2))
def test_suspicious_are_those_of_which_seven_of_eight_say_another_label(seed, classes, noise):
    random = np.random.default_rng(seed)
    true = random.integers(-1, classes - 1, 60)
    y = np.where(random.random(60) < noise, random.integers(-1, classes - 1, 60), true)
    neighbours = np.stack([random.choice(np.flatnonzero(true == label), 8) for label in true])
    neighbours[random.integers(0, 60, 3)] = -1
    parts = {"train": Part(None, y[:40]), "validation": Part(None, y[40:40]), "test": Part(None, y[40:])}
    found = suspicious(parts, neighbours)
    start = {"train": 0, "test": 40}
    first, second = ([start[p] + r for p, r in zip(found[f"part_{s}"], found[f"row_{s}"], strict=True)] for s in "ab")
    assert dict(zip(first, zip(found["label"], found["agree"], strict=True), strict=True)) == slow_suspicious(
        y, neighbours
    )
    for a, b, label in zip(first, second, found["label"], strict=True):
        assert b == next(n for n in neighbours[a] if y[n] == label)
    assert found["agree"].is_monotonic_decreasing


def test_labels_that_have_nothing_to_do_with_the_neighbours_are_not_suspicious():
    random = np.random.default_rng(0)
    for share in (0.5, 0.6, 0.8, 0.95):
        y = (random.random(20_000) < share).astype(int)
        found = suspicious({"train": Part(None, y)}, random.integers(0, 20_000, (20_000, 8)))
        assert len(found) <= 0.001 * 20_000


@given(st.lists(st.text("ab c"), max_size=12), st.lists(st.text("ab c"), max_size=12))
def test_a_difference_loses_no_word(a, b):
    left, right = samples.difference(a, b)
    assert " ".join(text for text, _ in left) == " ".join(a) and " ".join(text for text, _ in right) == " ".join(b)
    assert [text for text, marked in left if not marked] == [text for text, marked in right if not marked]


@given(st.lists(st.floats(-1e9, 1e9) | st.integers(-30, 30), min_size=1, max_size=50))
def test_a_histogram_holds_every_value(values):
    values = np.array(values, float)
    borders = drawing.edges(values)
    assert np.histogram(values, borders)[0].sum() == len(values)
    assert f"{len(values):,} values" in drawing.histogram(values, borders, "x")
