"""What a model shall answer -> arrays, by task."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from stemma.data import text
from stemma.data.parts import Part
from stemma.data.store import UNLABELLED
from stemma.errors import StemmaError, unknown
from stemma.spec import END, IGNORE, PAD, UNKNOWN, DataSpec

Targets = tuple[np.ndarray, np.ndarray | None]
"""y, and its lengths for the task `transduce`."""
SIGNS = [*text.SPECIAL, "<start>", "<end>"]
"""Tokens of the ids PAD, UNKNOWN, START and END of output sequences."""


def targets(spec: DataSpec, parts: dict[str, Part], length: int = 0) -> tuple[DataSpec, dict[str, Targets]]:
    """y of every split as `DataSpec` describes it, and the description with what is known of it from train.

    Args:
        length: steps kept of a sequence, for the task `label`.

    Raises:
        StemmaError: a tag that is none of the classes, or not as many tags as steps.
    """
    if spec.task == "classify":
        counts = np.bincount(parts["train"].y, minlength=len(spec.classes))
        spec = replace(spec, class_counts=tuple(counts.tolist()))
        return spec, {name: (part.y.astype(np.int64), None) for name, part in parts.items()}
    if spec.task == "regress":
        known = parts["train"].y
        spec = replace(spec, target_mean=float(known.mean()), target_std=float(known.std()) or 1.0)
        return spec, {name: (part.y.astype(np.float32), None) for name, part in parts.items()}
    if spec.task == "label":
        return spec, {name: (_tags(part, spec.classes, length), None) for name, part in parts.items()}
    seen = [tokens for name in ("train", UNLABELLED) if name in parts for tokens in parts[name].y]
    known_tokens = SIGNS + sorted({token for tokens in seen for token in tokens})
    spec = replace(spec, classes=tuple(known_tokens))
    longest = 1 + max(len(tokens) for part in parts.values() for tokens in part.y)
    return spec, {name: _outputs(part.y, known_tokens, longest) for name, part in parts.items()}


def _tags(part: Part, classes: tuple[str, ...], length: int) -> np.ndarray:
    """int32 `[N, length]`, IGNORE behind the end."""
    index = {tag: i for i, tag in enumerate(classes)}
    y = np.full((len(part), length), IGNORE, np.int32)
    for row, (x, tags) in enumerate(zip(part.x, part.y, strict=True)):
        if len(x) != len(tags):
            raise StemmaError(f"sequence {row}: {len(x)} steps, but {len(tags)} tags")
        strange = next((tag for tag in tags if tag not in index), None)
        if strange is not None:
            raise unknown(f"sequence {row}: tag", strange, classes)
        found = [index[tag] for tag in tags[:length]]
        y[row, : len(found)] = found
    return y


def _outputs(rows: Sequence[Sequence[str]], tokens: list[str], length: int) -> Targets:
    """int32 `[N, length]`: ids, then END, then PAD; and how many up to END."""
    index = {token: i for i, token in enumerate(tokens)}
    y = np.full((len(rows), length), PAD, np.int32)
    for place, row in enumerate(rows):
        found = [*(index.get(token, UNKNOWN) for token in row), END]
        y[place, : len(found)] = found
    return y, np.array([len(row) + 1 for row in rows], np.int32)
