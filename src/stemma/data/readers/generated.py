"""Tasks whose examples are drawn, with options `length`, `train`, `test` and `seed`; no example is in two parts."""

from collections.abc import Callable
from typing import Any

import numpy as np

from stemma.data.parts import Part, Raw, Reading
from stemma.errors import StemmaError

SYMBOLS = 8
COPIED = 10
"""Symbols to remember, and different ones, of the copy memory task."""

Draw = Callable[[np.random.Generator, int, int], np.ndarray]
"""Random state, number and length -> examples `[N, ...]`."""


def adding(reading: Reading) -> Raw:
    """float32 `[T, 2]`: numbers uniform in [0, 1), and marks 0 or 1; y float64, the sum of the two marked numbers.

    One mark lies in each half. (Hochreiter and Schmidhuber 1997 let the numbers and T vary; this is the form of
    Le, Jaitly, Hinton 2015.) Answering 1 always has the mean squared error 1/6.
    """

    def draw(random: np.random.Generator, count: int, length: int) -> np.ndarray:
        x = np.zeros((count, length, 2), np.float32)
        x[..., 0] = random.random((count, length), np.float32)
        rows, half = np.arange(count), length // 2
        x[rows, random.integers(0, half, count), 1] = 1
        x[rows, random.integers(half, length, count), 1] = 1
        return x

    return _raw(reading, draw, list, lambda x: (x[..., 0].astype(np.float64) * x[..., 1]).sum(1))


def copy_memory(reading: Reading) -> Raw:
    """Ten symbols, `length` blanks (the last of them says `go`), ten blanks; tags: blanks, then the ten symbols."""
    length = reading.options.generate["length"]

    def tags(x: np.ndarray) -> list[list[str]]:
        return [["blank"] * (COPIED + length) + row.astype(str).tolist() for row in x]

    def tokens(x: np.ndarray) -> list[list[str]]:
        gap = ["blank"] * (length - 1) + ["go"] + ["blank"] * COPIED
        return [row.astype(str).tolist() + gap for row in x]

    return _raw(reading, lambda r, n, _: r.integers(1, SYMBOLS + 1, (n, COPIED)), tokens, tags)


def parity(reading: Reading) -> Raw:
    """Strings of `length` bits; class 1 if the number of ones is odd."""
    return _raw(reading, lambda r, n, t: r.integers(0, 2, (n, t)), _words, lambda x: x.sum(1) % 2)


def sorting(reading: Reading) -> Raw:
    """`length` digits in any order -> in ascending order."""
    return _raw(reading, lambda r, n, t: r.integers(0, 10, (n, t)), _words, lambda x: _words(np.sort(x, axis=1)))


def _words(x: np.ndarray) -> list[list[str]]:
    return [row.astype(str).tolist() for row in x]


def _raw(reading: Reading, draw: Draw, x: Callable[[np.ndarray], list], y: Callable[[np.ndarray], Any]) -> Raw:
    """Distinct examples in the order in which they were drawn: the first are train, those behind them test."""
    options = reading.options.generate
    train, test = options["train"], options["test"]
    drawn = _distinct(draw, options["length"], train + test, options["seed"])
    rows = {"train": drawn[:train], "test": drawn[train:]}
    return Raw({part: Part(x(found), y(found)) for part, found in rows.items()}, reading.entry.classes or ())


def _distinct(draw: Draw, length: int, count: int, seed: int) -> np.ndarray:
    """`count` different examples.

    Raises:
        StemmaError: in three times as many drawings there are not so many.
    """
    drawn = draw(np.random.default_rng(seed), 3 * count, length)
    _, first = np.unique(drawn.reshape(len(drawn), -1), axis=0, return_index=True)
    if len(first) < count:
        raise StemmaError(f"length {length}: only {len(first):,} different examples drawn; {count:,} are asked for")
    return drawn[np.sort(first)[:count]]
