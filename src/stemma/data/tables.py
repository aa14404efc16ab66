"""The tables that the expectations look at: examples, classes and parts of a raw dataset."""

from collections import Counter, defaultdict
from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd

from stemma.data.parts import Part
from stemma.data.split import content_keys

CHUNK = 4096


def tables(parts: dict[str, Part], classes: tuple[str, ...], counts: dict[str, int]) -> dict[str, pd.DataFrame]:
    """`examples`, `classes` and `parts`.

    Columns:
        examples: part, row, label, class, labels (different labels of the same content); images have
            deviation (standard deviation of the values); texts have text, characters and group.
        classes: part, class, examples, to_largest (share of the largest class's number), difference (of the
            class's share to its share in train).
        parts: part, examples, expected (None if the catalogue does not say), repeated (share of the examples
            whose content came before in the part), shared (whose content is in another part); images
            have shape and brightest.
    """
    keys = {name: content_keys(part) for name, part in parts.items()}
    return {
        "examples": _examples(parts, keys, classes),
        "classes": _classes(parts, classes),
        "parts": _parts(parts, keys, counts),
    }


def _examples(parts: dict[str, Part], keys: dict[str, list[Hashable]], classes: tuple[str, ...]) -> pd.DataFrame:
    labels: dict[Hashable, set[int]] = defaultdict(set)
    for name, part in parts.items():
        for key, label in zip(keys[name], part.y.tolist(), strict=True):
            labels[key].add(label)
    frames = []
    for name, part in parts.items():
        frame = pd.DataFrame({"part": name, "row": np.arange(len(part)), "label": part.y})
        frame["class"] = [classes[i] if 0 <= i < len(classes) else None for i in part.y.tolist()]
        frame["labels"] = [len(labels[key]) for key in keys[name]]
        frames.append(frame.assign(**_columns(part)))
    return pd.concat(frames, ignore_index=True)


def _columns(part: Part) -> dict[str, Any]:
    if isinstance(part.x, np.ndarray):
        return {"deviation": deviations(part.x)}
    texts = pd.Series(part.x, dtype="str")
    return {
        "text": texts.array,
        "characters": texts.str.len().array,
        "group": part.groups or [None] * len(part),
    }


def deviations(x: np.ndarray) -> np.ndarray:
    """Standard deviation of each image's values, float64 `[N]`, a chunk of images at a time."""
    flat = x.reshape(len(x), -1)
    return np.concatenate([flat[i : i + CHUNK].std(axis=1) for i in range(0, len(x), CHUNK)])


def _classes(parts: dict[str, Part], classes: tuple[str, ...]) -> pd.DataFrame:
    rows = []
    numbers = {n: np.bincount(p.y[(p.y >= 0) & (p.y < len(classes))], minlength=len(classes)) for n, p in parts.items()}
    of_train = numbers["train"] / max(numbers["train"].sum(), 1)
    for name, number in numbers.items():
        share = number / max(number.sum(), 1)
        for i, label in enumerate(classes):
            rows.append((name, label, int(number[i]), number[i] / max(number.max(), 1), abs(share[i] - of_train[i])))
    return pd.DataFrame(rows, columns=["part", "class", "examples", "to_largest", "difference"])


def _parts(parts: dict[str, Part], keys: dict[str, list[Hashable]], counts: dict[str, int]) -> pd.DataFrame:
    within = Counter(key for name in parts for key in set(keys[name]))
    rows = []
    for name, part in parts.items():
        size = max(len(part), 1)
        row = {
            "part": name,
            "examples": len(part),
            "expected": counts.get(name, len(part)),
            "repeated": (len(part) - len(set(keys[name]))) / size,
            "shared": sum(within[key] > 1 for key in keys[name]) / size,
        }
        if isinstance(part.x, np.ndarray):
            row |= {"shape": "x".join(map(str, part.x.shape[1:])), "brightest": int(part.x.max(initial=0))}
        rows.append(row)
    return pd.DataFrame(rows)
