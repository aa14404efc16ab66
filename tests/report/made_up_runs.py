"""Run files that no training wrote: three datasets, every family, plausible numbers."""

from pathlib import Path
from typing import Any

import numpy as np

from made_up_beside import write_beside
from stemma.runs import RunFiles, SeedSummary, Summary

DIGITS = [str(digit) for digit in range(10)]
PHOTOS = ["astronaut", "cat", "china", "coffee", "flower", "hubble", "immuno", "retina", "rocket", "skin"]
OPINIONS = ["rotten", "fresh"]

EXPERIMENTS: dict[str, list[tuple[Any, ...]]] = {  # architecture, family, skill, spread, parameters, seconds
    "mnist": [
        ("lenet5", "cnn", 2.35, 0.05, 61_706, 7.1),
        ("convnet", "cnn", 2.3, 0.05, 21_840, 6.2),
        ("lstm", "rnn", 2.05, 0.1, 82_186, 11.4),
        ("dbn", "dbn", 2.0, 0.04, 545_810, 14.0),
        ("mlp", "mlp", 1.85, 0.04, 235_146, 2.3),
        ("logistic_regression", "baseline", 1.3, 0.0, 7_850, 0.6),
    ],
    "photo_patches": [
        ("simple_cnn", "cnn", 1.3, 0.05, 120_010, 13.1),
        ("resnet", "cnn", 1.4, 0.12, 77_754, 33.0),
        ("lstm", "rnn", 0.7, 0.05, 90_890, 16.8),
        ("dbn", "dbn", 0.55, 0.05, 1_311_000, 18.2),
        ("colour_statistics", "baseline", 0.6, 0.0, 70, 0.1),
    ],
    "rotten_tomatoes": [
        ("kim_cnn", "cnn", 0.74, 0.02, 1_411_202, 16.4),
        ("simple_rnn", "rnn", 0.6, 0.05, 1_280_386, 6.0),
        ("dbn", "dbn", 0.62, 0.02, 420_502, 9.0),
        ("tfidf_logistic_regression", "baseline", 0.76, 0.0, 20_001, 0.4),
    ],
}
CLASSES = {"mnist": DIGITS, "photo_patches": PHOTOS, "rotten_tomatoes": OPINIONS}
SLOTS = {"mnist": "grey", "photo_patches": "colour", "rotten_tomatoes": "text"}
HOSTILE = "<script>alert('x')</script> & \"quoted\" ]]> </style>"


def write_all(root: Path, seeds: int = 3, examples: int = 1000, pictures: bool = True) -> list[str]:
    """Write run files of every experiment below `root`; their keys."""
    keys = []
    for dataset, rows in EXPERIMENTS.items():
        ease = np.random.default_rng(5).normal(0, 1, examples)
        labels = np.random.default_rng(6).integers(0, len(CLASSES[dataset]), examples)
        for number, row in enumerate(rows):
            key = f"{dataset.partition('_')[0]}-{row[0]}"
            _write(RunFiles(key, root), dataset, row, labels, ease, seeds, pictures, number)
            keys.append(key)
    return keys


def _write(
    runs: RunFiles,
    dataset: str,
    row: tuple[Any, ...],
    labels: np.ndarray,
    ease: np.ndarray,
    seeds: int,
    pictures: bool,
    number: int,
) -> None:
    architecture, family, skill, spread, parameters, seconds = row
    rng = np.random.default_rng(number)
    classes = CLASSES[dataset]
    noise = 0.6 * rng.normal(0, 1, len(labels))
    rows = {}
    for seed in range(seeds):
        own = rng.normal(0, spread) + (0.4 * rng.normal(0, 1, len(labels)) if spread else 0)
        probabilities = _probabilities(labels, skill + ease + noise + own, len(classes), rng if spread else None)
        runs.write_predictions(seed, labels, probabilities)
        accuracy = float((probabilities.argmax(axis=1) == labels).mean())
        history = _history(family, accuracy, rng)
        runs.write_history(seed, history)
        rows[f"seed{seed}"] = SeedSummary(len(history), 1 - accuracy, accuracy + 0.01, parameters, 4 * parameters + 900)
    digest = f"{len(classes):02x}{SLOTS[dataset]}".encode().hex().ljust(64, "0")
    names = (runs.experiment, family, architecture, dataset, "sample", SLOTS[dataset])
    runs.write_summary(Summary(*names, digest, digest, classes, {}, rows))
    runs.write("train_time.json", {name: seconds + 0.1 * i * seconds for i, name in enumerate(rows)})
    kind, shape = {"mnist": ("image", (1, 28, 28)), "photo_patches": ("image", (3, 32, 32))}.get(
        dataset, ("text", (40,))
    )
    write_beside(runs, rows, 1e-05 * (1 + parameters / 100000.0), kind, shape)
    _write_explanations(runs, dataset, family, labels, rng, pictures)


def _probabilities(labels: np.ndarray, margin: np.ndarray, classes: int, rng: Any) -> np.ndarray:
    """A margin above 0 is a right answer; wrong ones go to a neighbouring class."""
    logits = np.zeros((len(labels), classes))
    logits[np.arange(len(labels)), labels] = 2.5 * margin
    logits[np.arange(len(labels)), (labels + 1 + (labels % 3 == 0)) % classes] += 0.01
    if rng is not None:
        logits += 0.05 * rng.normal(0, 1, logits.shape)
    odds = np.exp(logits)
    return (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)


def _history(family: str, accuracy: float, rng: np.random.Generator) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    if family == "dbn":
        for phase in ("rbm1", "rbm2"):
            rows += [{"phase": phase, "epoch": e, "train_loss": 40 / e} for e in range(1, 6)]
    last = 1 if family == "baseline" else int(rng.integers(7, 13))
    for epoch in range(1, last + 1):
        shown = accuracy * (1 - 0.3 * np.exp(-0.6 * epoch)) if last > 1 else accuracy
        loss = 2.2 * (1 - shown) + 0.02 * rng.normal()
        rows.append({"phase": "fit", "epoch": epoch, "val_accuracy": float(shown), "val_loss": float(loss)})
    return rows


def _write_explanations(
    runs: RunFiles, dataset: str, family: str, labels: np.ndarray, rng: np.random.Generator, pictures: bool
) -> None:
    text = {"text": f"a film that {HOSTILE} never quite decides what it wants to be , and so it is"}
    mistakes = [
        {
            "index": i,
            "label": int(labels[i]),
            "predicted": int(labels[i] + 1) % len(CLASSES[dataset]),
            "probability": 0.99 - i / 100,
            **(text if dataset == "rotten_tomatoes" else {}),
        }
        for i in range(12)
    ]
    runs.write("test/mistakes.json", mistakes)
    found: dict[str, np.ndarray] = {}
    if pictures and dataset != "rotten_tomatoes":
        side, channels = (28, 1) if dataset == "mnist" else (32, 3)
        found["mistakes"] = _blobs(rng, 12, side, channels)
        if family == "cnn":
            found["filters"] = rng.integers(0, 255, (32, 5, 5, channels), dtype=np.uint8)
        if family == "dbn":
            found["filters"] = _blobs(rng, 64, side, channels)
            found["samples"] = _blobs(rng, 36, side, channels)
    runs.write_pictures(found)


def _blobs(rng: np.random.Generator, number: int, side: int, channels: int) -> np.ndarray:
    y, x = np.mgrid[:side, :side]
    centre = rng.uniform(6, side - 6, (number, 2, channels, 1, 1))
    distance = (x - centre[:, 0]) ** 2 + (y - centre[:, 1]) ** 2
    return (255 * np.exp(-distance / 30)).astype(np.uint8).transpose(0, 2, 3, 1)


def write_values(root: Path, seeds: int = 3, examples: int = 120) -> list[str]:
    """Run files of three experiments that predict a number; their keys."""
    targets = (150 + 77 * np.random.default_rng(8).normal(size=examples)).astype(np.float32)
    shared = np.random.default_rng(9).normal(size=examples)
    keys = []
    for number, (name, family, error, spread) in enumerate(
        [("ridge", "baseline", 54, 0.0), ("mlp", "mlp", 55, 1.5), ("lstm", "rnn", 66, 4.0)]
    ):
        runs, rng, rows = RunFiles(f"diabetes-{name}", root), np.random.default_rng(number), {}
        for seed in range(seeds):
            noise = shared + (0.3 * rng.normal(size=examples) if spread else 0)
            values = targets + (error + spread * rng.normal()) * noise
            runs.write_predictions(seed, targets, values.astype(np.float32))
            last = 1 if family == "baseline" else 9
            history = [
                {"phase": "fit", "epoch": e, "val_rmse": error + 25 / e, "val_loss": 0.5 + 0.4 / e}
                for e in range(1, last + 1)
            ]
            runs.write_history(seed, history)
            rows[f"seed{seed}"] = SeedSummary(last, 0.5, error + 1.0, 100 * (number + 1), 4000)
        names = (runs.experiment, family, name, "diabetes", "package", "table", "e" * 64, "e" * 64, [])
        runs.write_summary(Summary(*names, {}, rows, "regress"))
        runs.write("train_time.json", dict.fromkeys(rows, 0.5 + number))
        write_beside(runs, rows, 1e-6, "table", (10,), temperature=None)
        worst = np.argsort(-np.abs(values - targets))[:12]
        mistakes = [{"index": int(i), "target": float(targets[i]), "value": float(values[i])} for i in worst]
        runs.write("test/mistakes.json", mistakes)
        runs.write_pictures({})
        keys.append(runs.experiment)
    return keys
