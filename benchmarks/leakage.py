"""What the search for duplicates finds and misses, how often it errs and how long it takes.

    python benchmarks/leakage.py RAW [--sheet FILE.png]

RAW is a folder that `stemma.data.ingest.ingest` wrote (images or texts). First the set as it is: time, peak memory, the
share of test examples with a twin. Then changed copies of COPIES examples a kind of change (of test where there is such
a part, of train otherwise) are added to train, all at once, and the share of them that is found is the recall.
A false alarm is a clean example that is flagged: look at the pairs (`--sheet` draws them; texts are printed).
"""

import argparse
import io
import re
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw

from stemma.data import leakage
from stemma.data.leakage.signature import shifted
from stemma.data.parts import Part
from stemma.data.raw import load_meta, load_parts

COPIES = 400
Change = Callable[[Any, np.random.Generator], Any]


def moved(x: np.ndarray, random: np.random.Generator, reach: int) -> np.ndarray:
    ring = [(d, r) for d in range(-reach, reach + 1) for r in range(-reach, reach + 1) if max(abs(d), abs(r)) == reach]
    return shifted(x, *ring[random.integers(len(ring))])


def levels(x: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(x), 0, 255).astype(np.uint8)


def compressed(x: np.ndarray, quality: int) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(x[0] if len(x) == 1 else x.transpose(1, 2, 0)).save(buffer, "JPEG", quality=quality)
    array = np.asarray(Image.open(buffer))
    return array[None] if array.ndim == 2 else array.transpose(2, 0, 1)


IMAGE_CHANGES: dict[str, Change] = {
    "exact": lambda x, random: x,
    "shift by 1 pixel": lambda x, random: moved(x, random, 1),
    "shift by 2 pixels": lambda x, random: moved(x, random, 2),
    "noise, deviation 10": lambda x, random: levels(x + random.normal(0, 10, x.shape)),
    "JPEG, quality 75": lambda x, random: compressed(x, 75),
    "JPEG, quality 50": lambda x, random: compressed(x, 50),
    "brightness +-20": lambda x, random: levels(x + random.choice([-20.0, 20.0])),
    "contrast x 0.8 or 1.2": lambda x, random: levels(x.mean() + (x - x.mean()) * random.choice([0.8, 1.2])),
    "shift by 1, noise 5, JPEG 75": lambda x, random: compressed(
        levels(moved(x, random, 1) + random.normal(0, 5, x.shape)), 75
    ),
    "noise, deviation 16": lambda x, random: levels(x + random.normal(0, 16, x.shape)),
}
FLIP: dict[str, Change] = {"flip": lambda x, random: x[..., ::-1]}


def word_changed(text: str, random: np.random.Generator, how: str) -> str:
    words = text.split()
    at = random.integers(len(words))
    if how == "drop":
        del words[at]
    elif how == "swap":
        at = random.integers(len(words) - 1)
        words[at : at + 2] = words[at + 1], words[at]
    else:
        words[at : at + (how == "replace")] = [str(random.choice(["table", "seven", "walking", "often", "grey"]))]
    return " ".join(words)


def misspelt(text: str, random: np.random.Generator, count: int) -> str:
    letters = list(text)
    for at in random.choice(len(letters), count, replace=False):
        letters[at] = chr(97 + random.integers(26))
    return "".join(letters)


TEXT_CHANGES: dict[str, Change] = {
    "exact": lambda text, random: text,
    "case": lambda text, random: text.upper(),
    "white space": lambda text, random: "  ".join(text.split()) + " ",
    "punctuation": lambda text, random: re.sub(r"[^\w\s]", "", text) + "!",
    "a word replaced": lambda text, random: word_changed(text, random, "replace"),
    "a word dropped": lambda text, random: word_changed(text, random, "drop"),
    "a word inserted": lambda text, random: word_changed(text, random, "insert"),
    "two words swapped": lambda text, random: word_changed(text, random, "swap"),
    "a character changed": lambda text, random: misspelt(text, random, 1),
    "two characters changed": lambda text, random: misspelt(text, random, 2),
}
WORDS = 8
"""Texts with fewer words are not changed: another word makes them another text."""


def plant(parts: dict[str, Part], kind: str, clean: np.ndarray, source: str) -> tuple[dict[str, Part], list[str]]:
    """The parts with changed copies of clean examples of `source` behind those of train, and each copy's change."""
    random, part = np.random.default_rng(0), parts[source]
    changes = IMAGE_CHANGES if kind == "image" else TEXT_CHANGES
    if kind == "image" and part.x.shape[1] == 3:
        changes = changes | FLIP
    if kind == "text":
        clean = np.array([row for row in clean if len((part.x[row] or "").split()) >= WORDS])
    copies = min(COPIES, len(clean) // len(changes))
    rows = random.choice(clean, copies * len(changes), replace=False)
    names = [name for name in changes for _ in range(copies)]
    made = [changes[name](part.x[row], random) for name, row in zip(names, rows, strict=True)]
    train = parts["train"]
    x = np.concatenate([np.asarray(train.x), np.stack(made)]) if kind == "image" else [*train.x, *made]
    planted = {**parts, "train": Part(x, np.concatenate([train.y, part.y[rows]]))}
    return planted, [f"{name}\t{row}" for name, row in zip(names, rows, strict=True)]


def recall(parts: dict[str, Part], kind: str, pairs: pd.DataFrame) -> dict[str, float]:
    """Of each kind of change the share of copies that end in one cluster with their source."""
    source = "test" if "test" in parts else "train"
    touched = np.concatenate(
        [pairs.loc[pairs[f"part_{side}"] == source, f"row_{side}"].to_numpy(np.int64) for side in "ab"]
    )
    clean = np.setdiff1d(np.arange(len(parts[source])), touched)
    planted, made = plant(parts, kind, clean, source)
    number = leakage.clusters(planted, leakage.find(planted))
    found: dict[str, list[bool]] = {}
    for copy, line in enumerate(made, len(parts["train"])):
        name, row = line.split("\t")
        found.setdefault(name, []).append(bool(number["train"][copy] == number[source][int(row)]))
    return {name: float(np.mean(hits)) for name, hits in found.items()}


def sheet(path: Path, parts: dict[str, Part], pairs: pd.DataFrame, most: int = 120, side: int = 64) -> None:
    """Pictures of `most` near pairs that touch test (any, where there is no test), evenly over the distances."""
    near = pairs[pairs["how"] == "near"].sort_values("distance")
    if "test" in parts:
        near = near[(near["part_a"] == "test") | (near["part_b"] == "test")]
    near = near.iloc[np.unique(np.linspace(0, len(near) - 1, min(most, len(near))).astype(int))]
    image = Image.new("RGB", (10 * (2 * side + 8), -(-len(near) // 10) * (side + 14)), "white")
    draw = ImageDraw.Draw(image)
    for place, (a, i, b, j, _, distance, change) in enumerate(near.itertuples(index=False)):
        left, top = place % 10 * (2 * side + 8), place // 10 * (side + 14)
        labels = f"{parts[a].y[i]} {parts[b].y[j]}"
        draw.text((left, top), f"{distance:.2f} {change[:6]} {labels}", fill="black")
        for x, offset in ((parts[a].x[i], 0), (parts[b].x[j], side)):
            pixels = np.broadcast_to(x, (3, *x.shape[1:])).transpose(1, 2, 0)
            image.paste(
                Image.fromarray(np.ascontiguousarray(pixels)).resize((side, side), 0), (left + offset, top + 12)
            )
    image.save(path)


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    reader.add_argument("raw", type=Path)
    reader.add_argument("--sheet", type=Path)
    chosen = reader.parse_args()
    kind = load_meta(chosen.raw)["kind"]
    parts = load_parts(chosen.raw, kind)
    started, spent = time.perf_counter(), time.process_time()
    pairs = leakage.find(parts)
    wall, processor = time.perf_counter() - started, time.process_time() - spent
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{chosen.raw}: {wall:.1f} s, {processor:.1f} CPU s, peak memory {peak:.0f} MiB")
    print(leakage.describe(pairs, parts), pairs["change"].value_counts().to_dict())
    if chosen.sheet:
        sheet(chosen.sheet, parts, pairs)
    elif kind == "text":
        for a, i, b, j, how, distance, change in pairs.sort_values("distance").tail(60).itertuples(index=False):
            print(f"  {distance:.2f} {how} {change}: {parts[a].x[i]} | {parts[b].x[j]}")
    for name, share in recall(parts, kind, pairs).items():
        print(f"  {name:32} {share:.2%}")


if __name__ == "__main__":
    main()
