import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemma.data.text import build_vocabulary, encode, tokenize
from stemma.spec import PAD, UNKNOWN


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("It's a film you can’t miss!", ["it", "'s", "a", "film", "you", "ca", "n't", "miss", "!"]),
        ("they're we've I'd she'll I'm", ["they", "'re", "we", "'ve", "i", "'d", "she", "'ll", "i", "'m"]),
        ("rock'n'roll  --  4/10", ["rock", "'", "n", "'", "roll", "-", "-", "4", "/", "10"]),
        ("<pad> <unk>", ["<", "pad", ">", "<", "unk", ">"]),
        ("ﬁlm Ünï", ["film", "ünï"]),
        (" \n\t", []),
    ],
)
def test_tokenize(text, tokens):
    assert tokenize(text) == tokens


def test_vocabulary_is_by_frequency_then_alphabet():
    texts = [["b", "a", "c"], ["b", "a"], ["d"]]
    assert build_vocabulary(texts, 10) == ["<pad>", "<unk>", "a", "b", "c", "d"]
    assert build_vocabulary(texts, 10, min_count=2) == ["<pad>", "<unk>", "a", "b"]
    assert build_vocabulary(texts, 1) == ["<pad>", "<unk>", "a"]


def test_encode_by_hand():
    ids, lengths = encode(["b a z", "", "a a a a"], ["<pad>", "<unk>", "a", "b"], 3)
    assert ids.tolist() == [[3, 2, UNKNOWN], [UNKNOWN, PAD, PAD], [2, 2, 2]]
    assert lengths.tolist() == [3, 1, 3] and ids.dtype == lengths.dtype == np.int32


@given(st.lists(st.text(max_size=30), max_size=5), st.integers(1, 8))
def test_encode_holds_its_promises(texts, length):
    vocabulary = build_vocabulary([tokenize(t) for t in texts[:2]], 5)
    ids, lengths = encode(texts, vocabulary, length)
    assert ids.shape == (len(texts), length) and ((lengths >= 1) & (lengths <= length)).all()
    for row, n in zip(ids, lengths, strict=True):
        assert (row[:n] != PAD).all() and (row[n:] == PAD).all()
    assert ids.max(initial=0) < len(vocabulary)
