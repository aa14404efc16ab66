"""Which examples of two samples are compared, and what is permuted."""

from dataclasses import replace
from typing import Any

import numpy as np

from stemma.drift.samples import Sample


def draw(reference: Sample, current: Sample, examples: int, seed: int) -> tuple[Sample, Sample, np.ndarray]:
    """At most `examples` of each side, and the unit of each, int `[N]` over both sides.

    Examples of one group are alike; permuted as if they were independent they cry wolf. Where both samples have
    groups, whole groups are drawn and are the units. Where only one has, one example of each of its groups is drawn.
    """
    random = np.random.default_rng(seed)
    whole = by_group(reference, current)
    chosen, units, count = [], [], 0
    for sample in (reference, current):
        number = _numbers(sample.groups, len(sample))
        rows = np.sort((_whole if whole else _one_each)(number, examples, random))
        _, unit = np.unique(number[rows], return_inverse=True)
        chosen.append(sample.take(rows))
        units.append(unit + count)
        count += unit.max() + 1
    return chosen[0], chosen[1], np.concatenate(units)


def by_group(reference: Sample, current: Sample) -> bool:
    """Whether whole groups are permuted."""
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
    return np.array([known.setdefault((group, None if group else i), len(known)) for i, group in enumerate(groups)])


def _whole(number: np.ndarray, examples: int, random: np.random.Generator) -> np.ndarray:
    """Rows of whole groups in random order, as many as fit into `examples`, at least one."""
    order = random.permutation(number.max() + 1)
    sizes = np.bincount(number)[order]
    taken = order[: max(1, int((np.cumsum(sizes) <= examples).sum()))]
    return np.flatnonzero(np.isin(number, taken))


def _one_each(number: np.ndarray, examples: int, random: np.random.Generator) -> np.ndarray:
    """A random row of each group, at most `examples`."""
    order = random.permutation(len(number))
    _, first = np.unique(number[order], return_index=True)
    return random.permutation(order[first])[:examples]
