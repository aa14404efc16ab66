"""Test examples as they may come with nobody against the model: noise, blur, shift, lost words (compare Hendrycks and
Dietterich, 2019). No gradient is needed, so every model takes part; every model and seed is given the same examples.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy import ndimage

from stemma.data import text
from stemma.data.store import Split
from stemma.spec import DataSpec

Change = Callable[[Split, float, np.random.Generator, DataSpec, Sequence[str]], Split]
"""(some examples, strength, generator, their description, vocabulary) -> the same examples, changed."""


def spread(count: int, most: int) -> np.ndarray:
    """At most `most` positions, evenly over `count`."""
    return np.unique(np.linspace(0, count - 1, min(most, count)).astype(int))


def some(split: Split, positions: np.ndarray) -> Split:
    """The examples at `positions`, in memory."""
    lengths = None if split.lengths is None else np.asarray(split.lengths[positions])
    texts = None if split.texts is None else [split.texts[i] for i in positions]
    return Split(np.asarray(split.x[positions]), np.asarray(split.y[positions]), lengths, texts)


def corrupted(
    split: Split, spec: DataSpec, strengths: Mapping[str, Sequence[float]], vocabulary: Sequence[str] | None
) -> Iterator[tuple[str, float, Split]]:
    """Kind, strength and changed examples, for each of the `strengths` by kind that data like these can suffer."""
    for kind, change in CHANGES.get(spec.kind, {}).items():
        for strength in strengths.get(kind, ()):
            yield kind, strength, change(split, strength, np.random.default_rng(0), spec, vocabulary or ())


def _noisy_image(split: Split, strength: float, generator: np.random.Generator, *_: Any) -> Split:
    """Gaussian noise; the strength is its standard deviation as a share of a pixel's full range."""
    noise = generator.standard_normal(split.x.shape, np.float32)
    return replace(split, x=np.clip(split.x + 255 * strength * noise, 0, 255).round().astype(np.uint8))


def _blurred(split: Split, strength: float, *_: Any) -> Split:
    """By a Gaussian whose standard deviation is the strength, in pixels."""
    blurred = ndimage.gaussian_filter(split.x.astype(np.float32), (0, 0, strength, strength), mode="nearest")
    return replace(split, x=blurred.round().astype(np.uint8))


def _shifted(split: Split, strength: float, generator: np.random.Generator, *_: Any) -> Split:
    """Each by the strength in whole pixels along both axes, the signs drawn; the border is repeated."""
    by, (height, width) = int(strength), split.x.shape[2:]
    padded = np.pad(split.x, ((0, 0), (0, 0), (by, by), (by, by)), mode="edge")
    corners = by + by * generator.choice((-1, 1), (len(split), 2))
    moved = [
        image[:, top : top + height, left : left + width] for image, (top, left) in zip(padded, corners, strict=True)
    ]
    return replace(split, x=np.stack(moved))


def _noisy_columns(split: Split, strength: float, generator: np.random.Generator, *_: Any) -> Split:
    """Gaussian noise on the columns as prepared, the strength its standard deviation."""
    return replace(split, x=split.x + np.float32(strength) * generator.standard_normal(split.x.shape, np.float32))


def _without_words(
    split: Split, strength: float, generator: np.random.Generator, spec: DataSpec, vocabulary: Sequence[str]
) -> Split:
    """Each word or sign is lost with the strength as its probability; a text that loses all is one unknown token."""
    assert split.texts is not None
    texts = [text.TOKEN.sub(lambda word: word[0] * (generator.random() >= strength), each) for each in split.texts]
    ids, lengths = text.encode(texts, vocabulary, spec.shape[0], spec.tokens)
    return replace(split, x=ids, lengths=lengths, texts=texts)


CHANGES: dict[str, dict[str, Change]] = {
    "image": {"noise": _noisy_image, "blur": _blurred, "shift": _shifted},
    "text": {"drop": _without_words},
    "table": {"noise": _noisy_columns},
}
"""By kind of data and name."""
