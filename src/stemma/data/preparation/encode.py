"""Splits of examples -> arrays, by kind; what is needed for it comes from the training examples alone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stemma.data import text
from stemma.data.parts import Part
from stemma.data.preparation import vectors
from stemma.data.preparation.columns import Encoder, Scaling
from stemma.data.preparation.target import Targets, targets
from stemma.data.shards import Array, chunks
from stemma.data.store import UNLABELLED, Split
from stemma.spec import DataSpec

TEXT_LENGTH = 48
"""Tokens kept of a text where nothing else is asked for."""
PIECE = 1024
"""Examples whose tokens are in memory at once."""

Cut = Callable[[Any], list[str]]
"""An example -> its tokens."""


@dataclass(frozen=True)
class Encoding:
    """How examples become numbers.

    Attributes:
        tokens: text: cut into word, character or byte.
        max_length: tokens kept of an example; None: 48 of a text, all of a sequence.
        vocabulary: most frequent training tokens kept.
        min_count: occurrences in train that a token needs.
        vectors: text: a file of word vectors in the form of word2vec or GloVe.
        vectors_digest: SHA-256 that it must have.
        scaling: table: of the numbers: standard, minmax or none.
    """

    tokens: text.Unit = "word"
    max_length: int | None = None
    vocabulary: int = 10_000
    min_count: int = 2
    vectors: str | None = None
    vectors_digest: str | None = None
    scaling: Scaling = "standard"


Encoded = tuple[DataSpec, dict[str, Split], dict[str, Any]]
"""The description, the splits, and by file name what else the set needs."""


def encode(spec: DataSpec, parts: dict[str, Part], how: Encoding) -> Encoded:
    """The arrays of all splits; `spec` says kind, task and classes and comes back with the rest."""
    encoders = {"image": _images, "text": _texts, "table": _tables, "sequence": _sequences}
    return encoders[spec.kind](spec, parts, how)


def _training(parts: dict[str, Part]) -> list[Part]:
    """What statistics and vocabulary may look at: the training examples, with their labels or without."""
    return [parts[name] for name in ("train", UNLABELLED) if name in parts]


def _images(spec: DataSpec, parts: dict[str, Part], how: Encoding) -> Encoded:
    mean, std = pixel_statistics(*(part.x for part in _training(parts)))
    spec, found = targets(spec, parts)
    splits = {name: Split(part.x, found[name][0]) for name, part in parts.items()}
    return replace(spec, shape=tuple(parts["train"].x.shape[1:]), mean=mean, std=std), splits, {}


def pixel_statistics(*arrays: Array) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Exact mean and standard deviation of each channel of uint8 `[N, C, H, W]`, scaled to [0, 1]."""
    counts = np.zeros((arrays[0].shape[1], 256), np.int64)
    for array in arrays:
        for piece in chunks(array):
            counts += np.stack([np.bincount(piece[:, c].ravel(), minlength=256) for c in range(piece.shape[1])])
    values, weights = np.arange(256) / 255, counts / counts.sum(1, keepdims=True)
    means = weights @ values
    deviations = [np.sqrt(w @ (values - mean) ** 2) for w, mean in zip(weights, means, strict=True)]
    return tuple(map(float, means)), tuple(map(float, deviations))


def _texts(spec: DataSpec, parts: dict[str, Part], how: Encoding) -> Encoded:
    def cut(example: str) -> list[str]:
        return text.tokenize(example, how.tokens)

    words, length = _vocabulary(parts, how, cut), how.max_length or TEXT_LENGTH
    spec, found = targets(spec, parts)
    splits = {}
    for name, part in parts.items():
        ids, lengths = _ids(part.x, words, length, cut)
        splits[name] = Split(ids, found[name][0], lengths, list(part.x))
    extra: dict[str, Any] = {"vocabulary.json": words}
    if how.vectors is not None:
        extra["vectors.npy"] = vectors.load(Path(how.vectors).expanduser(), words, how.vectors_digest)
        spec = replace(spec, vectors=extra["vectors.npy"].shape[1])
    return replace(spec, shape=(length,), vocabulary_size=len(words), tokens=how.tokens), splits, extra


def _vocabulary(parts: dict[str, Part], how: Encoding, cut: Cut) -> list[str]:
    """Counted an example at a time; no tokens are kept."""
    seen = (cut(example) for part in _training(parts) for example in part.x)
    return text.build_vocabulary(seen, how.vocabulary, how.min_count)


def _ids(examples: Sequence[Any], words: list[str], length: int, cut: Cut) -> tuple[np.ndarray, np.ndarray]:
    """As `text.encode_tokens`, with the tokens of `PIECE` examples at a time, as many as are kept of them."""
    ids, lengths = np.empty((len(examples), length), np.int32), np.empty(len(examples), np.int32)
    for start in range(0, len(examples), PIECE):
        here = slice(start, start + PIECE)
        tokens = [cut(example)[:length] for example in examples[here]]
        ids[here], lengths[here] = text.encode_tokens(tokens, words, length)
    return ids, lengths


def _tables(spec: DataSpec, parts: dict[str, Part], how: Encoding) -> Encoded:
    encoder = Encoder.fit(pd.concat([part.x for part in _training(parts)], ignore_index=True), how.scaling)
    spec, found = targets(spec, parts)
    splits = {n: Split(encoder.encode(p.x), found[n][0], raw=p.x.reset_index(drop=True)) for n, p in parts.items()}
    spec = replace(spec, shape=(len(encoder.features),), features=encoder.features)
    return spec, splits, {"table.json": encoder.to_dict()}


def _sequences(spec: DataSpec, parts: dict[str, Part], how: Encoding) -> Encoded:
    """Lists of tokens as ids, arrays `[T, F]` as they are; all padded behind to one length."""
    longest = max(len(x) for part in parts.values() for x in part.x)
    length = min(longest, how.max_length or longest)
    spec, found = targets(spec, parts, length)
    if isinstance(parts["train"].x[0], np.ndarray):
        splits = {name: _numbers(part.x, length, found[name]) for name, part in parts.items()}
        return replace(spec, shape=splits["train"].x.shape[1:]), splits, {}
    words = _vocabulary(parts, how, list)
    splits = {}
    for name, part in parts.items():
        ids, lengths = _ids(part.x, words, length, list)
        splits[name] = Split(ids, found[name][0], lengths, [" ".join(row) for row in part.x], found[name][1])
    spec = replace(spec, shape=(length,), vocabulary_size=len(words))
    return spec, splits, {"vocabulary.json": words}


def _numbers(rows: Sequence[np.ndarray], length: int, found: Targets) -> Split:
    x = np.zeros((len(rows), length, rows[0].shape[1]), np.float32)
    for place, row in enumerate(rows):
        x[place, : len(row)] = row[:length]
    lengths = np.array([min(len(row), length) for row in rows], np.int32)
    return Split(x, found[0], lengths, target_lengths=found[1])
