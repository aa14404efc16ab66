"""The candidate of each slot, from run files: chosen on validation, judged by what it said of the test examples."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from statistics import fmean

import numpy as np

from stemma.gate.evidence import Evidence
from stemma.runs import RunFiles, Summary
from stemma.scores import scoring


@dataclass(frozen=True)
class Robustness:
    """The primary score of one model by the size of the perturbation against it, in `space` of its input."""

    space: str
    scores: Mapping[float, float]


@dataclass(frozen=True)
class Predictions:
    """What one model said of a test set: labels int `[N]` and class probabilities `[N, K]`, or values, both `[N]`.

    `robustness` is None of a model without a gradient to perturb its input along.
    """

    test_digest: str
    targets: np.ndarray
    outputs: np.ndarray
    robustness: Robustness | None = None


@dataclass(frozen=True)
class Candidate:
    """The model that a slot puts forward, chosen on validation.

    `val_score` is the primary score of `task` on validation; `passed_over` maps the slot's other experiments to
    theirs, means over their seeds; `evidence` is None where nothing is known of the data.
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
    evidence: Evidence | None = None


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
        predictions=of_run(runs, seed),
        passed_over={s.experiment: _val_score(s) for s in ranked[1:]},
        task=best.task,
    )


def of_run(runs: RunFiles, seed: int) -> Predictions:
    """What one seed of an experiment said of the test examples."""
    found = runs.robustness()
    scores = {row["epsilon"]: row[f"seed{seed}"] for row in found["rows"]} if found else {}
    robustness = Robustness(found["space"], scores) if found else None
    return Predictions(runs.summary().test_digest, *runs.predictions(seed), robustness)


def _val_score(summary: Summary) -> float:
    return fmean(row.val_score for row in summary.seeds.values())


def _parameters(summary: Summary) -> int:
    return max(row.parameters for row in summary.seeds.values())
