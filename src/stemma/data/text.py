"""Text -> tokens -> ids. Pure Python and numpy; the stage `preprocess` and the served model share it."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np

from stemma.spec import PAD, UNKNOWN

Unit = Literal["word", "character", "byte"]

SPECIAL = ["<pad>", "<unk>"]
"""Tokens of the ids PAD and UNKNOWN; no text yields them, since `<` is a token of its own."""

HAN = r"[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
"""Chinese characters; written without blanks, each is a token."""
LETTERS = rf"(?:(?!{HAN})\w)"
TOKEN = re.compile(rf"{HAN}|{LETTERS}+?(?=n't\b)|n't\b|'(?:s|ve|re|d|ll|m)\b|{LETTERS}+|[^\w\s]")
"""Words, English clitics apart from them as in Kim (2014), and every other sign by itself."""


def tokenize(text: str, unit: Unit = "word") -> list[str]:
    """Lower-case tokens of `text` after compatibility normalisation (NFKC); empty for blank text.

    `character`: every character, runs of white space as one blank. `byte`: the UTF-8 bytes as they are, in
    hexadecimal.

    >>> tokenize("It's a film you can’t miss!")
    ['it', "'s", 'a', 'film', 'you', 'ca', "n't", 'miss', '!']
    >>> tokenize("好 film", "character")
    ['好', ' ', 'f', 'i', 'l', 'm']
    >>> tokenize("é", "byte")
    ['c3', 'a9']
    """
    if unit == "byte":
        return [f"{byte:02x}" for byte in text.encode()]
    plain = unicodedata.normalize("NFKC", text).replace("\u2019", "'").lower()
    return TOKEN.findall(plain) if unit == "word" else list(" ".join(plain.split()))


def build_vocabulary(tokens: Iterable[Sequence[str]], size: int, min_count: int = 1) -> list[str]:
    """Tokens by id: padding, unknown, then the `size` most frequent ones, ties by alphabet.

    Args:
        tokens: of the training texts, and of no others.
        min_count: occurrences that a token needs.
    """
    counts = Counter(token for text in tokens for token in text)
    ranked = sorted((t for t, n in counts.items() if n >= min_count), key=lambda t: (-counts[t], t))
    return SPECIAL + ranked[:size]


def encode(
    texts: Sequence[str], vocabulary: Sequence[str], max_length: int, unit: Unit = "word"
) -> tuple[np.ndarray, np.ndarray]:
    """Ids int32 `[N, max_length]`, padded behind with PAD, and lengths int32 `[N]`, at least 1.

    Tokens beyond `max_length` are cut; text without tokens becomes one unknown token.
    """
    return encode_tokens([tokenize(text, unit) for text in texts], vocabulary, max_length)


def encode_tokens(
    texts: Sequence[Sequence[str]], vocabulary: Sequence[str], max_length: int
) -> tuple[np.ndarray, np.ndarray]:
    index = {token: i for i, token in enumerate(vocabulary)}
    ids = np.full((len(texts), max_length), PAD, np.int32)
    lengths = np.ones(len(texts), np.int32)
    for row, tokens in enumerate(texts):
        found = [index.get(token, UNKNOWN) for token in tokens[:max_length]] or [UNKNOWN]
        ids[row, : len(found)] = found
        lengths[row] = len(found)
    return ids, lengths
