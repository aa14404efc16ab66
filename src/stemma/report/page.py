"""What the templates show, gathered from the comparison and the run files."""

import re
from typing import Any

import numpy as np
import pandas as pd

from stemma.comparison import FAMILY_NAMES, learning_curves
from stemma.report import across, budgets, corruption, numbers, plots, robustness, words
from stemma.report.architectures import Catalog, by_task, without_result
from stemma.report.confusion import confusion, least_width
from stemma.report.cost import COSTS, cost_chart
from stemma.report.examples import mistakes, sheets
from stemma.report.provenance import provenance
from stemma.report.reliability import diagrams
from stemma.report.tasks import TELLING, log_z
from stemma.runs import Root, RunFiles
from stemma.scores import Score, scoring

Row = dict[str, Any]
Group = dict[str, Any]
BESIDE = {"density": {"log Z, nats": lambda row: numbers.estimated(*log_z(row))}}
"""By task: columns of what the scores rest on."""
POINTS = 400
"""Points of a scatter, at most."""


def page(comparison: dict[str, Any], root: Root, catalog: Catalog) -> dict[str, Any]:
    """The templates' variables."""
    groups = [
        {**group, "label": label, "scoring": scoring(group["task"])}
        for group, label in _labelled(comparison["datasets"])
    ]
    rows = {group["label"]: _rows(group, comparison["rows"]) for group in groups}
    frame = learning_curves([row["experiment"] for row in comparison["rows"]], root)
    datasets = [_dataset(group, rows[group["label"]], comparison, frame, root, catalog) for group in groups]
    return {
        "comparison": comparison,
        "headline": words.headline(groups, rows),
        "shown": words.scores_shown([group["scoring"] for group in groups]),
        "points": POINTS,
        "costs": list(COSTS),
        "named": plots.NAMED,
        "scores": {group["scoring"].score.title for group in groups},
        "units": words.units([group["scoring"].score for group in groups]),
        "terms": {
            name: told
            for task in TELLING
            if task in {g["task"] for g in groups}
            for name, told in TELLING[task].reading.items()
        },
        "families": _family_table(groups, rows, comparison["families"]),
        "datasets": datasets,
        "across": across.diagrams(comparison["across"], FAMILY_NAMES, 1 - comparison["confidence"]),
        "tasks": by_task(datasets, catalog),
        "without": without_result(datasets, catalog),
    }


def _labelled(groups: list[Group]) -> list[tuple[Group, str]]:
    """`dataset@source`, with a task that is not the data's own in parentheses; there too, where that alone is not
    unique, what was judged on, or the head of the test digest.
    """
    told = [[group["task"]] if scoring(group["task"]).asked else [] for group in groups]
    for key, form in (("unit", "{}"), ("test_digest", "test {:.8}")):
        alike = [(group["dataset"], group["source"], group["task"]) for group in groups]
        several = [
            len({other[key] for other, same in zip(groups, alike, strict=True) if same == mine}) > 1 for mine in alike
        ]
        told = [
            [*each, form.format(group[key])] if more and group[key] else each
            for group, each, more in zip(groups, told, several, strict=True)
        ]
    named = [f"{group['dataset']}@{group['source']}" for group in groups]
    labels = [f"{name} ({', '.join(each)})" if each else name for name, each in zip(named, told, strict=True)]
    return list(zip(groups, labels, strict=True))


def _same_test(row: Row, group: Group) -> bool:
    return all(row[key] == group[key] for key in ("dataset", "source", "test_digest", "task", "unit"))


def _rows(group: Group, rows: list[Row]) -> list[Row]:
    """The group's rows with short names, their primary `score`, and the places of their bars, in percent of the
    column's width.
    """
    primary = group["primary"]
    names = {"score": primary, "validation": f"validation_{primary}"}
    names |= {key: f"{primary}_{key}" for key in ("over_examples", "over_both")}
    mine = [{**row, **{to: row[name] for to, name in names.items()}} for row in rows if _same_test(row, group)]
    shown = _short([row["experiment"] for row in mine])
    low, high = _scale(mine, group["scoring"].score)
    return [{**row, "name": name, "bar": _bar(row, low, high)} for row, name in zip(mine, shown, strict=True)]


def _short(names: list[str]) -> list[str]:
    """`names` without the word that all of them begin with, as in `mnist-lenet5`."""
    heads = {name.partition("-")[0] for name in names}
    common = len(names) > 1 and len(heads) == 1 and all("-" in name for name in names)
    return [name.partition("-")[2] for name in names] if common else names


def _ends(row: Row) -> tuple[float, float]:
    seeds, examples = row["score"], row["over_examples"]
    los, his = (seeds["lo"], examples["lo"]), (seeds["hi"], examples["hi"])
    return min(v for v in los if v is not None), max(v for v in his if v is not None)


def _scale(rows: list[Row], score: Score) -> tuple[float, float]:
    """Ends of the bars' common axis, on multiples of 5 %, or of a tenth of the span's power of ten."""
    ends = np.array([_ends(row) for row in rows])
    steps = 20 if score.share else 10 ** (1 - np.floor(np.log10(max(np.ptp(ends), 1e-9))))
    return float(np.floor(ends.min() * steps) / steps), float(np.ceil(ends.max() * steps) / steps)


def _bar(row: Row, low: float, high: float) -> dict[str, Any]:
    def place(value: float) -> float:
        return round(100 * (value - low) / max(high - low, 1e-9), 2)

    score, examples = row["score"], row["over_examples"]
    seeds = (place(score["lo"]), place(score["hi"])) if score["interval"] == "t" else None
    return {
        "mean": place(score["mean"]),
        "seeds": seeds,
        "examples": (place(examples["lo"]), place(examples["hi"])),
        "ends": (low, high),
    }


def _family_table(groups: list[Group], rows: dict[str, list[Row]], families: list[Row]) -> list[Row]:
    """A row a family, a cell a dataset: the family's representative there, or None."""
    table: dict[str, list[Row | None]] = {}
    for column, group in enumerate(groups):
        named = {row["experiment"]: row for row in rows[group["label"]]}
        for entry in (entry for entry in families if _same_test(entry, group)):
            cells = table.setdefault(entry["family"], [None] * len(groups))
            cells[column] = named[entry["experiment"]]
    order = sorted(table, key=lambda family: sum(cell["rank"] if cell else 99 for cell in table[family]))
    return [{"family": family, "cells": table[family]} for family in order]


def _dataset(
    group: Group, rows: list[Row], comparison: dict[str, Any], frame: pd.DataFrame, root: Root, catalog: Catalog
) -> dict[str, Any]:
    """Everything of one dataset's section."""
    chosen = {entry["experiment"] for entry in comparison["families"] if _same_test(entry, group)}
    best_of_family = [row for row in rows if row["experiment"] in chosen]
    return {
        **group,
        "id": re.sub(r"[^a-z0-9]+", "-", group["label"].lower()).strip("-"),
        "about": TELLING[group["task"]].about(group),
        "worst": dict(zip(("title", "about"), TELLING[group["task"]].worst, strict=True)),
        "beside": BESIDE.get(group["task"], {}),
        "sentences": words.sentences(group, rows, comparison["confidence"]),
        "rows": [{**row, "provenance": provenance(row, group, root, catalog)} for row in rows],
        "cost": cost_chart(rows, group["scoring"].score, f"p{group['test_digest'][:6]}"),
        "plots": _plots(group, rows, frame),
        "pretrained": _pretrained(rows, root),
        **ERRORS.get(group["task"], _no_errors)(group, best_of_family, root),
        "reliability": diagrams(best_of_family),
        "budgets": budgets.sections(group, rows, [e for e in comparison["family_view"] if _same_test(e, group)]),
        "corruption": corruption.section(group, rows),
        "robustness": robustness.section(group, rows, best_of_family, root),
        "sheets": [found for row in rows for found in sheets(row, root)],
        "mistakes": [{**row, "items": mistakes(row, group, root)} for row in best_of_family],
    }


def _scatters(group: Group, rows: list[Row], root: Root) -> dict[str, Any]:
    return {"scatters": [_scatter(group, row, RunFiles(row["experiment"], root)) for row in rows]}


def _confusions(group: Group, rows: list[Row], root: Root) -> dict[str, Any]:
    matrices = [{**row, **confusion(RunFiles(row["experiment"], root), group["classes"])} for row in rows]
    return {"matrix_width": least_width(group["classes"]), "confusions": matrices}


def _no_errors(group: Group, rows: list[Row], root: Root) -> dict[str, Any]:
    return {}


ERRORS = {"classify": _confusions, "regress": _scatters}
"""Where the families' representatives err, by task: confusions of classes, or predicted against true values."""


def _scatter(group: Group, row: Row, runs: RunFiles) -> Row:
    """The first seed's predictions of at most `POINTS` examples spread over the test set."""
    targets, values = runs.predictions(row["seeds"][0])
    some = np.unique(np.linspace(0, len(targets) - 1, POINTS).astype(int))
    name = f"p{group['test_digest'][:6]}{row['rank']}"
    return {**row, "svg": plots.predicted_true(row, targets[some], values[some], name, group["label"])}


def _plots(group: Group, rows: list[Row], frame: pd.DataFrame) -> list[dict[str, Any]]:
    label, name = group["label"], f"p{group['test_digest'][:6]}"
    score, column = group["scoring"].score, f"val_{group['primary']}"
    axis, scale = (f"validation {score.noun}, %", 100) if score.share else (f"validation {score.noun}", 1)
    first, which = rows[: plots.NAMED], f", the best {plots.NAMED}" if len(rows) > plots.NAMED else ""
    loss = plots.curves(frame, first, "val_loss", "validation loss", f"{name}d", label)
    scores = plots.curves(frame, first, column, axis, f"{name}c", label, scale)
    found = [
        (f"Validation {score.noun} while training{which}", scores),
        (f"Validation loss while training{which}", loss),
    ]
    return [{"title": title, "svg": svg} for title, svg in found if svg is not None]


def _pretrained(rows: list[Row], root: Root) -> list[str]:
    """What went before the final phase whose curves are shown, an experiment each."""
    found = []
    for row in rows:
        history = RunFiles(row["experiment"], root).history(row["seeds"][0])
        epochs = history.groupby("phase", sort=False)["epoch"].count().iloc[:-1]
        if len(epochs):
            phases = numbers.listed([f"{phase} ({count} epochs)" for phase, count in epochs.items()])
            found.append(f"{row['name']}: {phases}")
    return found
