"""The tests of each kind of data: which statistics are taken of both samples together under every arrangement."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from stemma.drift import features, statistics
from stemma.drift.result import Item
from stemma.drift.samples import Sample
from stemma.drift.statistics import p_values

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


def measure(both: Sample, inside: np.ndarray, answers: np.ndarray | None, tokens: Sequence[str]) -> list[Measured]:
    """All tests of the examples of `both` samples, the test of features last.

    Args:
        inside: arrangements `[A, N]`.
        answers: of a model, compared too: class probabilities `[N, K]`, whose logarithms then are the features
            (Lipton et al. 2018; Rabanser et al. 2019), or values `[N]`. None: no model.
        tokens: by id, of text.
    """
    kinds = {"image": _images, "text": _texts, "table": _tables}
    found = [*targets(both, inside), *kinds[both.spec.kind](both, inside, tokens)]
    if answers is None:
        return found
    if answers.ndim == 1:
        return [*found[:-1], _columns("predictions", "the model's values", inside, {"prediction": answers}), found[-1]]
    named = {f"p({name})": column for name, column in zip(both.spec.classes, answers.T, strict=True)}
    predictions = _columns("predictions", "class probabilities", inside, named)
    return [*found[:-1], predictions, _features("the model's log probabilities", inside, _logarithms(answers))]


def _logarithms(probabilities: np.ndarray) -> np.ndarray:
    return np.asarray(np.log(np.maximum(probabilities, LEAST)))


def targets(both: Sample, inside: np.ndarray) -> Iterator[Measured]:
    """The test of labels or targets, where both samples have them."""
    if both.y is not None and both.spec.task == "classify":
        yield _counts("labels", "class counts", inside, np.eye(len(both.spec.classes))[both.y], both.spec.classes)
    elif both.y is not None:
        yield _columns("target", "the target", inside, {"target": both.y.astype(np.float64)})


def _images(both: Sample, inside: np.ndarray, tokens: Sequence[str]) -> Iterator[Measured]:
    yield _columns("pixels", "statistics of the pixels", inside, features.pixel_columns(both.x))
    yield _features("principal components of the pixels", inside, features.pixel_components(both.x))


def _texts(both: Sample, inside: np.ndarray, tokens: Sequence[str]) -> Iterator[Measured]:
    assert both.lengths is not None and both.texts is not None
    counts = features.token_counts(both.x, both.spec.vocabulary_size)
    frequent = features.frequent_tokens(counts)
    words = features.word_counts(counts, frequent)
    columns = features.text_columns(both.texts)
    columns |= {"tokens": both.lengths.astype(np.float64), "share of rare tokens": words[:, -1] / both.lengths}
    yield _columns("form", "statistics of the texts", inside, columns)
    yield _words(inside, words, [*(tokens[i] for i in frequent), "(all rarer ones)"])
    yield _features("latent semantic components", inside, features.text_components(words))


def _tables(both: Sample, inside: np.ndarray, tokens: Sequence[str]) -> Iterator[Measured]:
    columns = dict(zip(both.spec.features, both.x.T, strict=True))
    yield _columns("columns", "columns", inside, columns)
    yield _features("the columns' ranks", inside, features.table_components(both.x))


def _counts(name: str, what: str, inside: np.ndarray, counts: np.ndarray, names: Sequence[str]) -> Measured:
    """Chi-square of `counts` `[N, K]`; its effect is the total variation distance of the shares."""
    differences = statistics.share_differences(inside, counts)
    items = _shares(inside, counts, names, np.argsort(-differences[0], kind="stable"))
    effect = _beyond(differences.sum(1) / 2)
    return Measured(name, f"chi-square of {what}", statistics.chi_square(inside, counts), effect, items)


def _words(inside: np.ndarray, counts: np.ndarray, names: Sequence[str]) -> Measured:
    """Chi-square of token `counts` `[N, K]` and the share of each token, whichever stands out more.

    Chi-square sees a change of the whole distribution, a single share that of one word or sign.
    """
    differences = statistics.share_differences(inside, counts)
    found = np.column_stack([statistics.chi_square(inside, counts), differences])
    p = p_values(found)[1:]
    items = _shares(inside, counts, names, np.lexsort((-differences[0], p)), p)
    what = f"chi-square and single shares of the {len(names) - 1} tokens that stand in most texts"
    return Measured("words", what, found, _beyond(differences.sum(1) / 2), items)


def _shares(
    inside: np.ndarray, counts: np.ndarray, names: Sequence[str], order: np.ndarray, p: np.ndarray | None = None
) -> tuple[Item, ...]:
    """The first of `order` with their shares of `counts` on both sides."""
    sums = [side @ counts for side in (1 - inside[0], inside[0])]
    before, after = (total / max(total.sum(), 1) for total in sums)
    return tuple(
        Item(
            names[i],
            float(before[i]),
            float(after[i]),
            float(abs(after[i] - before[i])),
            None if p is None else float(p[i]),
        )
        for i in order[:SHOWN]
    )


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
