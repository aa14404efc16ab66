"""What the validation page shows of single examples: some of each class, and pairs side by side."""

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Any

import numpy as np
import pandas as pd

from stemma.data.parts import IMAGES, Part
from stemma.data.validation import drawing

MOST = 160
"""Images on the page; texts, sequences and rows are a fourth of it."""
CHARACTERS, TOKENS = 300, 40
"""Of a text and of a sequence."""

Span = tuple[str, bool]
"""A piece of text, and whether it is marked."""


def groups(part: Part, task: str, classes: tuple[str, ...]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Headings and the examples under them: of each class, or spread over the range of the targets."""
    most = MOST if isinstance(part.x, IMAGES) else MOST // 4
    if task == "classify":
        each = int(np.clip(most // max(len(classes), 1), 1, most // 10))
        for label, name in enumerate(classes):
            yield name, examples(part, task, _spread(np.flatnonzero(part.y == label), max(each, 2)))
    else:
        rows = np.argsort(part.y) if task == "regress" else np.arange(len(part))
        yield "by target" if task == "regress" else "", examples(part, task, _spread(rows, most // 4))


def _spread(rows: np.ndarray, count: int) -> np.ndarray:
    return rows[np.linspace(0, len(rows) - 1, min(count, len(rows))).astype(int)] if len(rows) else rows


def examples(part: Part, task: str, rows: np.ndarray) -> list[dict[str, Any]]:
    """Each with one of image, text, tokens, curve or cells, and with target, tags or output by task."""
    if not len(rows):
        return []
    chosen = part.take(rows)
    return [_input(x) | _target(chosen.y[i], task) for i, x in enumerate(_inputs(chosen.x))]


def _inputs(x: Any) -> list[Any]:
    if isinstance(x, IMAGES):
        return list(np.asarray(x[:]))
    return x.to_dict("records") if isinstance(x, pd.DataFrame) else list(x)


def _input(x: Any) -> dict[str, Any]:
    if isinstance(x, np.ndarray) and x.dtype == np.uint8:
        return {"image": drawing.sheet(x[None])}
    if isinstance(x, np.ndarray):
        return {"curve": drawing.curves(x, f"{len(x)} steps"), "steps": len(x)}
    if isinstance(x, dict):
        return {"cells": {str(k): drawing.number(v) if isinstance(v, float) else str(v) for k, v in x.items()}}
    if isinstance(x, list):
        return {"tokens": [str(token) for token in x[:TOKENS]], "more": max(len(x) - TOKENS, 0)}
    text = "" if x is None else str(x)
    return {"text": text[:CHARACTERS] + ("…" if len(text) > CHARACTERS else "")}


def _target(y: Any, task: str) -> dict[str, Any]:
    if task == "regress":
        return {"target": drawing.number(float(y))}
    if task == "label":
        return {"tags": [str(tag) for tag in y[:TOKENS]]}
    return {"output": " ".join(map(str, y[:TOKENS])) + (" …" if len(y) > TOKENS else "")} if task == "transduce" else {}


def pair(parts: dict[str, Part], task: str, classes: tuple[str, ...], row: dict[str, Any]) -> dict[str, Any]:
    """Two examples side by side, a row of the pairs; in words, what only one of them holds is marked."""
    sides = []
    for side in "ab":
        name, number = row[f"part_{side}"], int(row[f"row_{side}"])
        part = parts[name]
        shown = examples(part, "classify", np.array([number]))[0]
        sides.append(shown | {"where": f"{name} {number:,}", "label": _label(part.y[number], task, classes)})
    for key in ("text", "tokens"):
        if all(key in shown for shown in sides):
            spans = difference(*(_pieces(shown[key]) for shown in sides))
            sides = [shown | {"spans": found} for shown, found in zip(sides, spans, strict=True)]
    differ = sides[0]["label"] != sides[1]["label"]
    return {
        "sides": sides,
        "differ": differ,
        "how": row["how"],
        "change": row["change"],
        "distance": float(row["distance"]),
    }


def _label(y: Any, task: str, classes: tuple[str, ...]) -> str:
    if task == "classify":
        return classes[y] if 0 <= y < len(classes) else f"label {y}"
    return drawing.number(float(y)) if task == "regress" else " ".join(map(str, y[:TOKENS]))


def _pieces(value: str | list[str]) -> list[str]:
    return value.split() if isinstance(value, str) else value


def difference(a: Sequence[str], b: Sequence[str]) -> tuple[list[Span], list[Span]]:
    """Both sequences of words in pieces, marked where they differ."""
    left: list[Span] = []
    right: list[Span] = []
    for way, i, j, k, m in SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        for spans, words in ((left, a[i:j]), (right, b[k:m])):
            if words:
                spans.append((" ".join(words), way != "equal"))
    return left, right
