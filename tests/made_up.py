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


def examples(spec: DataSpec, count: int, seed: int = 0) -> store.Split:
    """Examples whose label can be seen: a bright row of the image, or words of the label's own half."""
    rng = np.random.default_rng(seed)
    y = np.arange(count) % len(spec.classes)
    if spec.kind == "image":
        x = rng.integers(0, 60, (count, *spec.shape), dtype=np.uint8)
        x[np.arange(count), :, 2 * y + 3] += 150
        return store.Split(x, y)
    lengths = rng.integers(1, spec.shape[0] + 1, count).astype(np.int32)
    words = rng.integers(2, 31, (count, spec.shape[0])) + 29 * y[:, None]
    x = np.where(np.arange(spec.shape[0]) < lengths[:, None], words, 0).astype(np.int32)
    texts = [" ".join(f"w{word}" for word in row[:n]) for row, n in zip(x, lengths, strict=True)]
    return store.Split(x, y, lengths, texts)


def prepare(folder: Path, spec: DataSpec, train: int = 120, validation: int = 40, test: int = 40) -> DataSpec:
    sizes = {"train": train, "validation": validation, "test": test}
    splits = {name: examples(spec, size, seed) for seed, (name, size) in enumerate(sizes.items())}
    vocabulary = ["<pad>", "<unk>", *(f"w{n}" for n in range(2, 60))] if spec.kind == "text" else None
    return store.save(folder, replace(spec), splits, {"vocabulary.json": vocabulary} if vocabulary else None)
