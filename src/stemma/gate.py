"""The gate: which model may become its slot's champion? `decide` is pure; `candidates` reads run files."""

from dataclasses import asdict, dataclass, field
from itertools import groupby
from pathlib import Path
from statistics import fmean
from typing import Any, Literal

import numpy as np
from statsmodels.stats.contingency_tables import mcnemar

from stemma.comparison.paired import difference
from stemma.runs import RunFiles, Summary
from stemma.scores import Scoring, scoring

Verdict = Literal["promote", "keep", "refuse"]


@dataclass(frozen=True)
class Rules:
    """The section `gate` of params.yaml; None is no limit. `min_effect` is in the unit of the task's primary score."""

    alpha: float = 0.05
    min_effect: float = 0.0
    max_latency_ms: float | None = None
    max_model_bytes: int | None = None


@dataclass(frozen=True)
class Predictions:
    """What one model said of a test set: labels int `[N]` and class probabilities `[N, K]`, or values, both `[N]`."""

    test_digest: str
    targets: np.ndarray
    outputs: np.ndarray


@dataclass(frozen=True)
class Candidate:
    """The model that a slot puts forward, chosen on validation.

    `val_score` is the primary score of `task` on validation; `passed_over` maps the slot's other experiments to
    theirs, means over their seeds.
    """

    slot: str
    dataset: str
    source: str
    experiment: str
    seed: int
    val_score: float
    parameters: int
    model_bytes: int
    latency_ms: float
    predictions: Predictions
    passed_over: dict[str, float] = field(default_factory=dict)
    task: str = "classify"


@dataclass(frozen=True)
class Decision:
    """The judgement on a candidate. Scores and `difference` are in the unit of the task's primary score, accuracies
    as shares.

    `difference` (candidate less champion) and `p_value` are None where there was no champion to compare with,
    or the comparison was refused.
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
    passed_over: dict[str, float] = field(default_factory=dict)
    task: str = "classify"

    def to_dict(self) -> dict[str, Any]:
        """The fields, scores under their names: `accuracy`, `val_accuracy` and `champion_accuracy`, or `rmse`."""
        primary = scoring(self.task).primary
        return {name.replace("score", primary): value for name, value in asdict(self).items()} | {"primary": primary}


def decide(candidate: Candidate, champion: Predictions | None, rules: Rules) -> Decision:
    """Judge `candidate` against the `champion`'s stored predictions on the same test examples.

    `refuse`: the candidate is unfit (not finite, one answer only, over budget) or cannot be compared (other
    test examples, other shape). `promote`: fit, and there is no champion or the gain is at least
    `min_effect` and beyond chance at `alpha`, two-sided: by McNemar's exact test (1947), or for values by the
    paired t-test on squared errors that the comparison uses. Else `keep`.
    """
    judged = scoring(candidate.task)
    faults = _faults(candidate, rules)
    if not faults and champion is not None:
        faults = _incomparable(candidate.predictions, champion)
    if faults:
        return _decision(candidate, "refuse", faults)
    if champion is None:
        return _decision(candidate, "promote", ["There is no champion yet and the candidate is fit."])
    mine, theirs = (judged.per_example(told.targets, told.outputs)[None] for told in (candidate.predictions, champion))
    scores = [float(judged.contributions(examples).mean()) for examples in (mine, theirs)]
    p_value = _p_value(judged, mine, theirs)
    shortfalls = _shortfalls(judged, scores[0] - scores[1], p_value, rules)
    gained = _shown(judged, abs(scores[0] - scores[1]))
    won = f"The candidate gains {gained}, beyond chance at {rules.alpha:g} (p = {p_value:.2g})."
    verdict: Verdict = "keep" if shortfalls else "promote"
    numbers = {"difference": scores[0] - scores[1], "p_value": p_value, "champion_score": scores[1]}
    return _decision(candidate, verdict, shortfalls or [won], **numbers)


def _shown(judged: Scoring, difference: float, sign: str = "") -> str:
    """A difference of primary scores in words: `1.20 points`, `0.52 of RMSE`."""
    share = judged.score.share
    return f"{100 * difference:{sign}.2f} points" if share else f"{difference:{sign}.4g} of {judged.score.title}"


def _faults(candidate: Candidate, rules: Rules) -> list[str]:
    """Why the candidate is unfit whatever the champion, a sentence each."""
    told, faults = candidate.predictions, list[str]()
    values, kind = told.outputs, "values" if told.outputs.ndim == 1 else "probabilities"
    if values.ndim not in (1, 2) or len(values) != len(told.targets):
        return [f"The candidate's {kind} have the shape {values.shape}."]
    if not np.isfinite(values).all():
        return [f"The candidate's {kind} are not all finite."]
    if kind == "values" and np.ptp(values) == 0:
        faults.append("The candidate predicts one value only.")
    if kind == "probabilities" and len(set(values.argmax(axis=1).tolist())) < 2:
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
    if candidate.outputs.shape != champion.outputs.shape:
        shapes = f"{champion.outputs.shape} and {candidate.outputs.shape}"
        return [f"The champion's and the candidate's predictions differ in shape: {shapes}."]
    if not np.array_equal(candidate.targets, champion.targets):
        return ["The champion's stored test labels differ from the candidate's."]
    if not np.isfinite(champion.outputs).all():
        return ["The champion's stored predictions are not all finite."]
    return []


def _shortfalls(judged: Scoring, difference: float, p_value: float, rules: Rules) -> list[str]:
    """Why a fit candidate does not replace the champion, whose score is `difference` away."""
    gain = difference if judged.score.higher else -difference
    if gain <= 0:
        return [f"The candidate is not better: its difference is {_shown(judged, difference, '+')}."]
    shortfalls = []
    if gain < rules.min_effect:
        least = f"{100 * rules.min_effect:g} count" if judged.score.share else f"{rules.min_effect:g} count"
        shortfalls.append(f"The candidate gains {_shown(judged, gain)}; at least {least}.")
    if p_value >= rules.alpha:
        chance = f"chance explains it (p = {p_value:.2g}, alpha = {rules.alpha:g})"
        shortfalls.append(f"The candidate gains {_shown(judged, gain)}, but {chance}.")
    return shortfalls


def _p_value(judged: Scoring, a: np.ndarray, b: np.ndarray) -> float:
    """Two-sided p value for the answers of two models to the same examples, `[1, N]` each."""
    if a.dtype == bool:
        return _mcnemar(a[0], b[0])
    return difference(judged.contributions(a), judged.contributions(b), confidence=0.95).p_value


def _mcnemar(a: np.ndarray, b: np.ndarray) -> float:
    """Exact two-sided p value for paired right and wrong answers, bool `[N]`."""
    table = [[(a & b).sum(), (a & ~b).sum()], [(~a & b).sum(), (~a & ~b).sum()]]
    return float(min(1.0, mcnemar(table, exact=True).pvalue))


def _decision(candidate: Candidate, verdict: Verdict, reasons: list[str], **numbers: float) -> Decision:
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
        **numbers,
    )


def candidates(experiments: list[str], root: Path) -> list[Candidate]:
    """A candidate for every slot, chosen on validation alone among the experiments of its own task.

    The experiment with the best validation score, mean over its seeds, ties going to fewer parameters;
    of its seeds the best on validation, ties to the lower loss and then to the lower seed.
    """
    every = (RunFiles(name, root).summary() for name in experiments)
    summaries = sorted((summary for summary in every if not scoring(summary.task).asked), key=lambda s: s.slot)
    return [_candidate(list(members), root) for _, members in groupby(summaries, key=lambda s: s.slot)]


def _candidate(summaries: list[Summary], root: Path) -> Candidate:
    key = scoring(summaries[0].task).key
    ranked = sorted(summaries, key=lambda s: (key(_val_score(s)), _parameters(s), s.experiment))
    best = ranked[0]
    runs, seed = RunFiles(best.experiment, root), best.best_seed(key)
    chosen = best.seeds[f"seed{seed}"]
    return Candidate(
        slot=best.slot,
        dataset=best.dataset,
        source=best.source,
        experiment=best.experiment,
        seed=seed,
        val_score=chosen.val_score,
        parameters=chosen.parameters,
        model_bytes=chosen.model_bytes,
        latency_ms=1000 * float(runs.read("test_time.json")[f"seed{seed}"]),
        predictions=Predictions(best.test_digest, *runs.predictions(seed)),
        passed_over={s.experiment: _val_score(s) for s in ranked[1:]},
        task=best.task,
    )


def _val_score(summary: Summary) -> float:
    return fmean(row.val_score for row in summary.seeds.values())


def _parameters(summary: Summary) -> int:
    return max(row.parameters for row in summary.seeds.values())
