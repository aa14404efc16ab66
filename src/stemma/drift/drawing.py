"""Which examples of two samples are compared, and what is permuted."""

from bisect import bisect_right
from dataclasses import replace
from typing import Any

import numpy as np

from stemma.drift.samples import Sample


def draw(reference: Sample, current: Sample, examples: int, seed: int) -> tuple[Sample, Sample, np.ndarray]:
    """At most `examples` of each side, and the unit of each, int `[N]` over both sides.

    Examples of one group are alike; permuted as if they were independent they cry wolf. Where both samples have
    groups, groups are the units, and as many examples of each are drawn, at most, as fit. Where only one sample
    has groups, one example of each of them is drawn. Either way both sides are drawn by the same rule.
    """
    random = np.random.default_rng(seed)
    sides = [(sample, _numbers(sample.groups, len(sample))) for sample in (reference, current)]
    most = _most([number for _, number in sides], examples) if by_group(reference, current) else 1
    chosen, units, count = [], [], 0
    for sample, number in sides:
        rows = np.sort(random.permutation(_rows(number, most, random))[:examples])
        _, unit = np.unique(number[rows], return_inverse=True)
        chosen.append(sample.take(rows))
        units.append(unit + count)
        count += unit.max() + 1
    return chosen[0], chosen[1], np.concatenate(units)


def by_group(reference: Sample, current: Sample) -> bool:
    """Whether groups are permuted as a whole."""
    return reference.groups is not None and current.groups is not None


def joined(a: Sample, b: Sample) -> Sample:
    """The examples of both; labels only where both have them."""

    def both(x: Any, y: Any) -> Any:
        return None if x is None or y is None else np.concatenate([x, y])

    texts = None if a.texts is None or b.texts is None else a.texts + b.texts
    return replace(a, x=both(a.x, b.x), y=both(a.y, b.y), lengths=both(a.lengths, b.lengths), texts=texts, groups=None)


def _numbers(groups: list[Any] | None, count: int) -> np.ndarray:
    """int `[N]` from 0: equal for examples of one group; an example without group is one by itself."""
    if groups is None:
        return np.arange(count)
    known: dict[Any, int] = {}
    keys = [(i, None) if group is None else (None, group) for i, group in enumerate(groups)]
    return np.array([known.setdefault(key, len(known)) for key in keys])


def _most(sides: list[np.ndarray], examples: int) -> int:
    """How many examples a group may bring so that neither side has more than `examples`; at least 1."""
    sizes = [np.bincount(number) for number in sides]
    largest = max(int(size.max()) for size in sizes)

    def total(most: int) -> int:
        return max(int(np.minimum(size, most).sum()) for size in sizes)

    return max(1, bisect_right(range(1, largest + 1), examples, key=total))


def _rows(number: np.ndarray, most: int, random: np.random.Generator) -> np.ndarray:
    """Random rows, at most `most` of each group."""
    order = random.permutation(len(number))
    order = order[np.argsort(number[order], kind="stable")]
    sizes = np.bincount(number)
    place = np.arange(len(number)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return order[place < most]
