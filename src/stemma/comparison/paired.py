"""Is one experiment better than another, beyond the chance of the test examples and of the training seeds?

Both are judged on the same N test examples. With S seeds each, what the examples add to the score
(`Scoring.contributions`: whether the answer is right; for the RMSE the squared error, linearised) is a matrix
`[S, N]`, and the difference in mean score is the mean over examples of d = mean over seeds of a - b. It would
come out differently with other test examples and with other seeds, as in the studies of many readers and many
cases in radiology (Dorfman, Berbaum and Metz, 1992; Hillis, 2007). Its variance is the sum of

    examples   mean(d^2) / N: the variance of the mean of d when neither experiment is better; where examples depend,
               the sum over groups of (sum of d within)^2, divided by N^2 (Liang and Zeger, 1986)
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

from stemma.comparison.intervals import by_group

POWER = 0.8


@dataclass(frozen=True)
class Difference:
    """Mean score of one experiment minus that of another, in the score's own unit (a share for accuracy)."""

    difference: float
    lo: float
    hi: float
    p_value: float
    standard_error: float


@dataclass(frozen=True)
class Differences:
    """The same of every pair (first, second) of experiments, arrays `[P]`: the second's score minus the first's."""

    first: np.ndarray
    second: np.ndarray
    difference: np.ndarray
    lo: np.ndarray
    hi: np.ndarray
    p_value: np.ndarray
    standard_error: np.ndarray


def seed_variance(contributions: np.ndarray, groups: np.ndarray | None = None) -> tuple[float, int]:
    """Variance of the mean score due to the seeds alone, and its degrees of freedom; 0 for one seed."""
    seeds, examples = contributions.shape
    if seeds == 1:
        return 0.0, 0
    scores = contributions.astype(np.float64)
    by_seed = scores.mean(axis=1, keepdims=True)
    rest = by_group((scores - by_seed - scores.mean(axis=0) + scores.mean()).T, groups)
    correction = len(rest) / max(len(rest) - 1, 1)
    interaction = correction * (rest**2).sum() / (seeds - 1) / examples**2
    return max(0.0, float(by_seed.var(ddof=1) - interaction)) / seeds, seeds - 1


def difference(a: np.ndarray, b: np.ndarray, confidence: float, groups: np.ndarray | None = None) -> Difference:
    """Compare `a` `[S_a, N]` with `b` `[S_b, N]`, bool or float, columns being the same test examples.

    `groups` `[N]`: a number from 0 for each example, equal where they belong together; None if none do.
    """
    found = differences([b, a], confidence, groups)
    told = (found.difference, found.lo, found.hi, found.p_value, found.standard_error)
    return Difference(*(float(value[0]) for value in told))


def differences(parts: Sequence[np.ndarray], confidence: float, groups: np.ndarray | None = None) -> Differences:
    """As `difference`, of every pair of `parts`, in the order of `itertools.combinations`."""
    examples, count = parts[0].shape[1], len(parts)
    means = np.stack([by_group(part.mean(axis=0), groups) for part in parts])
    first, second = np.triu_indices(count, 1)
    of_seeds = [seed_variance(part, groups) for part in parts]
    spread, freedom = (np.array(each, np.float64) for each in zip(*of_seeds, strict=True))
    apart = [means[place + 1 :] - means[place] for place in range(count - 1)]
    gains = np.concatenate([each.sum(axis=1) for each in apart]) / examples if apart else np.empty(0)
    squares = np.concatenate([(each**2).sum(axis=1) for each in apart]) / examples**2 if apart else np.empty(0)
    variances = np.stack([squares, spread[first], spread[second]])
    freedoms = np.stack([np.full(len(first), means.shape[1] - 1.0), freedom[first], freedom[second]])
    seeds = np.array([len(part) for part in parts])
    right = parts[0].dtype == bool
    continuity = 1 / (examples * np.maximum(seeds[first], seeds[second])) if right else np.zeros(len(first))
    return Differences(first, second, gains, *_judged(gains, variances, freedoms, continuity, confidence))


def _judged(
    gains: np.ndarray, parts: np.ndarray, freedoms: np.ndarray, continuity: np.ndarray, confidence: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Ends of the intervals, p values and standard errors `[P]`, from the parts `[3, P]` of the variances."""
    variances = parts.sum(axis=0)
    some, errors = variances > 0, np.sqrt(variances)
    weights = np.divide(parts**2, freedoms, out=np.zeros_like(parts), where=(parts > 0) & (freedoms > 0)).sum(axis=0)
    freedom = np.divide(variances**2, weights, out=np.ones_like(weights), where=weights > 0)
    reach = stats.t.ppf((1 + confidence) / 2, freedom) * errors
    beyond = np.divide(np.maximum(np.abs(gains) - continuity, 0), errors, out=np.zeros_like(errors), where=some)
    return gains - reach, gains + reach, np.minimum(2 * stats.t.sf(beyond, freedom), 1.0), errors


def holm(p_values: Sequence[float] | np.ndarray) -> list[float]:
    """P values corrected for their number (Holm, 1979)."""
    return [float(p) for p in multipletests(p_values, method="holm")[1]] if len(p_values) else []


def detectable(standard_error: float, examples: int, alpha: float) -> float:
    """The true difference in the score that a two-sided test at `alpha` finds with a probability of 0.8."""
    effect = TTestPower().solve_power(nobs=examples, alpha=alpha, power=POWER)
    return float(effect * standard_error * np.sqrt(examples))
