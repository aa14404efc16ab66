"""What the templates show, gathered from the comparison and the run files."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stemma.comparison import learning_curves
from stemma.report import numbers, plots, words
from stemma.report.confusion import confusion, least_width
from stemma.report.pictures import data_uri, sheet
from stemma.runs import RunFiles

Row = dict[str, Any]
Group = dict[str, Any]
MISTAKES = 8
"""Mistakes shown of an experiment."""


def page(comparison: dict[str, Any], root: Path) -> dict[str, Any]:
    """The templates' variables."""
    groups = [{**group, "label": label} for group, label in _labelled(comparison["datasets"])]
    rows = {group["label"]: _rows(group, comparison["rows"]) for group in groups}
    frame = learning_curves([row["experiment"] for row in comparison["rows"]], root)
    return {
        "comparison": comparison,
        "headline": words.headline(groups, rows),
        "families": _family_table(groups, rows, comparison["families"]),
        "datasets": [_dataset(group, rows[group["label"]], comparison, frame, root) for group in groups],
    }


def _labelled(groups: list[Group]) -> list[tuple[Group, str]]:
    """`dataset@source`, with the head of the test digest where that alone is not unique."""
    labels = [f"{group['dataset']}@{group['source']}" for group in groups]
    unique = [
        f"{label} (test {group['test_digest'][:8]})" if labels.count(label) > 1 else label
        for group, label in zip(groups, labels, strict=True)
    ]
    return list(zip(groups, unique, strict=True))


def _same_test(row: Row, group: Group) -> bool:
    return all(row[key] == group[key] for key in ("dataset", "source", "test_digest"))


def _rows(group: Group, rows: list[Row]) -> list[Row]:
    """The group's rows with short names and the places of their bars, in percent of the column's width."""
    mine = [row for row in rows if _same_test(row, group)]
    shown = _short([row["experiment"] for row in mine])
    low, high = _scale(mine)
    return [{**row, "name": name, "bar": _bar(row, low, high)} for row, name in zip(mine, shown, strict=True)]


def _short(names: list[str]) -> list[str]:
    """`names` without the word that all of them begin with, as in `mnist-lenet5`."""
    heads = {name.partition("-")[0] for name in names}
    common = len(names) > 1 and len(heads) == 1 and all("-" in name for name in names)
    return [name.partition("-")[2] for name in names] if common else names


def _ends(row: Row) -> tuple[float, float]:
    accuracy, examples = row["accuracy"], row["accuracy_over_examples"]
    los, his = (accuracy["lo"], examples["lo"]), (accuracy["hi"], examples["hi"])
    return min(v for v in los if v is not None), max(v for v in his if v is not None)


def _scale(rows: list[Row]) -> tuple[float, float]:
    """Ends of the bars' common axis, on multiples of 5 %."""
    ends = np.array([_ends(row) for row in rows])
    return float(np.floor(ends.min() * 20) / 20), float(np.ceil(ends.max() * 20) / 20)


def _bar(row: Row, low: float, high: float) -> dict[str, Any]:
    def place(value: float) -> float:
        return round(100 * (value - low) / max(high - low, 1e-9), 2)

    accuracy, examples = row["accuracy"], row["accuracy_over_examples"]
    seeds = (place(accuracy["lo"]), place(accuracy["hi"])) if accuracy["interval"] == "t" else None
    return {
        "mean": place(accuracy["mean"]),
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
    group: Group, rows: list[Row], comparison: dict[str, Any], frame: pd.DataFrame, root: Path
) -> dict[str, Any]:
    """Everything of one dataset's section."""
    chosen = {entry["experiment"] for entry in comparison["families"] if _same_test(entry, group)}
    best_of_family = [row for row in rows if row["experiment"] in chosen]
    return {
        **group,
        "id": re.sub(r"[^a-z0-9]+", "-", group["label"].lower()).strip("-"),
        "sentences": words.sentences(group, rows, comparison["confidence"]),
        "rows": rows,
        "plots": _plots(group, rows, frame),
        "pretrained": _pretrained(rows, root),
        "matrix_width": least_width(group["classes"]),
        "confusions": [
            {**row, **confusion(RunFiles(row["experiment"], root), group["classes"])} for row in best_of_family
        ],
        "sheets": [found for row in rows for found in _sheets(row, root)],
        "mistakes": [{**row, "items": _mistakes(row, group["classes"], root)} for row in best_of_family],
    }


def _plots(group: Group, rows: list[Row], frame: pd.DataFrame) -> list[dict[str, Any]]:
    label, name = group["label"], f"p{group['test_digest'][:6]}"
    parameters = [float(max(row["parameters"], 1)) for row in rows]
    seconds = [max(row["train_seconds"]["mean"], 1e-3) for row in rows]
    loss = plots.curves(frame, rows, "val_loss", "validation loss", f"{name}d", label)
    accuracy = plots.curves(frame, rows, "val_accuracy", "validation accuracy, %", f"{name}c", label)
    cost = plots.against_cost
    found = [
        ("Accuracy against parameters", cost(rows, parameters, "parameters", numbers.count, f"{name}a", label)),
        ("Accuracy against training time", cost(rows, seconds, "training time", numbers.duration, f"{name}b", label)),
        ("Validation accuracy while training", accuracy),
        ("Validation loss while training", loss),
    ]
    return [{"title": title, "svg": svg} for title, svg in found if svg is not None]


def _pretrained(rows: list[Row], root: Path) -> list[str]:
    """What went before the final phase whose curves are shown, an experiment each."""
    found = []
    for row in rows:
        history = RunFiles(row["experiment"], root).history(row["seeds"][0])
        epochs = history.groupby("phase", sort=False)["epoch"].count().iloc[:-1]
        if len(epochs):
            phases = numbers.listed([f"{phase} ({count} epochs)" for phase, count in epochs.items()])
            found.append(f"{row['name']}: {phases}")
    return found


def _sheets(row: Row, root: Path) -> list[dict[str, Any]]:
    pictures = RunFiles(row["experiment"], root).pictures()
    titles = {"filters": "first-layer filters", "samples": "samples (Gibbs sampling from training examples)"}
    return [
        {**row, "title": title, **sheet(pictures[kind])}
        for kind, title in titles.items()
        if kind in pictures and len(pictures[kind])
    ]


def _mistakes(row: Row, classes: list[str], root: Path) -> list[dict[str, Any]]:
    runs = RunFiles(row["experiment"], root)
    pictures = runs.pictures().get("mistakes", np.empty((0, 1, 1, 1), np.uint8))
    found = []
    for place, mistake in enumerate(runs.read("test/mistakes.json")[:MISTAKES]):
        found.append(
            {
                "true": classes[mistake["label"]],
                "read": classes[mistake["predicted"]],
                "probability": mistake["probability"],
                "text": mistake.get("text"),
                "uri": data_uri(pictures[place]) if place < len(pictures) else None,
            }
        )
    return found
