"""The model card of a version: what it is, of which data, how good with what intervals, its limits, the licence."""

from collections.abc import Iterator, Mapping
from typing import Any

from stemma import gate
from stemma.gate.checks import class_recalls, shown
from stemma.scores import scoring
from stemma.tracking import describe
from stemma.tracking.tasks import TOLD

LONGEST = 5000
"""Characters of a description that MLflow's database keeps."""
WHY = {"promote": "Why it was promoted", "keep": "Why it was not promoted"}


def card(
    row: Mapping[str, Any],
    group: Mapping[str, Any],
    candidate: gate.Candidate,
    decision: gate.Decision,
    licence: str,
    confidence: float,
) -> str:
    """Markdown that the registry's narrow column can show.

    Args:
        row, group: those of the candidate in `reports/comparison.json`.
        confidence: of the intervals.
    """
    paragraphs = [
        describe.sentence(row),
        f"**What.** {row['architecture']}, family {row['family']}, {row['parameters']:,} parameters, "
        f"{row['model_bytes']:,} bytes: seed {decision.seed} of `{row['experiment']}`, the best "
        f"on validation. It takes raw input and answers with {TOLD[row['task']].answer}.",
        f"**Data.** {row['dataset']}@{row['source']}, digest `{row['digest'][:12]}`.{_evidence(candidate.evidence)}",
        f"**Results on the test split**, mean over the seeds and {confidence:.0%} interval:",
        "\n".join(_scores(row)),
        "**Limits.**",
        "\n".join(f"- {limit}" for limit in _limits(row, group, candidate)),
        f"**Licence.** Of the data: {licence or 'not known'}.",
        f"**{WHY[decision.verdict]}.** {' '.join(decision.reasons)}",
    ]
    return "\n\n".join(paragraphs)[:LONGEST]


def _evidence(known: gate.Evidence | None) -> str:
    if known is None:
        return ""
    leaks = "".join(f" Leak: {leak}." for leak in known.leaks) or " No known test example was learnt from."
    return (" They passed validation." if known.validated else " They did not pass validation.") + leaks


def _scores(row: Mapping[str, Any]) -> Iterator[str]:
    for name, score in scoring(row["task"]).scores.items():
        mean, lo, hi = (row[name][end] for end in ("mean", "lo", "hi"))
        interval = "" if lo is None else f" [{lo:.4f}, {hi:.4f}]"
        yield f"- {score.noun}: {mean:.4f}{interval}"


def _limits(row: Mapping[str, Any], group: Mapping[str, Any], candidate: gate.Candidate) -> Iterator[str]:
    judged, told = scoring(row["task"]), candidate.predictions
    least = (
        f"; a difference below {shown(judged, group['detectable'])} would hardly show" if group["detectable"] else ""
    )
    yield f"Judged on {group['test_examples']:,} test examples{least}."
    if told.outputs.ndim == 2:
        recalls = class_recalls(told.targets, told.outputs)
        worst = min(recalls, key=lambda label: recalls[label])
        yield f"Of the class {group['classes'][worst]}, its worst, it tells {recalls[worst]:.1%} right."
        yield "It names one of its classes for any input, also for one that is of none."
    if told.robustness is not None:
        (before, *_, after) = (score for _, score in sorted(told.robustness.scores.items()))
        largest, score = max(told.robustness.scores), judged.score
        change = f"from {score.shown(before)} to {score.shown(after)}"
        yield f"Changed against it by {largest:g} ({told.robustness.space}), its {score.noun} goes {change}."
    yield f"What is unlike {row['dataset']}@{row['source']} it has not been tried on."
