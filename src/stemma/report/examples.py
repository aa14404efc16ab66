"""What the page shows of single examples and of what a model has learned: pictures and mistakes."""

from typing import Any

import numpy as np

from stemma.report import numbers
from stemma.report.pictures import data_uri, sheet
from stemma.runs import Root, RunFiles

Row = dict[str, Any]
Group = dict[str, Any]
MISTAKES = 8
"""Mistakes shown of an experiment."""
TITLES = {
    "filters": "first-layer filters",
    "samples": "samples (Gibbs sampling from training examples)",
    "reconstructions": "reconstructions, each beside its original",
}
"""Of pictures that models show; others are called by their name."""
OF_EXAMPLES = {"mistakes", "adversarial"}
"""Pictures that stand elsewhere."""


def sheets(row: Row, root: Root) -> list[dict[str, Any]]:
    """What the model shows of itself, in an order that all share."""
    pictures = RunFiles(row["experiment"], root).pictures()
    own = sorted(pictures.keys() - set(TITLES) - OF_EXAMPLES)
    return [
        {**row, "title": TITLES.get(kind, _title(kind, len(pictures[kind]))), **sheet(pictures[kind])}
        for kind in [*TITLES, *own]
        if kind in pictures and len(pictures[kind])
    ]


def _title(kind: str, count: int) -> str:
    """Name of pictures that not all models show."""
    return kind.replace("_", " ") if count == 1 else f"pictures: {kind.replace('_', ' ')}"


def mistakes(row: Row, group: Group, root: Root) -> list[dict[str, Any]]:
    runs = RunFiles(row["experiment"], root)
    pictures = runs.pictures().get("mistakes", np.empty((0, 1, 1, 1), np.uint8))
    found = []
    for place, mistake in enumerate(runs.read("test/mistakes.json")[:MISTAKES]):
        told = next(tell(mistake, group) for key, tell in MISTAKE.items() if key in mistake)
        uri = data_uri(pictures[place]) if place < len(pictures) else None
        found.append({**told, "text": mistake.get("text"), "uri": uri})
    return found


def _in_classes(mistake: dict[str, Any], group: Group) -> dict[str, str]:
    true, read = (group["classes"][mistake[name]] for name in ("label", "predicted"))
    return {"true": true, "read": read, "how": f"{numbers.percent(mistake['probability'])} % sure"}


def _in_numbers(mistake: dict[str, Any], group: Group) -> dict[str, str]:
    true, read = mistake["target"], mistake["value"]
    by = numbers.significant(abs(read - true))
    names = {"true": numbers.significant(true), "read": numbers.significant(read)}
    return {**names, "how": f"{by} too {'much' if read > true else 'little'}"}


def _in_score(mistake: dict[str, Any], group: Group) -> dict[str, str]:
    score = group["scoring"].score
    told = f"{score.noun} {numbers.value(mistake['score'], score)}{' %' if score.share else ''}"
    return {"true": "", "read": "", "how": told}


MISTAKE = {"value": _in_numbers, "predicted": _in_classes, "score": _in_score}
"""How a mistake is told, by a field of it."""
