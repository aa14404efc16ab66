"""Made-up data, their descriptions, and prepared sets of them."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from stemma.data import store
from stemma.spec import DataSpec

DIGITS = tuple("0123456789")
GREY = DataSpec("made_up", "grey", "image", (1, 28, 28), DIGITS, mean=(0.13,), std=(0.31,))
COLOUR = DataSpec("made_up", "colour", "image", (3, 32, 32), DIGITS, mean=(0.5, 0.4, 0.3), std=(0.25, 0.2, 0.3))
TEXT = DataSpec("made_up", "text", "text", (12,), ("bad", "good"), vocabulary_size=60)
COLUMNS = ("age", "weight", "city=Bergen", "city=Oslo")
TABLE = DataSpec("made_up", "table", "table", (4,), ("low", "middle", "high"), features=COLUMNS)


def in_numbers(spec: DataSpec) -> DataSpec:
    """The same data with a number to predict: 100 and 20 for each class."""
    count = len(spec.classes)
    known = {"target_mean": 100 + 10.0 * (count - 1), "target_std": 20 * float(np.std(range(count)))}
    return replace(spec, source=f"{spec.source}_values", classes=(), task="regress", **known)


VALUES, GREY_VALUES, TEXT_VALUES = (in_numbers(spec) for spec in (TABLE, GREY, TEXT))
ASKED = {"reconstructed": "reconstruct", "density": "density", "mapped": "map", "recalled": "recall"}
OF_ASKED = [
    replace(spec, source=f"{spec.source}_{name}", task=task)
    for name, task in ASKED.items()
    for spec in (GREY, TEXT, TABLE)
]
"""As a model of the task that an experiment asks for sees them."""
SETS = {spec.source: spec for spec in (GREY, COLOUR, TEXT, TABLE, VALUES, GREY_VALUES, TEXT_VALUES, *OF_ASKED)}
TABLE_COLUMNS = {
    "columns": [
        {"name": "age", "centre": 40.0, "spread": 10.0, "categories": []},
        {"name": "weight", "centre": 70.0, "spread": 5.0, "categories": []},
        {"name": "city", "centre": 0.0, "spread": 1.0, "categories": ["Bergen", "Oslo"]},
    ]
}
"""Content of the table sets' table.json."""


def examples(spec: DataSpec, count: int, seed: int = 0) -> store.Split:
    """Examples whose label can be seen: a bright row of the image, words of the label's own half, the first column."""
    rng = np.random.default_rng(seed)
    kinds = {"image": 10, "text": 2, "table": 3}
    labels = np.arange(count) % kinds[spec.kind]
    y = labels
    if spec.task == "regress":
        y = (100 + 20 * labels + rng.normal(0, 1, count)).astype(np.float32)
    if spec.kind == "image":
        x = rng.integers(0, 60, (count, *spec.shape), dtype=np.uint8)
        x[np.arange(count), :, 2 * labels + 3] += 150
        return store.Split(x, y)
    if spec.kind == "table":
        first, second, city = labels - 1 + rng.normal(0, 0.2, count), rng.normal(0, 1, count), rng.integers(0, 2, count)
        return store.Split(np.stack([first, second, city == 0, city == 1], axis=1).astype(np.float32), y)
    lengths = rng.integers(1, spec.shape[0] + 1, count).astype(np.int32)
    words = rng.integers(2, 31, (count, spec.shape[0])) + 29 * labels[:, None]
    x = np.where(np.arange(spec.shape[0]) < lengths[:, None], words, 0).astype(np.int32)
    texts = [" ".join(f"w{word}" for word in row[:n]) for row, n in zip(x, lengths, strict=True)]
    return store.Split(x, y, lengths, texts)


def prepare(folder: Path, spec: DataSpec, train: int = 120, validation: int = 40, test: int = 40) -> DataSpec:
    sizes = {"train": train, "validation": validation, "test": test}
    splits = {name: examples(spec, size, seed) for seed, (name, size) in enumerate(sizes.items())}
    vocabulary = ["<pad>", "<unk>", *(f"w{n}" for n in range(2, 60))]
    extra = {"text": {"vocabulary.json": vocabulary}, "table": {"table.json": TABLE_COLUMNS}}
    return store.save(folder, replace(spec), splits, extra.get(spec.kind))
