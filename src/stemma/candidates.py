"""Run files -> the candidate that each slot puts forward for the gate. Torch-free."""

from itertools import groupby
from math import inf, isfinite
from pathlib import Path
from statistics import fmean

from stemma.gate import Candidate, Predictions
from stemma.runs import RunFiles, SeedSummary, Summary


def candidates(experiments: list[str], root: Path) -> list[Candidate]:
    """A candidate for every slot, chosen on validation alone.

    The experiment with the highest validation accuracy, mean over its seeds, ties going to fewer parameters;
    of its seeds the best on validation, ties to the lower loss and then to the lower seed.
    """
    summaries = sorted((RunFiles(name, root).summary() for name in experiments), key=lambda s: s.slot)
    return [_candidate(list(members), root) for _, members in groupby(summaries, key=lambda s: s.slot)]


def _candidate(summaries: list[Summary], root: Path) -> Candidate:
    ranked = sorted(summaries, key=_order)
    best = ranked[0]
    name, chosen = min(best.seeds.items(), key=lambda item: _seed_order(*item))
    runs, seed = RunFiles(best.experiment, root), _number(name)
    return Candidate(
        slot=best.slot,
        dataset=best.dataset,
        source=best.source,
        experiment=best.experiment,
        seed=seed,
        val_accuracy=chosen.val_accuracy,
        parameters=chosen.parameters,
        model_bytes=chosen.model_bytes,
        latency_ms=1000 * float(runs.read("test_time.json")[name]),
        predictions=Predictions(best.test_digest, *runs.predictions(seed)),
        passed_over={s.experiment: _val_accuracy(s) for s in ranked[1:]},
    )


def _val_accuracy(summary: Summary) -> float | None:
    """Mean over the seeds; None where it is not finite."""
    mean = fmean(row.val_accuracy for row in summary.seeds.values())
    return mean if isfinite(mean) else None


def _order(summary: Summary) -> tuple[float, int, str]:
    accuracy = _val_accuracy(summary)
    return inf if accuracy is None else -accuracy, _parameters(summary), summary.experiment


def _parameters(summary: Summary) -> int:
    return max(row.parameters for row in summary.seeds.values())


def _seed_order(name: str, row: SeedSummary) -> tuple[float, float, int]:
    return (-row.val_accuracy if isfinite(row.val_accuracy) else inf), row.val_loss, _number(name)


def _number(name: str) -> int:
    return int(name.removeprefix("seed"))
