"""A dataset's section on perturbations against the models: a sentence, curves, a table and pictures."""

from typing import Any

import numpy as np

from stemma.report import plots
from stemma.report.numbers import listed, value
from stemma.report.pictures import sheet
from stemma.report.plots import NAMED
from stemma.report.words import distance, family_name
from stemma.runs import Root, RunFiles
from stemma.scores import Score

Row = dict[str, Any]
UNITS = {
    "pixels": "of the full range of a pixel",
    "bag of words": "of the root mean square entry of a text's bag of words",
    "columns": "of a column's unit as scaled",
    "word vectors": "of the word vectors' root mean square entry",
}
"""What epsilon is a share of, by what is moved."""


def section(group: Row, rows: list[Row], representatives: list[Row], root: Root) -> Row | None:
    """The templates' variables; None where no experiment was perturbed. `rows` are the dataset's, the best first."""
    perturbed = [row for row in rows if row["robustness"]]
    if not perturbed:
        return None
    score, epsilons = group["scoring"].score, sorted({e for row in perturbed for e in _means(row)})
    alike: dict[tuple[str, int], list[Row]] = {}
    for row in perturbed:
        alike.setdefault((row["robustness"]["space"], row["robustness"]["examples"]), []).append(row)
    spaces, counts = (list(dict.fromkeys(each)) for each in zip(*alike, strict=True))
    told = [_sentence(rows, space, count, len(counts) > 1, score) for (space, count), rows in alike.items()]
    return {
        "sentences": [sentence for sentence in told if sentence],
        "examples": " or ".join(map(str, counts)),
        "units": listed([UNITS[space] for space in spaces]),
        "moved": len(spaces) > 1,
        "counted": len(counts) > 1,
        "drawn": NAMED if len(perturbed) > NAMED else 0,
        "epsilons": epsilons,
        "rows": [{**row, "means": [_means(row).get(epsilon) for epsilon in epsilons]} for row in perturbed],
        "svg": plots.perturbed(perturbed[:NAMED], score, f"p{group['test_digest'][:6]}e", group["label"]),
        "turned": [found for row in representatives if (found := _turned(row, group["classes"], root))["items"]],
    }


def _means(row: Row) -> dict[float, float]:
    """The mean score by epsilon, 0 first."""
    return {point["epsilon"]: point["mean"] for point in row["robustness"]["points"]}


def _sentence(rows: list[Row], space: str, examples: int, counted: bool, score: Score) -> str:
    """Who loses least and who most at the least epsilon that all have in common, of those moved in one unit on equally
    many examples, which are named if `counted`; empty if they have none in common.
    """
    common = set.intersection(*(set(_means(row)) for row in rows)) - {0.0}
    if not common:
        return ""
    epsilon = min(common)
    least, *others = sorted(rows, key=lambda row: _lost(row, epsilon, score))
    told = f"Against {epsilon:g} {UNITS[space]}{f' on {examples} test examples' if counted else ''}, "
    amounts = [_amount(row, epsilon, score) for row in (least, *others)]
    if others and amounts[0] == amounts[-1]:
        return f"{told}each of the {len(rows)} experiments loses {amounts[0]}."
    before, after = (value(_means(least)[e], score) for e in (0.0, epsilon))
    told += f"{least['name']} ({family_name(least['family'])}) loses {'least: ' if others else ''}{amounts[0]} "
    told += f"({before} to {after}{' %' if score.share else ''})"
    for most in others[-1:]:
        told += f"; {most['name']} ({family_name(most['family'])}) loses most, {amounts[-1]}"
    return f"{told}.".replace(" %", "\u00a0%")


def _lost(row: Row, epsilon: float, score: Score) -> float:
    """How much worse the mean score is at `epsilon`."""
    change = _means(row)[epsilon] - _means(row)[0.0]
    return -change if score.higher else change


def _amount(row: Row, epsilon: float, score: Score) -> str:
    lost = _lost(row, epsilon, score)
    return distance(lost, score) if lost > 0 else "nothing"


def _turned(row: Row, classes: list[str], root: Root) -> Row:
    """Pictures of one experiment whose answer a perturbation changes."""
    runs = RunFiles(row["experiment"], root)
    found, pictures = runs.robustness(), runs.pictures().get("adversarial", np.empty(0))
    told = found["turned"] if found else []
    items = [
        {
            **sheet(np.stack(np.split(picture, 3, axis=1)), columns=3),
            "true": classes[item["label"]],
            "read": classes[item["read"]],
            **{name: item[name] for name in ("epsilon", "before", "after")},
        }
        for item, picture in zip(told, pictures, strict=True)
    ]
    return {**row, "items": items}
