"""What a comparison tells of one experiment by itself: scores, intervals over its seeds, calibration, costs."""

from typing import Any

import numpy as np

from stemma.calibration import reliability, scaled
from stemma.comparison import intervals
from stemma.comparison.results import Result


def row_of(result: Result, confidence: float) -> dict[str, Any]:
    """All but what needs other experiments."""
    summary = result.summary
    row: dict[str, Any] = {
        "dataset": summary.dataset,
        "source": summary.source,
        "slot": summary.slot,
        "task": summary.task,
        "unit": result.unit,
        "primary": result.scoring.primary,
        "experiment": summary.experiment,
        "architecture": summary.architecture,
        "family": summary.family,
        "start": summary.start,
        "seeds": result.seeds,
        "digest": summary.digest,
        "test_digest": summary.test_digest,
        "kind": result.facts["kind"],
        "shape": result.facts["shape"],
        "train_examples": result.facts["train_examples"],
        "parameters": int(max(result.of_seeds("parameters"))),
        "multiply_adds": result.facts["multiply_adds"],
        "peak_memory": result.peak_memory,
        "model_bytes": int(max(result.of_seeds("model_bytes"))),
    }
    for name, score in result.scoring.scores.items():
        row[name] = intervals.over_seeds(result.scores(name), confidence, score.bounds)
    validation = intervals.over_seeds(result.of_seeds("val_score"), confidence, result.scoring.score.bounds)
    row[f"validation_{result.scoring.primary}"] = validation
    row["epochs"] = intervals.over_seeds(result.of_seeds("epochs"), confidence)
    row["train_seconds"] = intervals.over_seeds(result.train_seconds, confidence, (0.0, np.inf))
    row["predict_ms"] = intervals.over_seeds(result.predict_ms, confidence, (0.0, np.inf))
    row["predict_ms_alone"] = intervals.over_seeds(result.alone_ms, confidence, (0.0, np.inf))
    row["calibration"] = _calibration(result, confidence)
    row["robustness"] = _robustness(result, confidence)
    row["corruption"] = _corruption(result, confidence)
    row["beside"] = result.beside
    return row


def _robustness(result: Result, confidence: float) -> dict[str, Any] | None:
    """The primary score under perturbations, a point an epsilon; None where it was not measured."""
    found, bounds = result.robustness, result.scoring.score.bounds
    if found is None:
        return None
    points = [
        {"epsilon": each["epsilon"], **intervals.over_seeds(result.of_row(each), confidence, bounds)}
        for each in found["rows"]
    ]
    return {"space": found["space"], "examples": found["examples"], "points": points}


def _corruption(result: Result, confidence: float) -> dict[str, Any] | None:
    """The primary score on corrupted examples, a point a kind and strength; None where it was not measured."""
    found, bounds = result.corruption, result.scoring.score.bounds
    if found is None:
        return None
    points = [
        {
            "kind": each["kind"],
            "strength": each["strength"],
            **intervals.over_seeds(result.of_row(each), confidence, bounds),
        }
        for each in found["rows"]
    ]
    return {"examples": found["examples"], "points": points}


def _calibration(result: Result, confidence: float) -> dict[str, Any] | None:
    """Temperatures and what they leave of the calibration error, and the bins of the reliability diagram, before and
    after, all seeds in one; None of other tasks than `classify`.
    """
    if not result.temperatures:
        return None
    after = [scaled(each, by) for each, by in zip(result.outputs, result.temperatures, strict=True)]
    error = result.scoring.scores["calibration_error"]
    errors = [error.of(result.targets, each) for each in after]
    labels = np.tile(result.targets, len(result.seeds))
    return {
        "temperature": intervals.over_seeds(result.temperatures, confidence, (0.0, np.inf)),
        "scaled_error": intervals.over_seeds(errors, confidence, error.bounds),
        "bins": _bins(labels, np.concatenate(list(result.outputs))),
        "scaled_bins": _bins(labels, np.concatenate(after)),
    }


def _bins(labels: np.ndarray, probabilities: np.ndarray) -> list[dict[str, float]]:
    found = reliability(labels, probabilities)
    columns = (found.examples / len(labels), found.confidence, found.accuracy)
    names = ("share", "confidence", "accuracy")
    return [dict(zip(names, map(float, np.round(each, 6)), strict=True)) for each in zip(*columns, strict=True)]
