"""Made-up raw sets for drift: digits of blobs, texts of films, a table; each drawn anew from a seed, shifted or not."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from stemma.data import raw
from stemma.data.parts import Part
from stemma.data.preparation import prepare
from stemma.data.preparation.divide import Division
from stemma.files import write_json

WORDS = [f"word{n}" for n in range(300)]
CLASSES = {"image": ("0", "1", "2", "3"), "text": ("bad", "good"), "table": ("no", "yes")}


def images(count: int, seed: int, slant: float = 0.0, contrast: float = 1.0) -> Part:
    """A bright bar a class, `[N, 1, 12, 12]`, leaning by `slant` pixels a row."""
    random = np.random.default_rng(seed)
    y = random.integers(0, 4, count)
    rows, columns = np.mgrid[:12, :12]
    middle = 2.5 + 2 * y[:, None, None] + random.normal(0, 0.5, (count, 1, 1)) + slant * (rows - 6)
    x = 40 + 200 * np.exp(-((columns - middle) ** 2)) + random.normal(0, 8, (count, 12, 12))
    x = x.mean((1, 2), keepdims=True) * (1 - contrast) + contrast * x
    return Part(np.clip(x, 0, 255).astype(np.uint8)[:, None], y)


def texts(films: int, seed: int, other: bool = False, a_film: int = 8, good: float = 0.5) -> Part:
    """`a_film` texts of each film, which has words of its own; `other`: a source that uses common words otherwise."""
    random = np.random.default_rng(seed)
    weights = 1 / np.arange(1, len(WORDS) + 1)
    if other:
        weights[:20] = weights[:20][::-1]
    found, y, groups = [], [], []
    for film in range(films):
        own = weights.copy()
        own[random.integers(20, len(WORDS), 5)] += 0.4
        for _ in range(a_film):
            found.append(" ".join(random.choice(WORDS, random.integers(5, 20), p=own / own.sum())))
            y.append(int(random.random() < good))
            groups.append(f"film{seed}-{film}")
    return Part(found, np.array(y), groups)


def table(count: int, seed: int, size: float = 0.0, red: float = 0.3) -> Part:
    """Two numbers and a category; `size` shifts one, `red` is the share of a category."""
    random = np.random.default_rng(seed)
    columns = {
        "size": random.normal(size, 1, count) * 3 + 10,
        "weight": random.exponential(1, count),
        "colour": random.choice(["red", "green", "blue"], count, p=[red, 0.9 - red, 0.1]),
    }
    return Part(pd.DataFrame(columns), random.integers(0, 2, count))


def write_raw(
    folder: Path, kind: str, part: Part, classes: tuple[str, ...] = (), task: str = "classify", **slot: Any
) -> Path:
    """`slot`: what the slot says of its source, `columns` and `encoding`."""
    folder.mkdir(parents=True)
    raw.save_part(folder, "train", part, kind)
    known = classes or CLASSES[kind]
    meta = {"dataset": "made_up", "source": "sample", "kind": kind, "task": task, "resize": ""}
    meta |= {"columns": {}, "encoding": "", **slot}
    write_json(folder / "meta.json", {**meta, "classes": list(known if task == "classify" else ())})
    return folder


def prepared(
    root: Path,
    slot: str,
    kind: str,
    part: Part,
    task: str = "classify",
    labels_per_class: int | None = None,
    **said: Any,
) -> Path:
    """`root/prepared/<slot>` of raw data in `root/raw/<slot>`."""
    write_raw(root / "raw" / slot, kind, part, task=task, **said)
    division = Division(labels_per_class=labels_per_class)
    prepare.prepare(root / "raw" / slot, root / "prepared" / slot, division)
    return root / "prepared" / slot


def png(image: np.ndarray) -> bytes:
    """A grey image uint8 `[H, W]`."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="PNG")
    return buffer.getvalue()
