"""The comparison: both samples, the tests under permutation, the verdict."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Any

import numpy as np

from stemma.data.parts import Options
from stemma.data.store import load_vocabulary
from stemma.drift import features, samples, statistics
from stemma.drift.drawing import by_group, draw, joined
from stemma.drift.measures import Measured, measure, targets
from stemma.drift.result import Evidence, Report, Test
from stemma.drift.samples import Sample
from stemma.errors import StemmaError

EXAMPLES = 2000
"""Examples drawn from each side at most."""
PERMUTATIONS = 999


def compare(
    reference: Path,
    current: Path,
    *,
    split: str | None = None,
    current_split: str | None = None,
    model: Path | None = None,
    labels: bool = True,
    encoding: str = "",
    columns: Mapping[str, str] | None = None,
    **settings: Any,
) -> Report:
    """Compare the data at `current` with a split of the prepared set `reference`.

    Args:
        split: of the reference; by default `train`, with a model `validation` (a model is surer of what it was
            trained on than of anything new, and would always see drift).
        current_split: of `current`, where that is a prepared set; by default all of it.
        model: a model folder, or an experiment under runs/, trained on the reference.
        labels: whether labels are compared, where there are such. Where only some training examples have them, as
            many of each class, they are compared with those of the validation split.
        encoding, columns: of `current` as CSV or the like, role (`text`, `label`, `group`) -> column; by default
            as the slot of the reference has them.
        settings: those of `detect`.

    Raises:
        StemmaError: see `samples.reference`, `samples.current` and `features.answers`; or a setting out of range.
    """
    check(**settings)
    split = split or ("train" if model is None else "validation")
    before = samples.reference(reference, split)
    if reference.resolve() == current.resolve() and current_split in (None, split):
        raise StemmaError(f"{current}: is the reference itself; name another of its splits as the current one")
    after = samples.current(current, reference, current_split, labels, Options(encoding, columns or {}))
    labelled = samples.reference(reference, "validation") if before.y is None and after.y is not None else None
    tokens = load_vocabulary(reference) or []
    return detect(before, after, labelled=labelled, model=model, tokens=tokens, **settings)


def detect(
    reference: Sample,
    current: Sample,
    *,
    labelled: Sample | None = None,
    model: Path | None = None,
    tokens: list[str] | None = None,
    alpha: float = 0.05,
    min_effect: float = 0.0,
    examples: int = EXAMPLES,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> Report:
    """Compare two samples that are encoded alike.

    Args:
        labelled: of the reference's source, with labels, where `reference` has none.
        tokens: by id, of text.
        alpha: chance of a false alarm over all tests.
        min_effect: smaller changes are no drift, however sure.
        examples: drawn from each side at most.
        permutations, seed: of the permutation tests.
    """
    check(alpha, min_effect, examples, permutations, seed)
    before, after, units = draw(reference, current, examples, seed)
    both, here = joined(before, after), np.arange(len(before) + len(after)) >= len(before)
    inside = statistics.arrangements(here, units, permutations, seed)
    answers = None if model is None else features.answers(model, before, after)
    apart = () if labelled is None else _labels(labelled, current, examples, permutations, seed)
    measured = [*apart, *measure(both, inside, answers, tokens or [])]
    tests, fewest = judge(measured, alpha, min_effect), min(len(m.statistics) for m in measured)
    return Report(
        reference=reference.name,
        current=current.name,
        kind=reference.spec.kind,
        compared=(len(before), len(after)),
        available=(len(reference), len(current)),
        unit="group" if by_group(reference, current) else "example",
        arrangements=fewest,
        alpha=alpha,
        min_effect=min_effect,
        drift=any(test.drifted for test in tests),
        tests=tests,
        notes=tuple(_notes(reference, current, labelled, fewest, len(tests), alpha)),
        evidence=_evidence(before, after, measured, here),
    )


def check(
    alpha: float = 0.05,
    min_effect: float = 0.0,
    examples: int = EXAMPLES,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> None:
    """Raise unless the settings of `detect` lie in their ranges."""
    for name, value, fits, allowed in (
        ("alpha", alpha, 0 < alpha < 1, "0 < alpha < 1"),
        ("min_effect", min_effect, 0 <= min_effect < inf, "a number, min_effect >= 0"),
        ("examples", examples, examples >= 2, "examples >= 2"),
        ("permutations", permutations, permutations >= 1, "permutations >= 1"),
        ("seed", seed, seed >= 0, "seed >= 0"),
    ):
        if not fits:
            raise StemmaError(f"drift: {name} is {value}; expected {allowed}")


def _labels(labelled: Sample, current: Sample, examples: int, permutations: int, seed: int) -> Iterator[Measured]:
    """The test of the labels alone, against another sample of the reference's source; nothing else is read."""
    bare = [replace(s, x=np.arange(len(s)), lengths=None, texts=None) for s in (labelled, current)]
    before, after, units = draw(bare[0], bare[1], examples, seed)
    here = np.arange(len(before) + len(after)) >= len(before)
    yield from targets(joined(before, after), statistics.arrangements(here, units, permutations, seed))


def judge(measured: list[Measured], alpha: float, min_effect: float) -> tuple[Test, ...]:
    """The tests with their p-values, corrected over all of them."""
    p = np.array([statistics.p_values(m.statistics).min() for m in measured])
    adjusted = statistics.holm(p)
    return tuple(
        Test(m.name, m.method, float(a), float(b), m.effect, bool(b <= alpha and m.effect >= min_effect), m.items)
        for m, a, b in zip(measured, p, adjusted, strict=True)
    )


def _notes(
    reference: Sample, current: Sample, labelled: Sample | None, arrangements: int, tests: int, alpha: float
) -> list[str]:
    notes = []
    if by_group(reference, current):
        notes.append("Both sides have groups: they are permuted as a whole.")
    elif reference.groups is not None or current.groups is not None:
        side = "reference" if reference.groups is not None else "current data"
        notes.append(f"Only the {side} has groups: one example of each of its groups is compared.")
    if labelled is not None:
        notes.append(f"Labels are compared with {labelled.name}: those of train are as many of each class by choice.")
    elif (reference.y is None) != (current.y is None):
        notes.append("One side has no labels: labels are not compared.")
    if tests / arrangements > alpha:
        least = f"{tests / arrangements:.2g}"
        notes.append(f"Too few examples or groups: no adjusted p-value can be below {least}, so no drift can be found.")
    return notes


def _evidence(before: Sample, after: Sample, measured: list[Measured], here: np.ndarray) -> Evidence:
    columns = {name: (v[~here], v[here]) for m in measured for name, v in m.columns.items()}
    kernel = measured[-1].kernel
    assert kernel is not None, "the test of features comes last"
    own = np.diag(kernel)
    near = [(kernel[:, side].sum(1) - own * side) / np.maximum(side.sum() - side, 1) for side in (here, ~here)]
    witness = near[0] - near[1]
    return Evidence(before, after, columns, (witness[~here], witness[here]))
