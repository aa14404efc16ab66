import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stemma.data import leakage
from stemma.data.leakage import texts
from stemma.data.parts import Part

STEMS = [
    a + b + c
    for a in ("ba", "cor", "du", "fil", "gra", "ho", "kem")
    for b in ("m", "nt", "r", "sh", "l")
    for c in ("a", "ent", "ori", "ish", "ule", "ock", "eam", "ut", "iva")
]


def sentences(count, words=12, seed=0):
    random = np.random.default_rng(seed)
    return [" ".join(random.choice(STEMS, words)) for _ in range(count)]


def part(lines, classes=2):
    return Part(list(lines), np.arange(len(lines), dtype=np.int64) % classes)


def found(parts):
    return {(r.part_a, r.row_a, r.part_b, r.row_b): r for r in leakage.find(parts).itertuples()}


def misspelt(text):
    return text[:9] + "z" + text[10:30] + "q" + text[31:]


def without(text, word):
    words = text.split()
    return " ".join(words[:word] + words[word + 1 :])


CHANGES = {
    "punctuation": lambda text: f"«{text.replace(' ', ', ', 1)}»!",
    "spelling": misspelt,
    "drop": lambda text: without(text, 5),
    "word": lambda text: re.sub(r"\S+$", "ducks", text),
    "order": lambda text: " ".join([*text.split()[1:3], text.split()[0], *text.split()[3:]]),
}


@pytest.mark.parametrize("change", CHANGES)
def test_edited_copies_are_found_and_nothing_else(change):
    train = sentences(300)
    test = [CHANGES[change](text) for text in train[40:60]] + sentences(80, seed=1)
    pairs = found({"train": part(train), "test": part(test)})
    assert set(pairs) == {("train", 40 + i, "test", i) for i in range(20)}
    assert {(r.how, r.change) for r in pairs.values()} == {("near", change)}
    assert all(0 <= r.distance <= texts.MOST for r in pairs.values())


@pytest.mark.parametrize("change", [str.upper, lambda text: f"  {text}\n", lambda text: text.replace(" ", "\u00a0")])
def test_case_and_white_space_make_no_other_text(change):
    train = sentences(50)
    pairs = found({"train": part(train), "test": part([change(text) for text in train[:5]])})
    assert set(pairs) == {("train", i, "test", i) for i in range(5)} and {r.how for r in pairs.values()} == {"exact"}


def test_clean_texts_have_no_pairs():
    assert found({"train": part(sentences(400)), "test": part(sentences(200, seed=1))}) == {}


def test_short_texts_that_share_a_word_are_no_duplicates():
    nouns = STEMS[:30]
    lines = [f"{how} {noun} !" for noun in nouns for how in ("good", "bad", "great", "dull")]
    assert found({"train": part(lines)}) == {}
    pairs = found({"train": part(lines), "test": part([f"Good {nouns[0]}"])})
    assert set(pairs) == {("train", 0, "test", 0)}


def test_texts_without_letters_are_only_equal_to_themselves():
    lines = ["!", "?", "", None, "...", "!", *sentences(20)]
    pairs = found({"train": part(lines)})
    assert set(pairs) == {("train", 0, "train", 5), ("train", 2, "train", 3)}
    assert {r.how for r in pairs.values()} == {"exact"}


def test_languages_without_spaces():
    random = np.random.default_rng(0)
    lines = ["".join(chr(0x4E00 + i) for i in random.integers(0, 800, 40)) for _ in range(100)]
    copies = [line[:20] + "，" + line[20:] for line in lines[:3]] + [line[:11] + line[12:] for line in lines[3:6]]
    assert set(found({"train": part(lines), "test": part(copies)})) == {("train", i, "test", i) for i in range(6)}


def test_words_that_differ_in_a_vowel_sign_differ():
    assert len(set(texts.normalised(["की", "के", "कि"]))) == 3
    assert texts.normalised(["It’s GREAT…", "its great", "ÉTÉ – ﬁn"]) == ["its great", "its great", "été fin"]


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 99), st.sampled_from(sorted(CHANGES)), st.integers(0, 59))
def test_a_planted_copy_is_always_in_the_cluster_of_its_source(seed, change, row):
    train = sentences(60, seed=seed)
    parts = {"train": part(train), "test": part([CHANGES[change](train[row])])}
    number = leakage.clusters(parts, leakage.find(parts))
    assert number["test"][0] == number["train"][row]


def test_many_copies_do_not_hide_each_other():
    train = sentences(400)
    copies = [[*CHANGES.values()][i % 5](text) for i, text in enumerate(train[:200])]
    pairs = found({"train": part(train), "test": part(copies)})
    assert {("train", i, "test", i) for i in range(200)} == set(pairs)


def test_neighbours_lose_no_pair_that_comparing_all_would_find(monkeypatch):
    train = sentences(150)
    parts = {
        "train": part(train),
        "test": part([[*CHANGES.values()][i % 5](text) for i, text in enumerate(train[:30])]),
    }
    few = leakage.find(parts)
    monkeypatch.setattr(texts, "candidates", lambda rows: np.triu_indices(len(rows), 1))
    assert leakage.find(parts).equals(few) and len(few) == 30


def test_the_distance_is_the_angle_between_weighted_runs():
    lines = ["the cat sat", "the cat sits", "a dog", "cat cat cat", "an"]
    runs = [Counter((f" {text}   ")[i : i + 4] for i in range(len(text) + 1)) for text in lines]
    spread = Counter(run for counted in runs for run in counted)
    vectors = [
        {run: (1 + np.log(n)) * (np.log(6 / (1 + spread[run])) + 1) for run, n in counted.items()} for counted in runs
    ]
    a, b = np.triu_indices(len(lines), 1)
    for i, j, distance in zip(a, b, texts._distance(texts.weighted_runs(lines), a, b), strict=True):
        dot = sum(value * vectors[j].get(run, 0) for run, value in vectors[i].items())
        size = np.prod([np.sqrt(sum(value**2 for value in vectors[k].values())) for k in (i, j)])
        assert distance == pytest.approx(np.sqrt(1 - (dot / size) ** 2), abs=1e-3)


def test_the_same_input_gives_the_same_table():
    train = sentences(100)
    parts = {"train": part(train), "test": part([misspelt(text) for text in train[::20]])}
    first = leakage.find(parts)
    assert leakage.find(parts).equals(first) and len(first) == 5
