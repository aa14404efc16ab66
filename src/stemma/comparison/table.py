"""The comparison as one dict, the content of `reports/comparison.json`; docs/comparison.md has its fields."""

from collections.abc import Iterable
from itertools import combinations, groupby
from pathlib import Path
from typing import Any

import numpy as np

from stemma.comparison import intervals, paired
from stemma.comparison.results import Result, load
from stemma.scores import SCORES

SHARE = (0.0, 1.0)
BOUNDS = {"cross_entropy": (0.0, np.inf)}


def compare(
    experiments: Iterable[str], root: Path, confidence: float = 0.95, bootstrap: int = 1000, seed: int = 0
) -> dict[str, Any]:
    """Compare the run files of `experiments` below `root`.

    Experiments stand beside each other when dataset, source and test examples (`test_digest`) are the same.

    Args:
        confidence: of every interval; 1 - confidence is the level of every test.
        bootstrap: resamples of the test examples, drawn from `seed`.

    Raises:
        StemmaError: see `results.load`.
    """
    results = sorted((load(experiment, Path(root)) for experiment in experiments), key=_same_test)
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


def _same_test(result: Result) -> tuple[str, str, str]:
    return result.summary.dataset, result.summary.source, result.summary.test_digest


def _group(results: list[Result], confidence: float, bootstrap: int, seed: int) -> dict[str, Any]:
    """All experiments on the same test examples, the most accurate first."""
    results = sorted(results, key=lambda r: (-r.correct.mean(), r.summary.experiment))
    rows = [_row(result, confidence) for result in results]
    correct = np.stack([result.correct.mean(axis=0) for result in results], axis=1)
    lows, highs = intervals.over_examples(correct, confidence, bootstrap, seed)
    differences, detectable = _differences(results, confidence)
    for rank, row in enumerate(rows):
        row["rank"] = rank + 1
        row["accuracy_over_examples"] = {"lo": float(lows[rank]), "hi": float(highs[rank])}
        row["to_best"] = differences[rank]
    first = results[0]
    return {
        "dataset": first.summary.dataset,
        "source": first.summary.source,
        "slot": first.summary.slot,
        "classes": first.summary.classes,
        "test_digest": first.summary.test_digest,
        "test_examples": len(first.labels),
        "largest_class": float(np.bincount(first.labels).max() / len(first.labels)),
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
        "experiment": summary.experiment,
        "architecture": summary.architecture,
        "family": summary.family,
        "seeds": result.seeds,
        "digest": summary.digest,
        "test_digest": summary.test_digest,
        "parameters": int(max(result.of_seeds("parameters"))),
        "model_bytes": int(max(result.of_seeds("model_bytes"))),
    }
    for name, score in SCORES.items():
        values = [score(result.labels, probabilities) for probabilities in result.probabilities]
        row[name] = intervals.over_seeds(values, confidence, BOUNDS.get(name, SHARE))
    row["validation_accuracy"] = intervals.over_seeds(result.of_seeds("val_accuracy"), confidence, SHARE)
    row["epochs"] = intervals.over_seeds(result.of_seeds("epochs"), confidence)
    row["train_seconds"] = intervals.over_seeds(result.train_seconds, confidence, (0.0, np.inf))
    row["predict_ms"] = intervals.over_seeds(result.predict_ms, confidence, (0.0, np.inf))
    return row


def _differences(results: list[Result], confidence: float) -> tuple[list[dict[str, Any] | None], float | None]:
    """Each result's difference to the first, the best (None for itself), and the detectable difference.

    Holm's correction counts every pair of the group, not only those with the best: which one is the best
    was seen in the same test examples.
    """
    pairs = list(combinations(range(len(results)), 2))
    correct = [result.correct for result in results]
    found = {(a, b): paired.difference(correct[b], correct[a], confidence) for a, b in pairs}
    adjusted = dict(zip(pairs, paired.holm([found[pair].p_value for pair in pairs]), strict=True))
    alpha = 1 - confidence
    rows: list[dict[str, Any] | None] = [None]
    for pair in pairs[: len(results) - 1]:
        rows.append(
            {
                "difference": found[pair].difference,
                "lo": found[pair].lo,
                "hi": found[pair].hi,
                "p_value": found[pair].p_value,
                "p_adjusted": adjusted[pair],
                "beyond_chance": adjusted[pair] < alpha,
            }
        )
    errors = [found[pair].standard_error for pair in pairs[: len(results) - 1]]
    examples = correct[0].shape[1]
    return rows, paired.detectable(float(np.median(errors)), examples, alpha) if errors else None


def _families(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each family's representative: its best on validation, so that many tries give no advantage on test."""
    chosen: dict[str, dict[str, Any]] = {}
    for row in sorted(rows, key=lambda r: (-r["validation_accuracy"]["mean"], r["parameters"])):
        chosen.setdefault(row["family"], row)
    keys = ("dataset", "source", "test_digest", "family", "experiment", "architecture", "accuracy", "to_best")
    best_first = sorted(chosen.values(), key=lambda row: row["rank"])
    return [{key: row[key] for key in keys} for row in best_first]
