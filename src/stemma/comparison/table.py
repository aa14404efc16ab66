"""The comparison as one dict, the content of `reports/comparison.json`; docs/comparison.md has its fields."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from stemma.comparison import intervals, paired
from stemma.comparison.across import across
from stemma.comparison.budgets import family_view, representatives
from stemma.comparison.pairs import Pairs
from stemma.comparison.results import Result, load
from stemma.comparison.rows import row_of
from stemma.runs import Root
from stemma.scores import SCORING, scoring

SCHEMA_VERSION = 1
"""Version of the form that `schema.json` describes."""
RANKING = ("dataset", "source", "test_digest", "task", "unit")
"""What rows of one ranking have in common."""


def compare(
    experiments: Iterable[str],
    root: Root,
    confidence: float = 0.95,
    bootstrap: int = 1000,
    seed: int = 0,
    budgets: Mapping[str, Sequence[float]] | None = None,
) -> dict[str, Any]:
    """Compare the run files of `experiments` below `root`.

    Experiments stand beside each other when dataset, source, task and test examples (`test_digest`) are the same, and
    for a task that they ask for what they are judged on (`unit`).

    Args:
        confidence: of every interval; 1 - confidence is the level of every test.
        bootstrap: resamples of the test examples, drawn from `seed`.
        budgets: see `budgets.family_view`.

    Raises:
        StemmaError: see `results.load`.
    """
    results = sorted((load(experiment, root) for experiment in experiments), key=_same_test)
    tests = [list(members) for _, members in groupby(results, key=_same_test)]
    groups = [_group(members, confidence, bootstrap, seed, budgets or {}) for members in tests]
    joined = {
        name: [row for group in groups for row in group.pop(name)] for name in ("families", "family_view", "rows")
    }
    return {
        "schema_version": SCHEMA_VERSION,
        "confidence": confidence,
        "bootstrap": bootstrap,
        "seed": seed,
        "datasets": groups,
        "across": _across(joined["rows"], 1 - confidence),
        **joined,
    }


def _same_test(result: Result) -> tuple[str | int, ...]:
    """What experiments that stand beside each other have in common; tasks sort as `SCORING` does."""
    summary = result.summary
    return summary.dataset, summary.source, summary.test_digest, list(SCORING).index(summary.task), result.unit


def _group(
    results: list[Result], confidence: float, bootstrap: int, seed: int, budgets: Mapping[str, Sequence[float]]
) -> dict[str, Any]:
    """All experiments on the same test examples, the best first."""
    judged = results[0].scoring
    results = sorted(results, key=lambda r: (judged.key(r.contributions.mean()), r.summary.experiment))
    rows, groups = [row_of(result, confidence) for result in results], _together(results)
    of_examples = _drawn(results, bootstrap, seed, groups)
    variances, freedoms = zip(*(paired.seed_variance(each.contributions, groups) for each in results), strict=True)
    of_both = of_examples + intervals.of_seeds(variances, freedoms, bootstrap, seed)
    pairs = Pairs(results, confidence, groups, of_both)
    leader = next((place for place, result in enumerate(results) if not result.summary.start), None)
    over_examples, over_both = (intervals.ends(drawn, confidence) for drawn in (of_examples, of_both))
    for rank, row in enumerate(rows):
        row["rank"] = rank + 1
        row[f"{judged.primary}_over_examples"] = _between(over_examples[:, rank])
        row[f"{judged.primary}_over_both"] = _between(np.clip(over_both[:, rank], *judged.score.bounds))
        row["to_best"] = pairs.tell(0, rank)
        row["to_leader"] = pairs.tell(leader, rank)
    first, count = results[0], len(results[0].targets)
    independent = count if groups is None else int(groups.max()) + 1
    errors = pairs.errors_to_best
    return {
        "dataset": first.summary.dataset,
        "source": first.summary.source,
        "slot": first.summary.slot,
        "task": first.summary.task,
        "unit": first.unit,
        "primary": judged.primary,
        "kind": first.facts["kind"],
        "shape": first.facts["shape"],
        "classes": first.summary.classes,
        "test_digest": first.summary.test_digest,
        "test_examples": count,
        "test_groups": None if groups is None else independent,
        **judged.facts(first.targets),
        "best": first.summary.experiment,
        "detectable": paired.detectable(float(np.median(errors)), independent, 1 - confidence) if len(errors) else None,
        "rows": rows,
        "families": _families(rows),
        "family_view": family_view(rows, pairs, budgets),
    }


def _between(ends: np.ndarray) -> dict[str, float]:
    return {"lo": float(ends[0]), "hi": float(ends[1])}


def _together(results: list[Result]) -> np.ndarray | None:
    """Which test examples belong together `[N]`, as any of the results on them knows it; None where none do."""
    known = next((result.facts["groups"] for result in results if result.facts["groups"] is not None), None)
    return None if known is None else np.array(known)


def _drawn(results: list[Result], resamples: int, seed: int, groups: np.ndarray | None) -> np.ndarray:
    """The results' primary scores, means over their seeds, on resampled examples `[R, M]`."""
    of_mean = results[0].scoring.of_mean
    if of_mean is None:
        means = np.stack([result.examples.mean(axis=0) for result in results], axis=1)
        return intervals.resampled(means, resamples, seed, groups)
    starts = np.cumsum([0] + [len(result.seeds) for result in results[:-1]])
    counts = np.array([len(result.seeds) for result in results])
    columns = np.concatenate([result.examples for result in results]).T
    return np.add.reduceat(of_mean(intervals.resampled(columns, resamples, seed, groups)), starts, axis=1) / counts


def _families(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each family's representative.

    What started from another experiment's models had the work of both and stands for no family.
    """
    primary, chosen = rows[0]["primary"], representatives([row for row in rows if not row["start"]], "family")
    keys = ("dataset", "source", "test_digest", "task", "unit", "family", "experiment", "architecture", primary)
    best_first = sorted(chosen.values(), key=lambda row: row["rank"])
    return [{key: row[key] for key in (*keys, "to_best", "to_leader")} for row in best_first]


def _across(rows: list[dict[str, Any]], alpha: float) -> list[dict[str, Any]]:
    """Of each task, families and architectures over its datasets; of a dataset with several rankings the largest."""
    found = []
    for task in dict.fromkeys(row["task"] for row in rows):
        own = [row for row in rows if row["task"] == task and not row["start"]]
        rankings = [list(m) for _, m in groupby(own, key=lambda row: [row[key] for key in RANKING])]
        largest = {members[0]["dataset"]: members for members in sorted(rankings, key=len)}
        for of in ("family", "architecture"):
            blocks = {dataset: _block(members, of) for dataset, members in sorted(largest.items())}
            found.append({"task": task, **across(blocks, of, alpha)})
    return found


def _block(rows: list[dict[str, Any]], of: str) -> dict[str, float]:
    """By family or architecture the primary score of its best on validation, so that less is better."""
    key, primary = scoring(rows[0]["task"]).key, rows[0]["primary"]
    return {name: key(row[primary]["mean"]) for name, row in representatives(rows, of).items()}
