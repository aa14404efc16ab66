"""How often the gate errs: simulated pairs of models whose true difference is known.

Per test example both models are right, one of them alone is, or neither is: with a true gain g and a share d of
examples on which they disagree, the candidate alone is right with probability (d + g) / 2 and the champion alone with
(d - g) / 2 (McNemar, 1947). Values: errors of both are normal and correlated, the candidate's smaller by a share g.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from statsmodels.stats.proportion import proportion_confint

from stemma.gate.candidates import Candidate, Predictions
from stemma.gate.decision import decide
from stemma.gate.rules import Rules

CLASSES = 10
ACCURACY = 0.9
CORRELATION = 0.5
"""Between the two models' errors of values."""


@dataclass(frozen=True)
class Setting:
    """A test set and two models.

    Attributes:
        examples: of the test set.
        gain: true one of the candidate, a share: of accuracy, or of the champion's RMSE.
        disagreement: share of the examples on which one model alone is right.
    """

    examples: int = 1000
    gain: float = 0.0
    disagreement: float = 0.1


@dataclass(frozen=True)
class Rate:
    """`promoted` of `trials`, and the limits of Clopper and Pearson (1934) that hold at 99 % each."""

    promoted: int
    trials: int

    @property
    def share(self) -> float:
        return self.promoted / self.trials

    @property
    def lower(self) -> float:
        return float(proportion_confint(self.promoted, self.trials, alpha=0.02, method="beta")[0])

    @property
    def upper(self) -> float:
        return float(proportion_confint(self.promoted, self.trials, alpha=0.02, method="beta")[1])


def promotions(rules: Rules, setting: Setting, trials: int = 1000, seed: int = 0, task: str = "classify") -> Rate:
    """How many of `trials` independent candidates the gate promotes against a champion."""
    rng = np.random.default_rng(seed)
    draw = regressors if task == "regress" else classifiers
    pairs = (draw(setting, rng) for _ in range(trials))
    return Rate(sum(decide(_candidate(a, task), b, rules).verdict == "promote" for a, b in pairs), trials)


def on_one_test_set(rules: Rules, setting: Setting, candidates: int, trials: int = 1000, seed: int = 0) -> Rate:
    """How many of `trials` test sets promote any of `candidates` that are tried against one champion in turn.

    The candidates' answers are independent given the champion's; the count of confirmations goes up with each.
    """
    rng = np.random.default_rng(seed)
    return Rate(sum(any(_tries(rules, setting, candidates, rng)) for _ in range(trials)), trials)


def _tries(rules: Rules, setting: Setting, candidates: int, rng: np.random.Generator) -> Iterator[bool]:
    labels = rng.integers(CLASSES, size=setting.examples)
    champion = rng.random(setting.examples) < ACCURACY
    theirs = _told(labels, champion)
    for before in range(candidates):
        mine = _told(labels, _beside(champion, setting, rng))
        yield decide(_candidate(mine, "classify"), theirs, rules, before).verdict == "promote"


def classifiers(setting: Setting, rng: np.random.Generator) -> tuple[Predictions, Predictions]:
    labels = rng.integers(CLASSES, size=setting.examples)
    champion = rng.random(setting.examples) < ACCURACY
    return _told(labels, _beside(champion, setting, rng)), _told(labels, champion)


def _beside(champion: np.ndarray, setting: Setting, rng: np.random.Generator) -> np.ndarray:
    """Where the candidate is right, bool `[N]`, beside a champion that is so with probability `ACCURACY`."""
    lost = (setting.disagreement - setting.gain) / 2 / ACCURACY
    won = (setting.disagreement + setting.gain) / 2 / (1 - ACCURACY)
    draws = rng.random(setting.examples)
    return np.where(champion, draws >= lost, draws < won)


def _told(labels: np.ndarray, right: np.ndarray) -> Predictions:
    return Predictions("t", labels, np.eye(CLASSES)[np.where(right, labels, (labels + 1) % CLASSES)])


def regressors(setting: Setting, rng: np.random.Generator) -> tuple[Predictions, Predictions]:
    targets = rng.normal(size=setting.examples)
    covariance = [[1.0, CORRELATION], [CORRELATION, 1.0]]
    mine, theirs = rng.multivariate_normal([0.0, 0.0], covariance, setting.examples).T
    outputs = (targets + (1 - setting.gain) * mine, targets + theirs)
    return Predictions("t", targets, outputs[0]), Predictions("t", targets, outputs[1])


def _candidate(told: Predictions, task: str) -> Candidate:
    return Candidate("slot", "data", "simulated", "candidate", 0, 0.0, 1, 1, 1.0, told, task=task)
