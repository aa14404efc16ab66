"""The tests of each kind of data: which statistics are taken of both samples together under every arrangement."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from stemma.drift import features, statistics
from stemma.drift.samples import Sample
from stemma.drift.statistics import p_values
from stemma.drift.result import Item
from stemma.spec import UNKNOWN

SHOWN = 20
"""Items that a test names."""
LEAST = 1e-6
"""Probabilities are cut off here before their logarithm is taken."""
KS = "Kolmogorov-Smirnov, the largest of {}"
MMD = "maximum mean discrepancy of {}"


@dataclass(frozen=True)
class Measured:
    """One test before it is judged.

    Attributes:
        statistics: `[A, J]`, a row an arrangement.
        effect: size of the change beyond what chance gives, from 0.
        items: what changed most, first.
        columns: name -> values of all examples, for plots.
        kernel: `[N, N]` between the examples' features, for the test of features.
    """

    name: str
    method: str
    statistics: np.ndarray
    effect: float
    items: tuple[Item, ...] = ()
    columns: dict[str, np.ndarray] = field(default_factory=dict)
    kernel: np.ndarray | None = None


def measure(both: Sample, inside: np.ndarray, probabilities: np.ndarray | None, tokens: Sequence[str]) -> list[Measured]:
    """All tests of the examples of `both` samples, the test of features last.

    Args:
        inside: arrangements `[A, N]`.
        probabilities: of a model, `[N, K]`, whose features are compared then; None for a fixed representation.
        tokens: by id, of text.
    """
    kinds = {"image": _images, "text": _texts, "table": _tables}
    found = [*_targets(both, inside), *kinds[both.spec.kind](both, inside, tokens)]
    if probabilities is None:
        return found
    named = dict(zip(both.spec.classes, probabilities.T, strict=True))
    points = np.log(np.maximum(probabilities, LEAST))
    predictions = _columns("predictions", "class probabilities", inside, named)
    return [*found[:-1], predictions, _features("the model's log probabilities", inside, points)]


def _targets(both: Sample, inside: np.ndarray) -> Iterator[Measured]:
    if both.y is not None and both.spec.task == "classify":
        yield _counts("labels", "class counts", inside, np.eye(len(both.spec.classes))[both.y], both.spec.classes)
    elif both.y is not None:
        yield _columns("target", "the target", inside, {"target": both.y.astype(np.float64)})


def _images(both: Sample, inside: np.ndarray, tokens: Sequence[str]) -> Iterator[Measured]:
    yield _columns("pixels", "statistics of the pixels", inside, features.pixel_columns(both.x))
    yield _features("principal components of the pixels", inside, features.pixel_components(both.x))


def _texts(both: Sample, inside: np.ndarray, tokens: Sequence[str]) -> Iterator[Measured]:
    assert both.lengths is not None
    counts = features.token_counts(both.x, both.spec.vocabulary_size)
    frequent = features.frequent_tokens(counts)
    words = features.word_counts(counts, frequent)
    unknown = np.asarray(counts[:, [UNKNOWN]].todense()).ravel() / both.lengths
    columns = {"length": both.lengths.astype(np.float64), "share of rare tokens": words[:, -1] / both.lengths}
    lengths = _columns("lengths", "length and share of rare tokens", inside, columns)
    yield Measured(**{**vars(lengths), "columns": {**columns, "share of unknown tokens": unknown}})
    names = [*(tokens[i] for i in frequent), "(rarer)"]
    yield _counts("words", f"counts of the {len(frequent)} tokens in most texts", inside, words, names)
    yield _features("latent semantic components", inside, features.text_components(words))


def _tables(both: Sample, inside: np.ndarray, tokens: Sequence[str]) -> Iterator[Measured]:
    columns = dict(zip(both.spec.features, both.x.T, strict=True))
    yield _columns("columns", "columns", inside, columns)
    yield _features("the columns' ranks", inside, features.table_components(both.x))


def _counts(name: str, what: str, inside: np.ndarray, counts: np.ndarray, names: Sequence[str]) -> Measured:
    """Chi-square of `counts` `[N, K]`; its effect is the total variation distance of the shares."""
    variation = statistics.total_variation(inside, counts)[:, 0]
    sums = [side @ counts for side in (1 - inside[0], inside[0])]
    before, after = (total / max(total.sum(), 1) for total in sums)
    order = np.argsort(-np.abs(after - before), kind="stable")[:SHOWN]
    items = tuple(Item(names[i], float(before[i]), float(after[i]), float(abs(after[i] - before[i]))) for i in order)
    return Measured(name, f"chi-square of {what}", statistics.chi_square(inside, counts), _beyond(variation), items)


def _columns(name: str, what: str, inside: np.ndarray, columns: dict[str, np.ndarray]) -> Measured:
    """Kolmogorov-Smirnov of each of `columns`; the effect is the largest distance."""
    distances = statistics.kolmogorov_smirnov(inside, np.column_stack(list(columns.values())))
    p = p_values(distances)
    here = inside[0] > 0
    items = [
        Item(key, float(values[~here].mean()), float(values[here].mean()), _beyond(distances[:, j]), float(p[j]))
        for j, (key, values) in enumerate(columns.items())
    ]
    items.sort(key=lambda item: (item.p_value, -item.effect))
    effect = max(item.effect for item in items)
    return Measured(name, KS.format(what), distances, effect, tuple(items[:SHOWN]), columns)


def _features(what: str, inside: np.ndarray, points: np.ndarray) -> Measured:
    """Maximum mean discrepancy of `points` `[N, D]`; the effect is its root."""
    kernel = statistics.gaussian_kernel(points)
    squared = statistics.maximum_mean_discrepancy(inside, kernel)
    return Measured("features", MMD.format(what), squared, _beyond(squared[:, 0]) ** 0.5, kernel=kernel)


def _beyond(values: np.ndarray) -> float:
    """How far the observed value (the first) lies above the mean over the arrangements."""
    return float(max(values[0] - values.mean(), 0.0))
