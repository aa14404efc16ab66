"""The tables that the expectations look at: examples, classes, parts, and the columns of a table."""

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd

from stemma.data.parts import Part
from stemma.data.shards import chunks
from stemma.data.validation import measures, profile
from stemma.data.validation.labels import contradicted
from stemma.data.validation.lexicon import Lexicon
from stemma.data.validation.repeats import Repeats


def tables(
    parts: dict[str, Part],
    meta: dict[str, Any],
    counts: dict[str, int],
    repeats: Repeats,
    suspects: pd.DataFrame | None = None,
) -> dict[str, pd.DataFrame]:
    """The tables by name.

    Args:
        suspects: of `labels.suspicious`; None where no neighbours were searched.

    Columns:
        examples: part, row, labels (different labels of the same content), near_labels (2 where a near
            repetition has another label), suspected (the class that its nearest agree on instead), what
            `measures` says of the example, group where there are groups.
        classes: of the tasks with classes: part, class, examples, in_train (the same of train alone, where
            there are any), to_largest (share of the largest class's number; empty where it has none) and
            difference (of its share to its share in train, beyond three standard errors, among the classes
            that both have).
        parts: part, examples, expected (None if the catalogue does not say), repeated (share of the examples
            whose content came before in the part with that label), shared (whose content is in another part), near and
            near_shared (with a near repetition in the part, in another one), dominant (share of the most
            frequent content), suspicious (share of the examples that are suspected), groups_shared (groups
            that another part has too); shape, brightest, coloured of images; cut and unknown of texts; targets
            (different ones).
        columns: see `profile`; of tables alone.
    """
    kind, task, classes = meta["kind"], meta["task"], tuple(meta["classes"])
    frames = {
        "examples": _examples(parts, kind, task, classes, repeats),
        "parts": _parts(parts, kind, task, counts, repeats),
    }
    if suspects is not None:
        found = [contradicted(name, part, suspects, classes) for name, part in parts.items()]
        frames["examples"]["suspected"] = np.concatenate(found)
        share = {name: float(pd.notna(column).mean()) for name, column in zip(parts, found, strict=True)}
        frames["parts"]["suspicious"] = frames["parts"]["part"].map(share)
    if task in ("classify", "label"):
        frames["classes"] = _classes(parts, classes, task)
    if kind == "table":
        frames["columns"] = profile.columns(parts, task)
    return frames


def _examples(parts: dict[str, Part], kind: str, task: str, classes: tuple[str, ...], repeats: Repeats) -> pd.DataFrame:
    frames = []
    for name, part in parts.items():
        frame = pd.DataFrame({"part": name, "row": np.arange(len(part))})
        measured = measures.targets(part, task, classes, parts["train"]) | measures.inputs(part, kind)
        frames.append(pd.concat([frame, pd.DataFrame(measured)], axis=1))
    whole = pd.concat(frames, ignore_index=True)
    return whole.assign(labels=repeats.labels(), near_labels=repeats.near_labels())


def _classes(parts: dict[str, Part], classes: tuple[str, ...], task: str) -> pd.DataFrame:
    numbers = {name: _count(part, classes, task) for name, part in parts.items()}
    rows = []
    for name, number in numbers.items():
        both = (number > 0) & (numbers["train"] > 0)
        difference = _difference(number * both, numbers["train"] * both)
        for i, label in enumerate(classes):
            to_largest = number[i] / number.max() if number[i] else None
            in_train = int(number[i]) if name == "train" and number[i] else None
            rows.append((name, label, int(number[i]), in_train, to_largest, difference[i] if both[i] else None))
    return pd.DataFrame(rows, columns=["part", "class", "examples", "in_train", "to_largest", "difference"])


def _count(part: Part, classes: tuple[str, ...], task: str) -> np.ndarray:
    """int64 `[classes]`: examples, or tags, of each class."""
    if task == "classify":
        return np.bincount(part.y[(part.y >= 0) & (part.y < len(classes))], minlength=len(classes))
    tags = Counter(tag for y in part.y for tag in y)
    return np.array([tags[name] for name in classes], np.int64)


def _difference(number: np.ndarray, of_train: np.ndarray) -> np.ndarray:
    """By how much shares differ from train's, beyond three standard errors; float64 `[classes]`."""
    n, m = max(int(number.sum()), 1), max(int(of_train.sum()), 1)
    pooled = (number + of_train) / (n + m)
    error = np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    return np.maximum(np.abs(number / n - of_train / m) - 3 * error, 0)


def _parts(parts: dict[str, Part], kind: str, task: str, counts: dict[str, int], repeats: Repeats) -> pd.DataFrame:
    more = {"image": _of_images, "text": _of_texts, "sequence": _of_sequences}.get(kind, lambda _: {})(parts)
    if task == "transduce":
        unknown = _of_targets(parts)
        more = {name: {**more[name], "unknown_targets": unknown[name]} for name in parts}
    rows = []
    for name, part in parts.items():
        row = {"part": name, "examples": len(part), "expected": counts.get(name, len(part))}
        row |= repeats.shares(name) | more.get(name, {})
        if part.groups is not None:
            others = {group for other, p in parts.items() if other != name for group in p.groups or []}
            row["groups_shared"] = sum(not pd.isna(group) for group in others & set(part.groups))
        if task == "regress":
            row["targets"] = len(np.unique(part.y[np.isfinite(part.y)]))
        rows.append(row)
    return pd.DataFrame(rows)


def _of_images(parts: dict[str, Part]) -> dict[str, dict[str, Any]]:
    return {name: _of_image_part(part) for name, part in parts.items()}


def _of_image_part(part: Part) -> dict[str, Any]:
    brightest, coloured = 0, False
    for piece in chunks(part.x):
        brightest = max(brightest, int(piece.max(initial=0)))
        coloured = coloured or bool((piece[:, 1:] != piece[:, :-1]).any())
    facts = {"shape": "x".join(map(str, part.x.shape[1:])), "brightest": brightest}
    return facts | ({"coloured": coloured} if part.x.shape[1] == 3 else {})


def _of_texts(parts: dict[str, Part]) -> dict[str, dict[str, Any]]:
    lexica = {name: Lexicon(map(measures.words, part.x)) for name, part in parts.items()}
    return {name: {"cut": found.cut(), "unknown": found.unknown(lexica["train"])} for name, found in lexica.items()}


def _of_sequences(parts: dict[str, Part]) -> dict[str, dict[str, Any]]:
    """Sequences of numbers have no unknown tokens."""
    lexica = {name: Lexicon(x for x in part.x if isinstance(x, list)) for name, part in parts.items()}
    return {name: {"unknown": found.unknown(lexica["train"])} for name, found in lexica.items()}


def _of_targets(parts: dict[str, Part]) -> dict[str, float]:
    lexica = {name: Lexicon(part.y) for name, part in parts.items()}
    return {name: found.unknown(lexica["train"]) for name, found in lexica.items()}
