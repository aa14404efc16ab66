"""Tables, sequences, targets, word vectors: values by hand, and that only train is looked at."""

import gzip
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from making import raw_folder

from stemma.data import store
from stemma.data.parts import Part
from stemma.data.preparation import encode as encoding
from stemma.data.preparation import vectors
from stemma.data.preparation.columns import Encoder
from stemma.data.preparation.divide import Division
from stemma.data.preparation.encode import Encoding, encode
from stemma.data.preparation.prepare import prepare
from stemma.data.text import build_vocabulary, encode_tokens, tokenize
from stemma.errors import StemmaError
from stemma.spec import END, IGNORE, PAD, UNKNOWN, DataSpec

TABLE = pd.DataFrame({"size": [1.0, 3.0, 5.0], "colour": ["red", "blue", "red"], "old": [True, False, True]})


def test_a_table_is_scaled_and_one_hot():
    encoder = Encoder.fit(TABLE)
    assert encoder.features == ("size", "colour=blue", "colour=red", "old=False", "old=True")
    spread = np.std([1, 3, 5])
    expected = [[-2 / spread, 0, 1, 0, 1], [0, 1, 0, 1, 0], [2 / spread, 0, 1, 0, 1]]
    assert np.allclose(encoder.encode(TABLE), expected) and encoder.encode(TABLE).dtype == np.float32
    assert Encoder.from_dict(encoder.to_dict()) == encoder
    assert Encoder.fit(TABLE, "minmax").encode(TABLE)[:, 0].tolist() == [0, 0.5, 1]
    assert Encoder.fit(TABLE, "none").encode(TABLE)[:, 0].tolist() == [1, 3, 5]
    other = TABLE.assign(colour="green", size=3.0)
    assert encoder.encode(other)[:, :3].tolist() == [[0, 0, 0]] * 3, "a category that train did not know"
    assert Encoder.fit(TABLE.assign(size=7)).encode(TABLE.assign(size=7))[:, 0].tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (TABLE.drop(columns="colour"), "column 'colour' is missing; found size, old"),
        (TABLE.assign(size=[1, np.nan, 2]), "column 'size': 'nan' in row 1 is no finite number"),
        (TABLE.assign(size=["1", "2", "x"]), "column 'size': 'x' in row 2"),
    ],
)
def test_a_table_that_cannot_be_encoded(table, said):
    with pytest.raises(StemmaError, match=said):
        Encoder.fit(TABLE).encode(table)


def rows(count=60, seed=0):
    random = np.random.default_rng(seed)
    return pd.DataFrame({"a": random.normal(5, 2, count), "b": random.choice(["x", "y"], count)})


def test_a_prepared_table_knows_train_alone(tmp_path):
    raw = raw_folder(tmp_path / "raw", "table", {"train": Part(rows(), np.arange(60) % 3)}, tuple("uvw"))
    spec = prepare(raw, tmp_path / "out")
    train = store.load_split(tmp_path / "out", "train")
    assert (spec.kind, spec.shape, spec.features) == ("table", (3,), ("a", "b=x", "b=y"))
    assert np.allclose(train.x[:, 0].mean(), 0, atol=1e-6) and np.allclose(train.x[:, 0].std(), 1, atol=1e-6)
    assert spec.class_counts == tuple(np.bincount(train.y).tolist()) and train.x.dtype == np.float32
    kept = pd.read_parquet(tmp_path / "out" / "test_raw.parquet")
    assert list(kept.columns) == ["a", "b"] and len(kept) == spec.sizes["test"]


def test_the_digest_of_a_tables_test_does_not_depend_on_train(tmp_path):
    train, test = Part(rows(), np.arange(60) % 3), Part(rows(30, 1), np.arange(30) % 3)
    raw = raw_folder(tmp_path / "raw", "table", {"train": train, "test": test}, tuple("uvw"))
    whole = prepare(raw, tmp_path / "a")
    half = prepare(raw, tmp_path / "b", Division(train_fraction=0.5))
    assert whole.test_digest == half.test_digest and whole.digest != half.digest


def test_regression_keeps_numbers_and_stratifies_them(tmp_path):
    y = np.random.default_rng(0).normal(100, 20, 200)
    raw = raw_folder(tmp_path / "raw", "table", {"train": Part(rows(200), y)}, (), "regress")
    spec = prepare(raw, tmp_path / "out")
    train, test = (store.load_split(tmp_path / "out", name) for name in ("train", "test"))
    assert train.y.dtype == np.float32 and spec.classes == () and spec.sizes["test"] == 40
    assert spec.target_mean == pytest.approx(train.y.mean(), rel=1e-6)
    assert spec.target_std == pytest.approx(train.y.std(), rel=1e-5)
    quintile = np.searchsorted(np.quantile(y, [0.2, 0.4, 0.6, 0.8]), test.y)
    assert np.bincount(quintile).tolist() == [8] * 5


def described(kind, task, parts, classes=(), **how):
    return encode(DataSpec("d", "s", kind, (), classes, task), parts, Encoding(min_count=1, **how))


def test_tags_a_step():
    part = Part([["a", "b"], ["b"], ["c", "c", "a"]], [["X", "Y"], ["Y"], ["X", "X", "X"]])
    spec, splits, extra = described("sequence", "label", {"train": part, "test": part}, ("X", "Y"))
    assert spec.shape == (3,) and extra["vocabulary.json"][2:] == ["a", "b", "c"]
    assert splits["train"].x.tolist() == [[2, 3, PAD], [3, PAD, PAD], [4, 4, 2]]
    assert splits["train"].y.tolist() == [[0, 1, IGNORE], [1, IGNORE, IGNORE], [0, 0, 0]]
    assert splits["train"].lengths.tolist() == [2, 1, 3] and splits["test"].texts[2] == "c c a"
    _, cut, _ = described("sequence", "label", {"train": part}, ("X", "Y"), max_length=2)
    assert cut["train"].y.tolist() == [[0, 1], [1, IGNORE], [0, 0]] and cut["train"].x.shape == (3, 2)
    with pytest.raises(StemmaError, match=r"sequence 0: tag: unknown name 'Y'"):
        described("sequence", "label", {"train": part}, ("X", "Z"))
    with pytest.raises(StemmaError, match="sequence 0: 1 steps, but 2 tags"):
        described("sequence", "label", {"train": Part([["a"]], [["X", "Y"]])}, ("X", "Y"))


def test_output_sequences():
    train, test = Part([["a"], ["b", "a"]], [["P", "Q"], ["Q"]]), Part([["a"]], [["P", "R"]])
    spec, splits, _ = described("sequence", "transduce", {"train": train, "test": test})
    assert spec.classes == ("<pad>", "<unk>", "<start>", "<end>", "P", "Q")
    assert splits["train"].y.tolist() == [[4, 5, END], [5, END, PAD]]
    assert splits["train"].target_lengths.tolist() == [3, 2]
    assert splits["test"].y.tolist() == [[4, UNKNOWN, END]], "a token that train did not know"


def test_sequences_of_numbers():
    x = [np.ones((2, 2), np.float32), np.full((4, 2), 3, np.float32)]
    spec, splits, _ = described("sequence", "regress", {"train": Part(x, np.array([1.0, 2.0]))})
    assert spec.shape == (4, 2) and splits["train"].lengths.tolist() == [2, 4]
    assert splits["train"].x[0].tolist() == [[1, 1], [1, 1], [0, 0], [0, 0]]


@pytest.mark.parametrize("task", ["label", "transduce", "regress", "classify"])
def test_sequences_through_raw_files(tmp_path, task):
    random = np.random.default_rng(0)
    tokens = [[str(random.integers(9)) for _ in range(random.integers(1, 6))] + [f"n{i}"] for i in range(40)]
    numeric = [random.normal(size=(3, 2)).astype(np.float32) for _ in range(40)]
    x = numeric if task == "regress" else tokens
    y = {"label": [["T"] * len(t) for t in tokens], "transduce": tokens, "regress": np.arange(40.0)}
    part = Part(x, y.get(task, np.arange(40) % 2))
    raw = raw_folder(tmp_path / "raw", "sequence", {"train": part}, ("T", "U"), task)
    spec = prepare(raw, tmp_path / "out")
    assert (spec.task, sum(spec.sizes.values())) == (task, 40)
    split = store.load_split(tmp_path / "out", "train")
    assert len(split.x) == len(split.y) == len(split.lengths) == spec.sizes["train"]
    assert (split.target_lengths is not None) == (task == "transduce")
    assert (split.texts is None) == (task == "regress")


def test_units_of_text():
    assert tokenize("我爱 film") == ["我", "爱", "film"]
    assert tokenize(" It's\n好 ", "character") == list("it's 好")
    assert tokenize("Aé", "byte") == ["41", "c3", "a9"]
    part = Part(["ab", "b"], np.array([0, 1]))
    spec, splits, extra = described("text", "classify", {"train": part}, ("x", "y"), tokens="byte", max_length=3)
    assert extra["vocabulary.json"][2:] == ["62", "61"] and splits["train"].x.tolist() == [[3, 2, 0], [2, 0, 0]]
    assert spec.tokens == "byte"


WORDS = ["<pad>", "<unk>", "good", "bad", "rare"]


@pytest.mark.parametrize("head", ["", "3 2\n"], ids=["glove", "word2vec"])
@pytest.mark.parametrize("end", ["txt", "txt.gz"])
def test_vectors_from_a_file(tmp_path, head, end):
    path, content = tmp_path / f"v.{end}", f"{head}good 1 2\nother 9 9\nbad -1 0.5\n".encode()
    path.write_bytes(gzip.compress(content) if end == "txt.gz" else content)
    found = vectors.load(path, WORDS)
    assert found.shape == (5, 2) and found.dtype == np.float32
    assert found[2].tolist() == [1, 2] and found[3].tolist() == [-1, 0.5] and found[PAD].tolist() == [0, 0]
    assert np.abs(found[4]).max() <= np.sqrt(3) * np.std([1, 2, -1, 0.5]) and found[4].any()
    assert np.array_equal(found, vectors.load(path, WORDS)), "the same numbers for unknown words"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"good 1 2\nbad 1\n", "line 2 holds 1 numbers, expected 2"),
        (b"good 1 x\n", "line 1 holds something else than numbers"),
        (b"good 1 nan\n", "line 1 holds 2 numbers, expected 2 finite ones"),
        (b"other 1 2\n", "holds none of the 5 words"),
        (b"g\xf6\xf6d 1 2\n", "not readable as UTF-8"),
        (b"good\n", "line 1 holds something else than numbers"),
        (b"good 1 2\nbad 1 2 3\n", "line 2 holds 3 numbers, expected 2"),
        (b"good 1 2\n\nbad 1 2\n", "line 2 holds 0 numbers, expected 2"),
        (b"2 3\ngood 1 2\nbad 1 2\n", "line 2 holds 2 numbers, expected 3|line 2 holds something else"),
        (b"3 2\ngood 1 2\nbad 1 2\n", "its first line declares 3 words, but it holds 2"),
        (b"1 2\ngood 1 2\nbad 1 2\n", "its first line declares 1 words, but it holds 2"),
    ],
)
def test_broken_vectors(tmp_path, content, said):
    (tmp_path / "v.txt").write_bytes(content)
    with pytest.raises(StemmaError, match=said):
        vectors.load(tmp_path / "v.txt", WORDS)
    with pytest.raises(StemmaError, match="no such file"):
        vectors.load(tmp_path / "w.txt", WORDS)
    with pytest.raises(StemmaError, match=r"params\.yaml says 00"):
        vectors.load(tmp_path / "v.txt", WORDS, digest="00")


def test_words_that_hold_blanks(tmp_path):
    words = ["<pad>", "<unk>", ". . .", "at name@domain.com", "5", "\x85", "a\xa0b"]
    lines = "".join(f"{word} {i} -0.5\n" for i, word in enumerate(words[2:], 1))
    for head in ("", "5 2\n"):
        (tmp_path / "v.txt").write_text(head + lines, newline="")
        assert vectors.load(tmp_path / "v.txt", words)[2:].tolist() == [[i, -0.5] for i in range(1, 6)]


@pytest.mark.parametrize("content", ["good\t1\t2\nbad\t3\t4\n", "2 2\r\ngood 1 2 \r\nbad 3 4 \r\n"])
def test_tabs_and_ends_of_lines(tmp_path, content):
    (tmp_path / "v.txt").write_bytes(content.encode())
    assert vectors.load(tmp_path / "v.txt", WORDS)[2:4].tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("place", range(10, 70, 7))
def test_a_damaged_gzip_of_vectors_is_one_line(tmp_path, place):
    random = np.random.default_rng(0)
    content = bytearray(gzip.compress("".join(f"w{i} {random.random()} 2\n" for i in range(99)).encode(), mtime=0))
    content[place : place + 4] = b"\xff" * 4
    (tmp_path / "v.txt.gz").write_bytes(content)
    with pytest.raises(StemmaError, match=r"v.txt.gz: (not readable|line)"):
        vectors.load(tmp_path / "v.txt.gz", ["<pad>", "<unk>", "w1"])
    (tmp_path / "v.txt.gz").write_bytes(content[:60])
    with pytest.raises(StemmaError, match="not readable"):
        vectors.load(tmp_path / "v.txt.gz", ["<pad>", "<unk>", "w1"])


@pytest.mark.parametrize("kind", ["text", "sequence"])
@pytest.mark.parametrize("piece", [1, 7, 1000])
def test_pieces_do_not_change_what_is_encoded(monkeypatch, kind, piece):
    random = np.random.default_rng(0)
    rows = [[f"w{n}" for n in random.integers(0, 30, random.integers(1, 9))] for _ in range(50)]
    x = [" ".join(row) for row in rows] if kind == "text" else rows
    parts = {"train": Part(x[:40], np.arange(40) % 2), "test": Part(x[40:], np.arange(10) % 2)}
    monkeypatch.setattr(encoding, "PIECE", piece)
    _, splits, extra = described(kind, "classify", parts, ("x", "y"), max_length=5)
    words = build_vocabulary(rows[:40], 10_000)
    assert extra["vocabulary.json"] == words
    for name, some in (("train", rows[:40]), ("test", rows[40:])):
        ids, lengths = encode_tokens(some, words, 5)
        assert np.array_equal(splits[name].x, ids) and np.array_equal(splits[name].lengths, lengths)
        assert splits[name].texts == [" ".join(row) for row in some]


def test_texts_are_encoded_in_little_more_than_the_result():
    x = [" ".join(f"w{(i * 31 + n) % 997}" for n in range(400)) for i in range(300)]
    parts = {name: Part(x, np.arange(300) % 2) for name in ("train", "test")}
    tracemalloc.start()
    described("text", "classify", parts, ("x", "y"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    kept = sum(len(text) for text in x)
    assert peak < 4 * kept, "all tokens together take far more: a pointer of 8 and a string of 50 bytes each"
