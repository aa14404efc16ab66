"""Every pair of experiments of one ranking: what is told of the difference between them."""

from functools import cached_property
from typing import Any

import numpy as np

from stemma.comparison import effects, intervals, paired
from stemma.comparison.results import Result


class Pairs:
    """Differences between `results`, the best first.

    Holm's correction counts every pair: which experiment is the best was seen in the same test examples.

    Args:
        drawn: the results' mean scores `[R, M]` with other examples and other seeds.
    """

    def __init__(self, results: list[Result], confidence: float, groups: np.ndarray | None, drawn: np.ndarray) -> None:
        self.results, self.confidence, self.drawn = results, confidence, drawn
        self.found = paired.differences([result.contributions for result in results], confidence, groups)
        self.adjusted = paired.holm(self.found.p_value)
        self.place = {pair: n for n, pair in enumerate(zip(self.found.first, self.found.second, strict=True))}

    @cached_property
    def best_seeds(self) -> list[int]:
        """Of each result the seed that is best on validation, as a position among its seeds."""
        return [r.seeds.index(r.summary.best_seed(r.scoring.key)) for r in self.results]

    @cached_property
    def discordant(self) -> tuple[effects.Discordant, list[float]] | None:
        """Of the models of the best seeds, with the p values corrected; None where answers are not right or wrong."""
        if self.results[0].examples.dtype != bool:
            return None
        right = np.stack([result.examples[seed] for result, seed in zip(self.results, self.best_seeds, strict=True)])
        found = effects.discordant(right, self.found.first, self.found.second)
        return found, paired.holm(found.p_value)

    @property
    def errors_to_best(self) -> np.ndarray:
        return self.found.standard_error[: len(self.results) - 1]

    def tell(self, other: int | None, this: int) -> dict[str, Any] | None:
        """Of `this` less `other`, places in the results; None unless `other` stands before it."""
        if other is None or (other, this) not in self.place:
            return None
        n, results = self.place[other, this], self.results
        apart = intervals.ends(self.drawn[:, this] - self.drawn[:, other], self.confidence)
        values = {name: float(getattr(self.found, name)[n]) for name in ("difference", "lo", "hi", "p_value")}
        return {
            **values,
            "p_adjusted": self.adjusted[n],
            "beyond_chance": self.adjusted[n] < 1 - self.confidence,
            "bootstrap": {"lo": float(apart[0]), "hi": float(apart[1])},
            "effect": effects.effect(results[this].contributions, results[other].contributions),
            "mcnemar": self._mcnemar(n, other, this),
        }

    def _mcnemar(self, n: int, other: int, this: int) -> dict[str, Any] | None:
        if self.discordant is None:
            return None
        found, adjusted = self.discordant
        only_this, only_other = int(found.second_only[n]), int(found.first_only[n])
        ratio, lo, hi = effects.odds_ratio(only_this, only_other, self.confidence)
        seeds = (self.results[place].seeds[self.best_seeds[place]] for place in (this, other))
        return {
            **dict(zip(("seed", "other_seed"), seeds, strict=True)),
            "only_this": only_this,
            "only_other": only_other,
            "p_value": float(found.p_value[n]),
            "p_adjusted": adjusted[n],
            "odds_ratio": ratio,
            "odds_lo": lo,
            "odds_hi": hi,
        }
