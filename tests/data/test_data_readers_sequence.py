import making
import numpy as np
import pytest

from stemma.data.catalog import CATALOG
from stemma.data.parts import Options, Reading
from stemma.data.readers import READERS, cmudict, tagged
from stemma.errors import StemmaError

TAGGED, CMU = CATALOG["tagged"], CATALOG["cmudict"]


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_tagged_sentences(tmp_path):
    raw = making.read(tagged, write(tmp_path / "a.txt", "我/r  十分/m\n\n1/2/n 。/w\n"), TAGGED)
    assert raw.parts["train"].x == [["我", "十分"], ["1/2", "。"]]
    assert raw.parts["train"].y == [["r", "m"], ["n", "w"]] and raw.classes == ("m", "n", "r", "w")
    folder = tmp_path / "parts"
    folder.mkdir()
    write(folder / "train.txt", "a/X b/Y\n")
    write(folder / "test.txt", "c/Z\n")
    raw = making.read(tagged, folder, TAGGED)
    assert set(raw.parts) == {"train", "test"} and raw.classes == ("X", "Y", "Z")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a/X b\n", "line 1: expected word/tag, found 'b'"),
        ("a/X\n/Y\n", "line 2: expected word/tag, found '/Y'"),
        ("a/X b/\n", "found 'b/'"),
        ("a/X b/X\n", "only the tag 'X'"),
        ("\n\n", "holds no examples"),
    ],
)
def test_tagged_faults(tmp_path, content, said):
    with pytest.raises(StemmaError, match=said):
        making.read(tagged, write(tmp_path / "a.txt", content), TAGGED)
    with pytest.raises(StemmaError, match=r"tag: unknown name 'X'"):
        making.read(tagged, write(tmp_path / "b.txt", "a/X\n"), CATALOG["peoples_daily"])


def test_cmudict(tmp_path):
    text = "a AH0\na(2) EY1\naalborg AO1 L B AO0 R G # place, danish\n'em AH0 M\n"
    part = making.read(cmudict, write(tmp_path / "d", text), CMU).parts["train"]
    assert part.x == [["a"], ["a"], list("aalborg"), ["'", "e", "m"]]
    assert part.y[2] == ["AO1", "L", "B", "AO0", "R", "G"] and part.groups == ["a", "a", "aalborg", "'em"]
    for line in ("word", "word ah0", "word AH0 extra stuff", ""):
        with pytest.raises(StemmaError, match="line 2: expected `word PHONEMES`"):
            making.read(cmudict, write(tmp_path / "d", f"a AH0\n{line}\nb B\n"), CMU)


def drawn(name, tmp_path, **options):
    entry = CATALOG[name]
    generate = {"length": 12, "train": 300, "test": 100, "seed": 0} | options
    raw = READERS[name](Reading(tmp_path, entry, tmp_path, Options(generate=generate)))
    assert {part: len(found) for part, found in raw.parts.items()} == {"train": 300, "test": 100}
    assert len(raw.parts["train"].x) == 300 and raw.classes == (entry.classes or ())
    return raw.parts


def key(x):
    return x.tobytes() if isinstance(x, np.ndarray) else tuple(x)


@pytest.mark.parametrize("name", ["adding", "copy_memory", "parity", "sorting"])
def test_generated_parts_are_disjoint_and_repeatable(name, tmp_path):
    parts = drawn(name, tmp_path)
    train, test = ([key(x) for x in parts[part].x] for part in ("train", "test"))
    assert len(set(train) | set(test)) == 400
    again, other = drawn(name, tmp_path), drawn(name, tmp_path, seed=1)
    assert [key(x) for x in again["train"].x] == train and [key(x) for x in other["train"].x] != train


def test_adding(tmp_path):
    part = drawn("adding", tmp_path)["train"]
    for x, y in zip(part.x, part.y, strict=True):
        assert x.shape == (12, 2) and x.dtype == np.float32 and y.dtype == np.float64
        first, second = np.flatnonzero(x[:, 1])
        assert first < 6 <= second and x[first, 0].astype(float) + x[second, 0].astype(float) == y
    assert 0.9 < part.y.mean() < 1.1 and 0.12 < ((part.y - 1) ** 2).mean() < 0.22


def test_copy_memory(tmp_path):
    part = drawn("copy_memory", tmp_path)["train"]
    for x, y in zip(part.x, part.y, strict=True):
        assert len(x) == len(y) == 10 + 12 + 10
        assert set(x[:10]) <= set("12345678") and x[10:] == ["blank"] * 11 + ["go"] + ["blank"] * 10
        assert y == ["blank"] * 22 + x[:10]


def test_parity_and_sorting(tmp_path):
    part = drawn("parity", tmp_path)["train"]
    assert all(len(x) == 12 and x.count("1") % 2 == y for x, y in zip(part.x, part.y, strict=True))
    assert 0.4 < part.y.mean() < 0.6
    part = drawn("sorting", tmp_path)["train"]
    assert all(sorted(x) == y and len(x) == 12 for x, y in zip(part.x, part.y, strict=True))
    with pytest.raises(StemmaError, match="length 5: only 32 different examples drawn; 400 are asked for"):
        drawn("parity", tmp_path, length=5)
