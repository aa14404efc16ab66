"""The comparison as one dict, the content of `reports/comparison.json`; docs/comparison.md has its fields."""

from collections.abc import Iterable
from itertools import combinations, groupby
from typing import Any

import numpy as np

from stemma.comparison import intervals, paired
from stemma.comparison.results import Result, load
from stemma.runs import Root
from stemma.scores import SCORING, scoring


def compare(
    experiments: Iterable[str], root: Root, confidence: float = 0.95, bootstrap: int = 1000, seed: int = 0
) -> dict[str, Any]:
    """Compare the run files of `experiments` below `root`.

    Experiments stand beside each other when dataset, source, task and test examples (`test_digest`) are the same, and
    for a task that they ask for what they are judged on (`unit`).

    Args:
        confidence: of every interval; 1 - confidence is the level of every test.
        bootstrap: resamples of the test examples, drawn from `seed`.

    Raises:
        StemmaError: see `results.load`.
    """
    results = sorted((load(experiment, root) for experiment in experiments), key=_same_test)
    tests = [list(members) for _, members in groupby(results, key=_same_test)]
    groups = [_group(members, confidence, bootstrap, seed) for members in tests]
    rows = [row for group in groups for row in group.pop("rows")]
    return {
        "confidence": confidence,
        "bootstrap": bootstrap,
        "seed": seed,
        "datasets": groups,
        "families": [row for group in groups for row in group.pop("families")],
        "rows": rows,
    }


def _same_test(result: Result) -> tuple[str | int, ...]:
    """What experiments that stand beside each other have in common; tasks sort as `SCORING` does."""
    summary = result.summary
    return summary.dataset, summary.source, summary.test_digest, list(SCORING).index(summary.task), result.unit


def _group(results: list[Result], confidence: float, bootstrap: int, seed: int) -> dict[str, Any]:
    """All experiments on the same test examples, the best first."""
    judged = results[0].scoring
    results = sorted(results, key=lambda r: (judged.key(r.contributions.mean()), r.summary.experiment))
    rows = [_row(result, confidence) for result in results]
    lows, highs = _over_examples(results, confidence, bootstrap, seed)
    differences, detectable = _differences(results, confidence)
    leader = next((place for place, result in enumerate(results) if not result.summary.start), None)
    for rank, row in enumerate(rows):
        row["rank"] = rank + 1
        row[f"{judged.primary}_over_examples"] = {"lo": float(lows[rank]), "hi": float(highs[rank])}
        row["to_best"] = differences.get((0, rank))
        row["to_leader"] = differences.get((leader, rank))
    first = results[0]
    return {
        "dataset": first.summary.dataset,
        "source": first.summary.source,
        "slot": first.summary.slot,
        "task": first.summary.task,
        "unit": first.unit,
        "primary": judged.primary,
        "classes": first.summary.classes,
        "test_digest": first.summary.test_digest,
        "test_examples": len(first.targets),
        **judged.facts(first.targets),
        "best": first.summary.experiment,
        "detectable": detectable,
        "rows": rows,
        "families": _families(rows),
    }


def _row(result: Result, confidence: float) -> dict[str, Any]:
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
        "parameters": int(max(result.of_seeds("parameters"))),
        "model_bytes": int(max(result.of_seeds("model_bytes"))),
    }
    for name, score in result.scoring.scores.items():
        row[name] = intervals.over_seeds(result.scores(name), confidence, score.bounds)
    validation = intervals.over_seeds(result.of_seeds("val_score"), confidence, result.scoring.score.bounds)
    row[f"validation_{result.scoring.primary}"] = validation
    row["epochs"] = intervals.over_seeds(result.of_seeds("epochs"), confidence)
    row["train_seconds"] = intervals.over_seeds(result.train_seconds, confidence, (0.0, np.inf))
    row["predict_ms"] = intervals.over_seeds(result.predict_ms, confidence, (0.0, np.inf))
    row["robustness"] = _robustness(result, confidence)
    row["beside"] = result.beside
    return row


def _robustness(result: Result, confidence: float) -> dict[str, Any] | None:
    """The primary score under perturbations, a point an epsilon; None where it was not measured."""
    found, bounds = result.robustness, result.scoring.score.bounds
    if found is None:
        return None
    points = [
        {
            "epsilon": each["epsilon"],
            **intervals.over_seeds([each[f"seed{seed}"] for seed in result.seeds], confidence, bounds),
        }
        for each in found["rows"]
    ]
    return {"space": found["space"], "examples": found["examples"], "points": points}


def _over_examples(results: list[Result], confidence: float, bootstrap: int, seed: int) -> np.ndarray:
    """Bootstrap intervals `[2, M]` of the results' primary scores, means over their seeds."""
    of_mean = results[0].scoring.of_mean
    if of_mean is None:
        means = np.stack([result.examples.mean(axis=0) for result in results], axis=1)
        return intervals.over_examples(means, confidence, bootstrap, seed)
    starts = np.cumsum([0] + [len(result.seeds) for result in results[:-1]])
    counts = np.array([len(result.seeds) for result in results])
    return intervals.over_examples(
        np.concatenate([result.examples for result in results]).T,
        confidence,
        bootstrap,
        seed,
        lambda means: np.add.reduceat(of_mean(means), starts, axis=1) / counts,
    )


def _differences(
    results: list[Result], confidence: float
) -> tuple[dict[tuple[int | None, int], dict[str, Any]], float | None]:
    """The difference of every pair (better, worse), places in `results`, and the detectable difference.

    Holm's correction counts every pair of the group, not only those with the best: which one is the best
    was seen in the same test examples.
    """
    pairs = list(combinations(range(len(results)), 2))
    parts = [result.contributions for result in results]
    found = {(a, b): paired.difference(parts[b], parts[a], confidence) for a, b in pairs}
    adjusted = dict(zip(pairs, paired.holm([found[pair].p_value for pair in pairs]), strict=True))
    alpha = 1 - confidence
    told: dict[tuple[int | None, int], dict[str, Any]] = {
        pair: {
            "difference": found[pair].difference,
            "lo": found[pair].lo,
            "hi": found[pair].hi,
            "p_value": found[pair].p_value,
            "p_adjusted": adjusted[pair],
            "beyond_chance": adjusted[pair] < alpha,
        }
        for pair in pairs
    }
    errors = [found[pair].standard_error for pair in pairs[: len(results) - 1]]
    examples = parts[0].shape[1]
    return told, paired.detectable(float(np.median(errors)), examples, alpha) if errors else None


def _families(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each family's representative: its best on validation, so that many tries give no advantage on test.

    What started from another experiment's models had the work of both and stands for no family.
    """
    chosen: dict[str, dict[str, Any]] = {}
    primary, judged = rows[0]["primary"], scoring(rows[0]["task"])
    for row in sorted(rows, key=lambda r: (judged.key(r[f"validation_{primary}"]["mean"]), r["parameters"])):
        if not row["start"]:
            chosen.setdefault(row["family"], row)
    keys = ("dataset", "source", "test_digest", "task", "unit", "family", "experiment", "architecture", primary)
    best_first = sorted(chosen.values(), key=lambda row: row["rank"])
    return [{key: row[key] for key in (*keys, "to_best", "to_leader")} for row in best_first]
