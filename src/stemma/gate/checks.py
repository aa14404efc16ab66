"""Why a candidate is unfit, or cannot be compared with the champion: a sentence each, none if all is well."""

from collections.abc import Iterator

import numpy as np

from stemma.gate.candidates import Candidate, Predictions
from stemma.gate.rules import Rules
from stemma.scores import Scoring, calibration_error, scoring


def faults(candidate: Candidate, rules: Rules) -> list[str]:
    """Why the candidate is unfit whatever the champion: its predictions, its data, its budgets."""
    broken = _broken(candidate.predictions)
    if broken:
        return broken
    budgets = [*_costs(candidate, rules), *_scores(candidate, rules), *_robust(candidate, rules)]
    return [*_collapsed(candidate.predictions), *_data(candidate, rules), *budgets]


def incomparable(candidate: Predictions, champion: Predictions) -> list[str]:
    """Why two models cannot be compared example by example, of the same test examples by their digest."""
    if candidate.outputs.shape != champion.outputs.shape:
        shapes = f"{champion.outputs.shape} and {candidate.outputs.shape}"
        return [f"The champion's and the candidate's predictions differ in shape: {shapes}."]
    if not np.array_equal(candidate.targets, champion.targets):
        return ["The champion's stored test labels differ from the candidate's."]
    if not np.isfinite(champion.outputs).all():
        return ["The champion's stored predictions are not all finite."]
    return []


def less_robust(candidate: Candidate, champion: Predictions, rules: Rules) -> list[str]:
    """Whether the candidate falls further below the champion under a perturbation than `robust_margin` allows.

    A champion that was not perturbed, or in another space of its input, gives nothing to compare with.
    """
    mine, theirs, epsilon = candidate.predictions.robustness, champion.robustness, rules.robust_epsilon
    if rules.robust_margin is None or epsilon is None or mine is None or theirs is None:
        return []
    if mine.space != theirs.space or epsilon not in theirs.scores:
        return []
    judged = scoring(candidate.task)
    behind = judged.key(mine.scores[epsilon]) - judged.key(theirs.scores[epsilon])
    if behind <= rules.robust_margin:
        return []
    limit = f"at most {shown(judged, rules.robust_margin)} are allowed"
    return [f"Perturbed by {epsilon:g} the candidate is {shown(judged, behind)} worse than the champion; {limit}."]


def class_recalls(labels: np.ndarray, probabilities: np.ndarray) -> dict[int, float]:
    """Share of each class's test examples that are told right; classes without any are left out."""
    right = probabilities.argmax(axis=1) == labels
    return {int(label): float(right[labels == label].mean()) for label in np.unique(labels)}


def shown(judged: Scoring, difference: float, sign: str = "") -> str:
    """A difference of primary scores in words: `1.20 points`, `0.52 of RMSE`."""
    share = judged.score.share
    return f"{100 * difference:{sign}.2f} points" if share else f"{difference:{sign}.4g} of {judged.score.title}"


def _broken(told: Predictions) -> list[str]:
    """Predictions that cannot be read at all."""
    values, kind = told.outputs, "values" if told.outputs.ndim == 1 else "probabilities"
    if values.ndim not in (1, 2) or len(values) != len(told.targets):
        return [f"The candidate's {kind} have the shape {values.shape}."]
    return [] if np.isfinite(values).all() else [f"The candidate's {kind} are not all finite."]


def _collapsed(told: Predictions) -> list[str]:
    if told.outputs.ndim == 1:
        return ["The candidate predicts one value only."] if np.ptp(told.outputs) == 0 else []
    collapsed = len(set(told.outputs.argmax(axis=1).tolist())) < 2
    return ["The candidate predicts one class only."] if collapsed else []


def _data(candidate: Candidate, rules: Rules) -> Iterator[str]:
    known = candidate.evidence
    if known is None and (rules.validation_passed or rules.no_leakage):
        yield "It is not known whether the candidate's data passed validation; run `dvc repro decide`."
    if known is not None and rules.validation_passed and not known.validated:
        yield f"The candidate's data did not pass validation (reports/validation/{candidate.slot}.json)."
    if known is not None and rules.no_leakage:
        yield from (f"The candidate's data leak: {leak}." for leak in known.leaks)


def _costs(candidate: Candidate, rules: Rules) -> Iterator[str]:
    if rules.max_latency_ms is not None and not candidate.latency_ms <= rules.max_latency_ms:
        limit = f"{rules.max_latency_ms:g} ms are allowed"
        yield f"The candidate needs {candidate.latency_ms:.3g} ms a prediction; {limit}."
    if rules.max_model_bytes is not None and candidate.model_bytes > rules.max_model_bytes:
        limit = f"{rules.max_model_bytes:,} are allowed"
        yield f"The candidate's model has {candidate.model_bytes:,} bytes; {limit}."


def _scores(candidate: Candidate, rules: Rules) -> Iterator[str]:
    """Budgets of classes; of values there are none."""
    told = candidate.predictions
    if told.outputs.ndim == 1:
        return
    if rules.max_calibration_error is not None:
        error = calibration_error(told.targets, told.outputs)
        if error > rules.max_calibration_error:
            limit = f"at most {100 * rules.max_calibration_error:.4g} are allowed"
            yield f"The candidate's calibration error is {100 * error:.2f} points; {limit}."
    if rules.min_class_recall is not None:
        recalls = class_recalls(told.targets, told.outputs)
        worst = min(recalls, key=lambda label: recalls[label])
        if recalls[worst] < rules.min_class_recall:
            limit = f"at least {rules.min_class_recall:.1%} are asked for"
            yield f"The candidate tells {recalls[worst]:.1%} of class number {worst} right; {limit} of every class."


def _robust(candidate: Candidate, rules: Rules) -> Iterator[str]:
    found, epsilon, judged = candidate.predictions.robustness, rules.robust_epsilon, scoring(candidate.task)
    if epsilon is None:
        return
    if found is None or epsilon not in found.scores:
        yield f"The candidate was not perturbed by {epsilon:g}, so its robustness is not known."
    elif rules.robust_bound is not None and judged.key(found.scores[epsilon]) > judged.key(rules.robust_bound):
        score, limit = judged.score, judged.score.shown(rules.robust_bound)
        told = score.shown(found.scores[epsilon])
        yield f"Perturbed by {epsilon:g} the candidate's {score.noun} is {told}; no worse than {limit} is allowed."
