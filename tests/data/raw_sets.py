"""Clean raw sets of every kind and task, made up, and what `validate` says of a set."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stemma.data.entry import DatasetEntry
from stemma.data.parts import Part
from stemma.data.raw import save_part
from stemma.data.validation.expectations import validate
from stemma.data.validation.limits import Limits
from stemma.errors import StemmaError
from stemma.files import read_json, write_json

CLASSES = ("bad", "good")
SYLLABLES = ("ka", "lo", "mi", "ter", "so", "ran", "bel", "du", "fi", "gon", "pra", "stu", "vel", "ny", "xa")
TAGS = ("noun", "verb")


def images(count: int = 60, seed: int = 0, channels: int = 1) -> Part:
    x = np.random.default_rng(seed).integers(0, 256, (count, channels, 8, 8), np.uint8)
    return Part(x, np.arange(count) % 2)


def texts(count: int = 120, seed: int = 0) -> Part:
    """Sentences of 6 to 12 words out of 200, which are of two to four syllables; ten groups a part."""
    random = np.random.default_rng(0)
    vocabulary = ["".join(random.choice(SYLLABLES, n)) for n in random.integers(2, 5, 200)]
    random = np.random.default_rng(seed)
    x = [" ".join(random.choice(vocabulary, n)) + "." for n in random.integers(6, 13, count)]
    return Part(x, np.arange(count) % 2, [f"film {seed} {i % 10}" for i in range(count)])


def table(count: int = 120, seed: int = 0, task: str = "classify") -> Part:
    """A number, a count, a boolean, a category and a second number that goes with the target."""
    random = np.random.default_rng(seed)
    x = pd.DataFrame(
        {
            "width": random.normal(10, 2, count),
            "visits": random.integers(0, 50, count),
            "member": random.integers(0, 2, count).astype(bool),
            "town": random.choice(["Ulm", "Bonn", "Kiel"], count),
            "height": random.normal(5, 1, count),
        }
    )
    return Part(x, np.arange(count) % 2 if task == "classify" else x["height"].to_numpy() + random.normal(0, 1, count))


def sequences(count: int = 120, seed: int = 0, task: str = "classify", vectors: int = 0) -> Part:
    random = np.random.default_rng(seed)
    lengths = random.integers(5, 15, count)
    if vectors:
        x: list[Any] = [random.normal(size=(n, vectors)).astype(np.float32) for n in lengths]
    else:
        x = [random.choice(SYLLABLES, n).tolist() for n in lengths]
    if task == "label":
        y: Any = [[TAGS[len(token) % 2] for token in sequence] for sequence in x]
    elif task == "transduce":
        y = [sequence[::-1] for sequence in x]
    else:
        y = np.arange(count) % 2 if task == "classify" else random.normal(size=count)
    return Part(x, y)


CLEAN = {
    ("image", "classify"): images,
    ("text", "classify"): texts,
    ("table", "classify"): table,
    ("table", "regress"): lambda **kw: table(task="regress", **kw),
    ("sequence", "classify"): sequences,
    ("sequence", "regress"): lambda **kw: sequences(task="regress", vectors=2, **kw),
    ("sequence", "label"): lambda **kw: sequences(task="label", **kw),
    ("sequence", "transduce"): lambda **kw: sequences(task="transduce", **kw),
}
NAMES = {"classify": CLASSES, "label": TAGS}


def clean(kind: str, task: str) -> dict[str, Part]:
    return {"train": CLEAN[kind, task](), "test": CLEAN[kind, task](count=80, seed=1)}


def entry(kind: str, task: str = "classify", **facts: Any) -> DatasetEntry:
    plain = DatasetEntry("toy", kind, "Toy", None, "none", "", path_reader="x", task=task)  # type: ignore[arg-type]
    return replace(plain, **facts)


def raw_folder(folder: Path, parts: dict[str, Part], kind: str, task: str = "classify", **meta: Any) -> Path:
    folder.mkdir()
    for name, part in parts.items():
        save_part(folder, name, part, kind)
    facts = {
        "dataset": "toy",
        "source": "./x",
        "use": "toy@./x",
        "test": None,
        "kind": kind,
        "task": task,
        "columns": {},
        "encoding": "",
    }
    facts |= {"resize": "", "size": None, "columns": {}, "encoding": ""}
    write_json(folder / "meta.json", {**facts, "classes": list(NAMES.get(task, ())), **meta})
    return folder


def judge(folder: Path, **limits: Any) -> tuple[dict[str, dict[str, Any]], str]:
    """The expectations that fail, by name, and the message that stopped the pipeline; report and page agree."""
    report, page = folder / "r.json", folder / "r.html"
    try:
        validate(folder, report, page, folder / "pairs.parquet", Limits(**limits))
    except StemmaError as error:
        message = str(error)
    else:
        message = ""
    summary, shown = read_json(report), page.read_text()
    failed = [e for e in summary["expectations"] if not e["success"]]
    stopping = {e["name"] for e in failed if e["severity"] == "error"}
    assert summary["success"] == (not stopping) == (not message)
    assert set(summary["errors"]) == stopping and all(f"'{name}'" in message for name in stopping)
    assert set(summary["warnings"]) == {e["name"] for e in failed} - stopping
    assert all(e["name"] in shown for e in failed)
    assert not any(
        isinstance(v, float) and not math.isfinite(v) for e in failed for r in e["examples"] for v in r.values()
    )
    json.dumps(summary, allow_nan=False)
    return {e["name"]: e for e in failed}, message
