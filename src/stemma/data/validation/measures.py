"""What can be measured of single examples: columns of the table `examples`, by kind and by task."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from stemma.data.parts import Part
from stemma.data.shards import Array, chunks

Columns = dict[str, Any]
"""Column -> a value an example; a column named for a fault is None where there is none, else says what is wrong."""

TRAIL = r"[\x80-\xbf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]"
"""A continuation byte of UTF-8 as Latin-1 or Windows-1252 shows it."""
GARBLED = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffd]"
    rf"|[ÂÃ]{TRAIL}|â[\x80€]|ð[\x9fŸ]|ï»¿|(?:[\xc2-\xdf]{TRAIL}){{2}}|(?:[à-ï]{TRAIL}{{2}}){{2}}|(?!(.)\1\1)[\xa1-\xff]{{8}}"
)
"""Control and replacement signs, UTF-8 read as Latin-1 or Windows-1252, and runs that a double-byte code leaves."""
STRAY = re.compile(r"[\x80-\x84\x86-\x9f]")
"""Dashes and quotation marks of Windows-1252 read as Latin-1 become these control signs."""
WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|\w+")
"""A word; Chinese and Japanese, which do not part words, count by the character."""
NO_LETTER = re.compile(r"[\W\d_]+")
EXCERPT = 160
"""Characters of a text that the table keeps."""
VALUES = 1 << 20
"""Pixel values that are widened to float64 at a time."""
LARGEST = float(np.finfo(np.float32).max)


def inputs(part: Part, kind: str) -> Columns:
    """Of `part.x`."""
    measure: dict[str, Callable[[Any], Columns]] = {
        "image": lambda x: {"deviation": deviations(x)},
        "text": _texts,
        "sequence": _sequences,
        "table": _rows,
    }
    groups = {} if part.groups is None else {"group": [None if pd.isna(group) else group for group in part.groups]}
    return measure[kind](part.x) | groups


def deviations(x: Array) -> np.ndarray:
    """Standard deviation of each image's values, float64 `[N]`, a chunk of images at a time."""
    found = [np.empty(0)]
    for piece in chunks(x):
        flat = piece.reshape(len(piece), -1)
        step = max(1, VALUES // max(flat.shape[1], 1))
        found += [flat[i : i + step].std(axis=1) for i in range(0, len(flat), step)]
    return np.concatenate(found)


def _texts(x: Sequence[str | None]) -> Columns:
    """text (its beginning), characters, words, letters (share of what is no space), garbled, stray."""
    texts = [text or "" for text in x]
    garbled = [_around(GARBLED, text) for text in texts]
    solid = np.array([len("".join(text.split())) for text in texts])
    letters = np.array([len(NO_LETTER.sub("", text)) for text in texts])
    return {
        "text": [text if text is None else text[:EXCERPT] for text in x],
        "characters": [len(text) for text in texts],
        "words": [None if text is None else len(WORD.findall(text)) for text in x],
        "letters": np.where(solid > 0, letters / np.maximum(solid, 1), 1.0),
        "garbled": garbled,
        "stray": [None if wrong else _around(STRAY, text) for text, wrong in zip(texts, garbled, strict=True)],
    }


def _around(pattern: re.Pattern[str], text: str) -> str | None:
    """What the pattern finds, with some text on both sides."""
    found = None if text.isascii() and text.isprintable() else pattern.search(text)
    return repr(text[max(found.start() - 10, 0) : found.end() + 10]) if found else None


def _sequences(x: Sequence[Any]) -> Columns:
    """length, form of the steps, bad_step."""
    return {"length": [len(s) for s in x], "form": [_form(s) for s in x], "bad_step": [_bad_step(s) for s in x]}


def _form(sequence: Any) -> str:
    if isinstance(sequence, np.ndarray):
        return f"{sequence.shape[1] if sequence.ndim > 1 else 1} numbers"
    return "tokens"


def _bad_step(sequence: Any) -> str | None:
    """The first step that is not finite or no token."""
    if isinstance(sequence, np.ndarray):
        bad = np.flatnonzero(~np.isfinite(sequence.reshape(len(sequence), -1)).all(axis=1))
        return f"step {bad[0]} is {sequence[bad[0]].tolist()}" if len(bad) else None
    wrong = next((i for i, token in enumerate(sequence) if not isinstance(token, str) or not token.strip()), None)
    return None if wrong is None else f"step {wrong} is {sequence[wrong]!r}"


def _rows(x: pd.DataFrame) -> Columns:
    """missing and infinite: the columns at fault."""
    numbers = x.select_dtypes("number")
    infinite = np.abs(numbers.to_numpy(np.float64, na_value=np.nan)) > LARGEST
    return {"missing": _names(x, x.isna().to_numpy()), "infinite": _names(numbers, infinite)}


def _names(x: pd.DataFrame, faulty: np.ndarray) -> np.ndarray:
    """Of each row the columns that are `faulty`, boolean `[N, C]`, or None."""
    found = np.full(len(faulty), None, object)
    for row in np.flatnonzero(faulty.any(axis=1)):
        found[row] = ", ".join(map(str, x.columns[faulty[row]]))
    return found


def targets(part: Part, task: str, classes: tuple[str, ...], train: Part) -> Columns:
    """Of `part.y`."""
    if task == "classify":
        return {"label": part.y, "class": [classes[i] if 0 <= i < len(classes) else None for i in part.y.tolist()]}
    if task == "regress":
        return _numbers(part.y, train.y)
    lengths = {"target_length": [len(y) for y in part.y]}
    if task == "label":
        known = set(classes)
        return lengths | {"unknown_tag": [next((str(t) for t in y if t not in known), None) for y in part.y]}
    usual = np.median([len(y) / max(len(x), 1) for x, y in zip(train.x, train.y, strict=True)]) or 1.0
    ratios = [len(y) / max(len(x), 1) / usual for x, y in zip(part.x, part.y, strict=True)]
    return lengths | {"proportion": [ratio or None for ratio in ratios]}


def _numbers(y: np.ndarray, of_train: np.ndarray) -> Columns:
    """bad_target, and target_beyond: the distance from train's range in its widths."""
    finite = of_train[np.isfinite(of_train)]
    low, high = (finite.min(), finite.max()) if len(finite) else (0.0, 0.0)
    good = np.isfinite(y)
    beyond = np.maximum(np.maximum(low - y, y - high), 0) / ((high - low) or 1.0)
    bad = [None if fine else str(value) for fine, value in zip(good.tolist(), y.tolist(), strict=True)]
    return {"target": np.where(good, y, np.nan), "bad_target": bad, "target_beyond": np.where(good, beyond, np.nan)}


def words(value: Any) -> list[Any]:
    """Words of a text in lower case, or the tokens of a sequence."""
    return value if isinstance(value, list) else WORD.findall((value or "").lower())
