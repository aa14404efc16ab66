"""Text -> tokens -> ids. Pure Python and numpy; the stage `preprocess` and the served model share it."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from stemma.spec import PAD, UNKNOWN

SPECIAL = ["<pad>", "<unk>"]
"""Tokens of the ids PAD and UNKNOWN; no text yields them, since `<` is a token of its own."""

TOKEN = re.compile(r"\w+?(?=n't\b)|n't\b|'(?:s|ve|re|d|ll|m)\b|\w+|[^\w\s]")
"""Words, English clitics apart from them as in Kim (2014), and every other sign by itself."""


def tokenize(text: str) -> list[str]:
    """Lower-case tokens of `text` after compatibility normalisation (NFKC); empty for blank text.

    >>> tokenize("It's a film you can’t miss!")
    ['it', "'s", 'a', 'film', 'you', 'ca', "n't", 'miss', '!']
    """
    return TOKEN.findall(unicodedata.normalize("NFKC", text).replace("\u2019", "'").lower())


def build_vocabulary(tokens: Iterable[Sequence[str]], size: int, min_count: int = 1) -> list[str]:
    """Tokens by id: padding, unknown, then the `size` most frequent ones, ties by alphabet.

    Args:
        tokens: of the training texts, and of no others.
        min_count: occurrences that a token needs.
    """
    counts = Counter(token for text in tokens for token in text)
    ranked = sorted((t for t, n in counts.items() if n >= min_count), key=lambda t: (-counts[t], t))
    return SPECIAL + ranked[:size]


def encode(texts: Sequence[str], vocabulary: Sequence[str], max_length: int) -> tuple[np.ndarray, np.ndarray]:
    """Ids int32 `[N, max_length]`, padded behind with PAD, and lengths int32 `[N]`, at least 1.

    Tokens beyond `max_length` are cut; text without tokens becomes one unknown token.
    """
    return encode_tokens([tokenize(text) for text in texts], vocabulary, max_length)


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
