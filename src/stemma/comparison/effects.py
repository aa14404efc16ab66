"""How large a difference is, and McNemar's exact test between two trained models, for any number of pairs at once."""

from dataclasses import dataclass

import numpy as np
from scipy import stats
from statsmodels.stats.proportion import proportion_confint, proportion_effectsize


@dataclass(frozen=True)
class Discordant:
    """Examples that one of two models alone gets right, a pair of models each `[P]`.

    Attributes:
        first_only, second_only: their numbers.
        p_value: McNemar's (1947), exact and two-sided: how likely so uneven a division is where both are as good.
    """

    first_only: np.ndarray
    second_only: np.ndarray
    p_value: np.ndarray


def discordant(right: np.ndarray, first: np.ndarray, second: np.ndarray) -> Discordant:
    """Of the models `right` bool `[M, N]`, one seed each, the pairs (`first`, `second`), positions `[P]`."""
    alone = right.astype(np.float32) @ (~right).T.astype(np.float32)
    one, other = alone[first, second].astype(int), alone[second, first].astype(int)
    p_values = 2 * stats.binom.cdf(np.minimum(one, other), one + other, 0.5)
    return Discordant(one, other, np.minimum(p_values, 1.0))


def odds_ratio(only_this: int, only_other: int, confidence: float) -> tuple[float | None, float | None, float | None]:
    """Odds that an example which one model alone gets right is this one's, and their exact interval (Clopper, Pearson,
    1934); None for what is infinite or unknown.
    """
    if only_this + only_other == 0:
        return None, None, None
    share = only_this / (only_this + only_other)
    lo, hi = proportion_confint(only_this, only_this + only_other, alpha=1 - confidence, method="beta")
    return _odds(share), _odds(lo), _odds(hi)


def _odds(share: float) -> float | None:
    return None if share >= 1 or np.isnan(share) else float(share / (1 - share))


def effect(this: np.ndarray, other: np.ndarray) -> dict[str, str | float | None]:
    """Size of the difference of mean scores, of contributions `[S, N]` each, without a unit.

    Answers that are right or wrong: Cohen's (1988) h, the difference of arcsine-transformed shares. Numbers: his d_z,
    the mean difference in standard deviations of the examples' differences. He calls 0.2 small, 0.5 medium, 0.8 large.
    """
    if this.dtype == bool:
        return {"name": "cohen_h", "value": float(proportion_effectsize(this.mean(), other.mean()))}
    gains = this.mean(axis=0) - other.mean(axis=0)
    spread = float(gains.std(ddof=1)) if len(gains) > 1 else 0.0
    return {"name": "cohen_dz", "value": float(gains.mean()) / spread if spread > 0 else None}
