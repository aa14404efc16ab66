"""Is one experiment better than another, beyond the chance of the test examples and of the training seeds?

Both are judged on the same N test examples. With S seeds each, what the examples add to the score
(`Scoring.contributions`: whether the answer is right; for the RMSE the squared error, linearised) is a matrix
`[S, N]`, and the difference in mean score is the mean over examples of d = mean over seeds of a - b. It would
come out differently with other test examples and with other seeds, as in the studies of many readers and many
cases in radiology (Dorfman, Berbaum and Metz, 1992; Hillis, 2007). Its variance is the sum of

    examples   mean(d^2) / N: the variance of the mean of d when neither experiment is better
    seeds      of each experiment max(0, var over seeds of the score - var(seed x example) / N) / S, the part
               of the seeds' spread that the first term does not hold already

and t = (|difference| - 1 / (N S)) / sqrt(variance), with Welch and Satterthwaite's degrees of freedom and,
where answers are right or wrong, Edwards's (1948) correction for continuity. For one seed each this is
McNemar's test (1947); for real numbers there is no correction and it is the paired t-test.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower

POWER = 0.8


@dataclass(frozen=True)
class Difference:
    """Mean score of one experiment minus that of another, in the score's own unit (a share for accuracy)."""

    difference: float
    lo: float
    hi: float
    p_value: float
    standard_error: float


def seed_variance(contributions: np.ndarray) -> tuple[float, int]:
    """Variance of the mean score due to the seeds alone, and its degrees of freedom; 0 for one seed."""
    seeds, examples = contributions.shape
    if seeds == 1:
        return 0.0, 0
    scores = contributions.astype(np.float64)
    by_seed = scores.mean(axis=1, keepdims=True)
    rest = scores - by_seed - scores.mean(axis=0) + scores.mean()
    interaction = (rest**2).sum() / ((seeds - 1) * max(examples - 1, 1))
    return max(0.0, float(by_seed.var(ddof=1) - interaction / examples)) / seeds, seeds - 1


def difference(a: np.ndarray, b: np.ndarray, confidence: float) -> Difference:
    """Compare `a` `[S_a, N]` with `b` `[S_b, N]`, bool or float, columns being the same test examples."""
    gains = a.mean(axis=0) - b.mean(axis=0)
    examples, gain = len(gains), float(gains.mean())
    parts = [(float((gains**2).mean()) / examples, examples - 1), seed_variance(a), seed_variance(b)]
    variance = sum(part for part, _ in parts)
    if variance == 0:
        return Difference(gain, gain, gain, 1.0, 0.0)
    freedom = variance**2 / sum(part**2 / df for part, df in parts if part > 0)
    error = float(np.sqrt(variance))
    continuity = 1 / (examples * max(len(a), len(b))) if a.dtype == bool else 0
    p_value = float(2 * stats.t.sf(max(abs(gain) - continuity, 0) / error, freedom))
    lo, hi = stats.t.interval(confidence, df=freedom, loc=gain, scale=error)
    return Difference(gain, float(lo), float(hi), min(p_value, 1.0), error)


def holm(p_values: Sequence[float]) -> list[float]:
    """P values corrected for their number (Holm, 1979)."""
    return [float(p) for p in multipletests(p_values, method="holm")[1]] if len(p_values) else []


def detectable(standard_error: float, examples: int, alpha: float) -> float:
    """The true difference in the score that a two-sided test at `alpha` finds with a probability of 0.8."""
    effect = TTestPower().solve_power(nobs=examples, alpha=alpha, power=POWER)
    return float(effect * standard_error * np.sqrt(examples))
