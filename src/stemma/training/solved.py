"""Phases that solve for their weights on the whole set at once, and what a solved model scores."""

from collections.abc import Callable
from typing import Any

from stemma.data.store import Split
from stemma.families.phase import Phase
from stemma.nn.judging import answers
from stemma.scores import cross_entropy, scoring
from stemma.training.callbacks import Row

LOSS: dict[str, Callable[..., float]] = {
    "classify": lambda score, spec, labels, probabilities: cross_entropy(labels, probabilities),
    "regress": lambda score, spec, targets, values: (score / spec.target_std) ** 2,
}
"""(primary score, spec, targets, outputs) -> the loss of a model that was solved for; of other tasks it is the score,
less being better."""


def solve(model: Any, phase: Phase, last: bool, train: Split, validation: Split | None) -> list[Row]:
    """Run the phase; the rows of history that it gives, of the `last` one at least one, with what the model scores.

    A pass over the set is an epoch.
    """
    assert phase.solve is not None
    found = [dict(values) for values in phase.solve(train) or ()]
    if phase.curves is not None:
        found = [*found[:-1], {**(found or [{}])[-1], **phase.curves(train, validation)}]
    rows = [
        {"phase": phase.name, "epoch": epoch, **{name: round(float(value), 6) for name, value in values.items()}}
        for epoch, values in enumerate(found, start=1)
    ]
    if last:
        rows = rows or [{"phase": phase.name, "epoch": 1}]
        rows[-1] |= scores(model, train, validation)
    return rows


def scores(model: Any, train: Split, validation: Split | None) -> Row:
    """Loss and primary score of a model that was solved for, on both splits."""
    judged, spec, found = scoring(model.spec.task), model.spec, Row()
    for stage, split in (("train", train), ("val", validation)):
        if split is not None:
            targets, outputs = answers(model, split)
            score = judged.score.of(targets, outputs)
            loss = LOSS[spec.task](score, spec, targets, outputs) if spec.task in LOSS else judged.key(score)
            values = {f"{stage}_loss": loss, f"{stage}_{judged.primary}": score}
            found |= {name: round(float(value), 6) for name, value in values.items()}
    return found
