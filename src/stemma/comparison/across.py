"""Is one family (or architecture) better than others over several datasets? Friedman's test and Nemenyi's, after Demšar
(2006, Statistical comparisons of classifiers over multiple data sets, JMLR 7, section 3.2.2).

Each dataset is one observation, however many examples it has: below five there is nothing that ranks could show
(of three treatments on three datasets Nemenyi's critical difference is 1.9 of the 2 that ranks can differ by).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats

DATASETS = 5
TREATMENTS = 3
"""With fewer of either nothing is tested."""


def friedman_nemenyi(scores: np.ndarray, names: Sequence[str], alpha: float) -> dict[str, Any]:
    """Ranks of `names` by `scores` `[datasets, treatments]`, of which less is better; what a diagram of critical
    differences needs.

    Returns:
        `treatments`: name and mean rank, the best first; `statistic` and `p_value` of Friedman's test (chi-squared,
        corrected for ties) and `f_statistic`, `f_p_value` of Iman and Davenport's (1980), which is less conservative
        (infinite, hence None and 0, where all datasets rank alike); `critical_difference` of mean ranks by Nemenyi;
        `cliques`: the largest sets of neighbours that lie within it.
    """
    datasets, count = scores.shape
    ranks = stats.rankdata(scores, axis=1).mean(axis=0)
    equal = not np.ptp(scores, axis=1).any()
    statistic, p_value = (0.0, 1.0) if equal else map(float, stats.friedmanchisquare(*scores.T))
    room, freedom = datasets * (count - 1) - statistic, ((count - 1), (count - 1) * (datasets - 1))
    f = (datasets - 1) * statistic / room if room > 1e-9 else None
    order = np.argsort(ranks, kind="stable")
    reach = critical_difference(count, datasets, alpha)
    return {
        "treatments": [{"name": names[n], "mean_rank": float(ranks[n])} for n in order],
        "statistic": statistic,
        "p_value": p_value,
        "f_statistic": f,
        "f_p_value": 0.0 if f is None else float(stats.f.sf(f, *freedom)),
        "critical_difference": reach,
        "cliques": [[names[n] for n in order[low:high]] for low, high in cliques(ranks[order], reach)],
    }


def critical_difference(treatments: int, datasets: int, alpha: float) -> float:
    """Of mean ranks: what two of the treatments differ by at least if they are not alike (Nemenyi, 1963)."""
    quantile = float(stats.studentized_range.ppf(1 - alpha, treatments, np.inf)) / np.sqrt(2)
    return float(quantile * np.sqrt(treatments * (treatments + 1) / (6 * datasets)))


def cliques(ranks: np.ndarray, reach: float) -> list[tuple[int, int]]:
    """Ends of the longest runs of two or more ascending `ranks` that lie within `reach`, none inside another."""
    runs = [(low, int(np.searchsorted(ranks, ranks[low] + reach, "right"))) for low in range(len(ranks))]
    longest = [(low, high) for n, (low, high) in enumerate(runs) if n == 0 or high > runs[n - 1][1]]
    return [(low, high) for low, high in longest if high - low > 1]


def across(blocks: Mapping[str, Mapping[str, float]], of: str, alpha: float) -> dict[str, Any]:
    """Compare what `blocks` (dataset -> treatment -> score, less is better) have in common.

    Treatments join in the order of the datasets that have them, as long as `DATASETS` remain that have all. What is
    `left_out` of treatments has no part. Where too little is left, `words` says so and `test` is null.
    """
    named = sorted({name for block in blocks.values() for name in block})
    named.sort(key=lambda name: -sum(name in block for block in blocks.values()))
    chosen: list[str] = []
    for name in named:
        if len(_complete(blocks, [*chosen, name])) >= DATASETS:
            chosen.append(name)
    datasets = _complete(blocks, chosen) if chosen else list(blocks)
    told: dict[str, Any] = {"of": of, "datasets": datasets, "left_out": [n for n in named if n not in chosen]}
    if not chosen:
        most = max((sum(name in block for block in blocks.values()) for name in named), default=0)
        return {**told, "words": f"too few datasets: {most} of at least {DATASETS}", "test": None}
    if len(chosen) < TREATMENTS:
        plural = {"family": "families"}.get(of, f"{of}s")
        words = f"too few {plural} on the same {DATASETS} datasets: {len(chosen)} of at least {TREATMENTS}"
        return {**told, "words": words, "test": None}
    scores = np.array([[blocks[dataset][name] for name in chosen] for dataset in datasets])
    return {**told, "words": "", "test": friedman_nemenyi(scores, chosen, alpha)}


def _complete(blocks: Mapping[str, Mapping[str, float]], names: Sequence[str]) -> list[str]:
    return [dataset for dataset, block in blocks.items() if all(name in block for name in names)]
