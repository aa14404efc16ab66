"""The gate: which model may become its slot's champion? `decide` is pure; `candidates` reads run files."""

from dataclasses import asdict, dataclass, field
from itertools import groupby
from pathlib import Path
from statistics import fmean
from typing import Any, Literal

import numpy as np
from statsmodels.stats.contingency_tables import mcnemar

from stemma.runs import RunFiles, Summary

Verdict = Literal["promote", "keep", "refuse"]


@dataclass(frozen=True)
class Rules:
    """The section `gate` of params.yaml; None is no limit."""

    alpha: float = 0.05
    min_effect: float = 0.0
    max_latency_ms: float | None = None
    max_model_bytes: int | None = None


@dataclass(frozen=True)
class Predictions:
    """What one model said of a test set: labels int `[N]`, class probabilities `[N, K]`."""

    test_digest: str
    labels: np.ndarray
    probabilities: np.ndarray

    @property
    def correct(self) -> np.ndarray:
        return self.probabilities.argmax(axis=1) == self.labels


@dataclass(frozen=True)
class Candidate:
    """The model that a slot puts forward, chosen on validation.

    `passed_over` maps the slot's other experiments to their mean validation accuracy.
    """

    slot: str
    dataset: str
    source: str
    experiment: str
    seed: int
    val_accuracy: float
    parameters: int
    model_bytes: int
    latency_ms: float
    predictions: Predictions
    passed_over: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Decision:
    """The judgement on a candidate. Accuracies and `difference` are shares of the test examples.

    `difference` and `p_value` are None where there was no champion to compare with, or the comparison
    was refused.
    """

    slot: str
    dataset: str
    source: str
    candidate: str
    seed: int
    test_digest: str
    verdict: Verdict
    reasons: list[str]
    accuracy: float | None
    val_accuracy: float
    latency_ms: float
    model_bytes: int
    champion_accuracy: float | None = None
    difference: float | None = None
    p_value: float | None = None
    passed_over: dict[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def decide(candidate: Candidate, champion: Predictions | None, rules: Rules) -> Decision:
    """Judge `candidate` against the `champion`'s stored predictions on the same test examples.

    `refuse`: the candidate is unfit (not finite, one class only, over budget) or cannot be compared (other
    test examples, other shape). `promote`: fit, and there is no champion or the gain is at least
    `min_effect` and beyond chance at `alpha` by the exact two-sided McNemar test (1947). Else `keep`.
    """
    faults = _faults(candidate, rules)
    if not faults and champion is not None:
        faults = _incomparable(candidate.predictions, champion)
    if faults:
        return _decision(candidate, "refuse", faults)
    if champion is None:
        return _decision(candidate, "promote", ["There is no champion yet and the candidate is fit."])
    mine, theirs = candidate.predictions.correct, champion.correct
    gain, p_value = float(mine.mean() - theirs.mean()), _mcnemar(mine, theirs)
    shortfalls = _shortfalls(gain, p_value, rules)
    won = f"The candidate gains {100 * gain:.2f} points, beyond chance at {rules.alpha:g} (p = {p_value:.2g})."
    verdict: Verdict = "keep" if shortfalls else "promote"
    numbers = {"difference": gain, "p_value": p_value, "champion_accuracy": float(theirs.mean())}
    return _decision(candidate, verdict, shortfalls or [won], **numbers)


def _faults(candidate: Candidate, rules: Rules) -> list[str]:
    """Why the candidate is unfit whatever the champion, a sentence each."""
    predictions, faults = candidate.predictions, []
    if predictions.probabilities.ndim != 2 or len(predictions.probabilities) != len(predictions.labels):
        return [f"The candidate's probabilities have the shape {predictions.probabilities.shape}."]
    if not np.isfinite(predictions.probabilities).all():
        return ["The candidate's probabilities are not all finite."]
    if len(set(predictions.probabilities.argmax(axis=1).tolist())) < 2:
        faults.append("The candidate predicts one class only.")
    if rules.max_latency_ms is not None and not candidate.latency_ms <= rules.max_latency_ms:
        limit = f"{rules.max_latency_ms:g} ms are allowed"
        faults.append(f"The candidate needs {candidate.latency_ms:.3g} ms a prediction; {limit}.")
    if rules.max_model_bytes is not None and candidate.model_bytes > rules.max_model_bytes:
        limit = f"{rules.max_model_bytes:,} are allowed"
        faults.append(f"The candidate's model has {candidate.model_bytes:,} bytes; {limit}.")
    return faults


def _incomparable(candidate: Predictions, champion: Predictions) -> list[str]:
    if candidate.test_digest != champion.test_digest:
        return ["The champion was judged on another test set (its digest differs); evaluate it on this one."]
    if candidate.probabilities.shape != champion.probabilities.shape:
        shapes = f"{champion.probabilities.shape} and {candidate.probabilities.shape}"
        return [f"The champion's and the candidate's probabilities differ in shape: {shapes}."]
    if not np.array_equal(candidate.labels, champion.labels):
        return ["The champion's stored test labels differ from the candidate's."]
    if not np.isfinite(champion.probabilities).all():
        return ["The champion's stored probabilities are not all finite."]
    return []


def _shortfalls(gain: float, p_value: float, rules: Rules) -> list[str]:
    """Why a fit candidate does not replace the champion."""
    if gain <= 0:
        return [f"The candidate is not better: its difference is {100 * gain:+.2f} points."]
    shortfalls = []
    if gain < rules.min_effect:
        least = f"{100 * rules.min_effect:g} count"
        shortfalls.append(f"The candidate gains {100 * gain:.2f} points; at least {least}.")
    if p_value >= rules.alpha:
        chance = f"chance explains it (p = {p_value:.2g}, alpha = {rules.alpha:g})"
        shortfalls.append(f"The candidate gains {100 * gain:.2f} points, but {chance}.")
    return shortfalls


def _mcnemar(a: np.ndarray, b: np.ndarray) -> float:
    """Exact two-sided p value for paired right and wrong answers, bool `[N]`."""
    table = [[(a & b).sum(), (a & ~b).sum()], [(~a & b).sum(), (~a & ~b).sum()]]
    return float(min(1.0, mcnemar(table, exact=True).pvalue))


def _decision(candidate: Candidate, verdict: Verdict, reasons: list[str], **numbers: float) -> Decision:
    predictions = candidate.predictions
    judged = predictions.probabilities.ndim == 2 and np.isfinite(predictions.probabilities).all()
    comparable = judged and len(predictions.probabilities) == len(predictions.labels)
    return Decision(
        slot=candidate.slot,
        dataset=candidate.dataset,
        source=candidate.source,
        candidate=candidate.experiment,
        seed=candidate.seed,
        test_digest=predictions.test_digest,
        verdict=verdict,
        reasons=reasons,
        accuracy=float(predictions.correct.mean()) if comparable else None,
        val_accuracy=candidate.val_accuracy,
        latency_ms=candidate.latency_ms,
        model_bytes=candidate.model_bytes,
        passed_over=candidate.passed_over,
        **numbers,
    )


def candidates(experiments: list[str], root: Path) -> list[Candidate]:
    """A candidate for every slot, chosen on validation alone.

    The experiment with the highest validation accuracy, mean over its seeds, ties going to fewer parameters;
    of its seeds the best on validation, ties to the lower loss and then to the lower seed.
    """
    summaries = sorted((RunFiles(name, root).summary() for name in experiments), key=lambda s: s.slot)
    return [_candidate(list(members), root) for _, members in groupby(summaries, key=lambda s: s.slot)]


def _candidate(summaries: list[Summary], root: Path) -> Candidate:
    ranked = sorted(summaries, key=lambda s: (-_val_accuracy(s), _parameters(s), s.experiment))
    best = ranked[0]
    runs, seed = RunFiles(best.experiment, root), best.best_seed()
    chosen = best.seeds[f"seed{seed}"]
    return Candidate(
        slot=best.slot,
        dataset=best.dataset,
        source=best.source,
        experiment=best.experiment,
        seed=seed,
        val_accuracy=chosen.val_accuracy,
        parameters=chosen.parameters,
        model_bytes=chosen.model_bytes,
        latency_ms=1000 * float(runs.read("test_time.json")[f"seed{seed}"]),
        predictions=Predictions(best.test_digest, *runs.predictions(seed)),
        passed_over={s.experiment: _val_accuracy(s) for s in ranked[1:]},
    )


def _val_accuracy(summary: Summary) -> float:
    return fmean(row.val_accuracy for row in summary.seeds.values())


def _parameters(summary: Summary) -> int:
    return max(row.parameters for row in summary.seeds.values())
