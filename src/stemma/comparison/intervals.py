"""How sure a mean is: over training seeds, and over test examples."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy import stats

CHUNK = 100
"""Resamples drawn at once: bounds the memory at `CHUNK * N` numbers."""
OfMeans = Callable[[np.ndarray], np.ndarray]


def over_seeds(
    values: Sequence[float], confidence: float, bounds: tuple[float, float] = (-np.inf, np.inf)
) -> dict[str, Any]:
    """Mean, standard deviation and t-interval of `values`, one a seed.

    The t-interval and not the percentile bootstrap, which covers 74 % instead of 95 % at three seeds.
    `interval` says what `lo` and `hi` are: `t`; `deterministic` where all seeds agree, a width of zero that
    says nothing of other test examples; `none` for a single seed, where `sd`, `lo` and `hi` are None.
    The ends are clipped to `bounds`, the values that the score can take.
    """
    mean, values = float(np.mean(values)), [float(value) for value in values]
    if len(values) == 1:
        return {"mean": mean, "sd": None, "lo": None, "hi": None, "interval": "none", "values": values}
    if max(values) == min(values):
        return {
            "mean": values[0], "sd": 0.0, "lo": values[0], "hi": values[0], "interval": "deterministic",
            "values": values,
        }  # fmt: skip
    lo, hi = stats.t.interval(confidence, df=len(values) - 1, loc=mean, scale=stats.sem(values))
    return {
        "mean": mean,
        "sd": float(np.std(values, ddof=1)),
        "lo": float(np.clip(lo, *bounds)),
        "hi": float(np.clip(hi, *bounds)),
        "interval": "t",
        "values": values,
    }


def over_examples(
    scores: np.ndarray, confidence: float, resamples: int, seed: int, of_means: OfMeans | None = None
) -> np.ndarray:
    """Percentile bootstrap intervals `[2, M]` of the means of `scores` `[N, M]` (Efron, 1979).

    All columns are means over the same resampled examples. `of_means`: means `[R, M]` -> what the intervals are
    of instead, `[R, K]`.
    """
    generator = np.random.default_rng(seed)
    examples = len(scores)
    uniform = np.full(examples, 1 / examples)
    sizes = [min(CHUNK, resamples - start) for start in range(0, resamples, CHUNK)]
    means = [generator.multinomial(examples, uniform, size=size) @ scores / examples for size in sizes]
    tail = (1 - confidence) / 2
    drawn = np.concatenate(means)
    return np.quantile(drawn if of_means is None else of_means(drawn), [tail, 1 - tail], axis=0)
