"""The judgement on one candidate, pure: its predictions, the champion's and the rules -> promote, keep or refuse."""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np

from stemma.comparison.effects import discordant
from stemma.comparison.paired import difference
from stemma.gate.candidates import Candidate, Predictions
from stemma.gate.checks import faults, incomparable, less_robust, shown
from stemma.gate.evidence import Evidence
from stemma.gate.rules import Rules
from stemma.scores import Scoring, scoring

Verdict = Literal["promote", "keep", "refuse"]


@dataclass(frozen=True)
class Decision:
    """The judgement on a candidate. Scores and `difference` are in the unit of the task's primary score, accuracies
    as shares.

    `difference` (candidate less champion), `p_value` and `level`, which it has to be below, are None where there was
    no champion to compare with, or the comparison was refused. `confirmations`: how many comparisons with a champion
    the test set had been used for before.
    """

    slot: str
    dataset: str
    source: str
    candidate: str
    seed: int
    test_digest: str
    verdict: Verdict
    reasons: list[str]
    score: float | None
    val_score: float
    latency_ms: float
    model_bytes: int
    champion_score: float | None = None
    difference: float | None = None
    p_value: float | None = None
    level: float | None = None
    confirmations: int = 0
    passed_over: dict[str, float] = field(default_factory=dict)
    task: str = "classify"
    evidence: Evidence | None = None

    def to_dict(self) -> dict[str, Any]:
        """The fields, scores under their names: `accuracy`, `val_accuracy` and `champion_accuracy`, or `rmse`."""
        primary = scoring(self.task).primary
        return {name.replace("score", primary): value for name, value in asdict(self).items()} | {"primary": primary}


def decide(candidate: Candidate, champion: Predictions | None, rules: Rules, confirmations: int = 0) -> Decision:
    """Judge `candidate` against the `champion`'s stored predictions on the same test examples.

    `refuse`: the candidate is unfit (not finite, one answer only, over budget, of unsound data) or cannot be compared
    (other test examples, other shape, a test set that is used up). `promote`: fit, and there is no champion or the
    gain is at least `min_effect` and beyond chance at `Rules.level`, two-sided: by McNemar's exact test (1947), or for
    values by the paired t-test on squared errors that the comparison uses. Else `keep`.

    Args:
        confirmations: comparisons with a champion that this test set has been used for before.
    """
    reasons = faults(candidate, rules)
    if not reasons and champion is not None and champion.test_digest == candidate.predictions.test_digest:
        reasons = _barred(candidate, champion, rules, confirmations)
        if not reasons:
            return _compared(candidate, champion, rules, confirmations)
    elif not reasons and champion is not None and rules.same_test_digest:
        reasons = ["The champion was judged on another test set (its digest differs); evaluate it on this one."]
    if reasons:
        return _decision(candidate, "refuse", reasons, confirmations=confirmations)
    uncompared = "The champion was judged on another test set and gives way uncompared (same_test_digest: false)."
    first = "There is no champion yet and the candidate is fit."
    return _decision(candidate, "promote", [first if champion is None else uncompared], confirmations=confirmations)


def _barred(candidate: Candidate, champion: Predictions, rules: Rules, confirmations: int) -> list[str]:
    """Why a fit candidate is not compared with a champion that was judged on the same test examples."""
    if rules.max_confirmations is not None and confirmations >= rules.max_confirmations:
        used = f"This test set is used up: {confirmations} comparisons with a champion were made on it"
        return [f"{used} and max_confirmations allows {rules.max_confirmations}; draw a fresh one."]
    return incomparable(candidate.predictions, champion) or less_robust(candidate, champion, rules)


def _compared(candidate: Candidate, champion: Predictions, rules: Rules, confirmations: int) -> Decision:
    judged = scoring(candidate.task)
    mine, theirs = (judged.per_example(told.targets, told.outputs)[None] for told in (candidate.predictions, champion))
    scores = [float(judged.contributions(examples).mean()) for examples in (mine, theirs)]
    p_value = _p_value(judged, mine, theirs)
    shortfalls = _shortfalls(judged, scores[0] - scores[1], p_value, rules)
    gained = shown(judged, abs(scores[0] - scores[1]))
    won = f"The candidate gains {gained}, beyond chance at {rules.level:g} (p = {p_value:.2g})."
    return _decision(
        candidate,
        "keep" if shortfalls else "promote",
        shortfalls or [won],
        difference=scores[0] - scores[1],
        p_value=p_value,
        champion_score=scores[1],
        level=rules.level,
        confirmations=confirmations,
    )


def _shortfalls(judged: Scoring, difference: float, p_value: float, rules: Rules) -> list[str]:
    """Why a fit candidate does not replace the champion, whose score is `difference` away."""
    gain = difference if judged.score.higher else -difference
    if gain <= 0:
        return [f"The candidate is not better: its difference is {shown(judged, difference, '+')}."]
    shortfalls = []
    if gain < rules.min_effect:
        least = f"{100 * rules.min_effect:g} count" if judged.score.share else f"{rules.min_effect:g} count"
        shortfalls.append(f"The candidate gains {shown(judged, gain)}; at least {least}.")
    if p_value >= rules.level:
        chance = f"chance explains it (p = {p_value:.2g}, alpha = {rules.level:g})"
        shortfalls.append(f"The candidate gains {shown(judged, gain)}, but {chance}.")
    return shortfalls


def _p_value(judged: Scoring, a: np.ndarray, b: np.ndarray) -> float:
    """Two-sided p value for the answers of two models to the same examples, `[1, N]` each."""
    if a.dtype == bool:
        return float(discordant(np.concatenate([a, b]), np.array([0]), np.array([1])).p_value[0])
    return difference(judged.contributions(a), judged.contributions(b), confidence=0.95).p_value


def _decision(candidate: Candidate, verdict: Verdict, reasons: list[str], **numbers: Any) -> Decision:
    told = candidate.predictions
    sound = told.outputs.ndim in (1, 2) and np.isfinite(told.outputs).all() and len(told.outputs) == len(told.targets)
    return Decision(
        slot=candidate.slot,
        dataset=candidate.dataset,
        source=candidate.source,
        candidate=candidate.experiment,
        seed=candidate.seed,
        test_digest=told.test_digest,
        verdict=verdict,
        reasons=reasons,
        score=scoring(candidate.task).score.of(told.targets, told.outputs) if sound else None,
        val_score=candidate.val_score,
        latency_ms=candidate.latency_ms,
        model_bytes=candidate.model_bytes,
        passed_over=candidate.passed_over,
        task=candidate.task,
        evidence=candidate.evidence,
        **numbers,
    )
