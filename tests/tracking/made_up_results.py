"""Run files as training and evaluation leave them, made up: real models without training, chosen accuracies."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from made_up import GREY, TABLE_COLUMNS, TEXT, VALUES, examples
from made_up_beside import write_beside
from stemma import families
from stemma.comparison import compare
from stemma.families.catalog import entry
from stemma.files import write_json
from stemma.gate import Rules, candidates, decide
from stemma.runs import RunFiles, SeedSummary, Summary
from stemma.spec import DataSpec

EPOCHS = 4
IMAGES = replace(GREY, dataset="mnist", source="sample", digest="a" * 64, test_digest="b" * 64, sizes={"test": 100})
TEXTS = replace(
    TEXT, dataset="mr", source="./my reviews.csv", digest="c" * 64, test_digest="d" * 64, sizes={"test": 100}
)
ROWS = replace(VALUES, dataset="diabetes", source="package", digest="e" * 64, test_digest="f" * 64, sizes={"test": 100})


def experiment(
    root: Path,
    name: str,
    architecture: str,
    spec: DataSpec,
    accuracy: float = 0.8,
    seeds: Sequence[int] = (0, 1),
    test: int = 100,
    pretraining: str = "",
    **parameters: Any,
) -> RunFiles:
    """Write all files of an experiment; the last seed is the best on validation.

    For the task `regress` the RMSE is 100 times what is missing of `accuracy`.
    """
    runs, rows = RunFiles(name, root), {}
    regress, error = spec.task == "regress", 100 * (1 - accuracy)
    targets = 100.0 + np.arange(test) % 40 if regress else np.arange(test) % len(spec.classes)
    for place, seed in enumerate(seeds):
        rng = np.random.default_rng([seed, len(name)])
        torch.manual_seed(seed)
        model = families.build(architecture, spec.to_dict(), parameters)
        if hasattr(model, "solve"):
            model.solve(_split(spec))
        families.save(model, runs.model_folder(seed), architecture, parameters)
        if spec.kind == "text":
            tokens = ["<pad>", "<unk>", *(f"w{n}" for n in range(2, spec.vocabulary_size))]
            write_json(runs.model_folder(seed) / "vocabulary.json", tokens)
        if spec.kind == "table":
            write_json(runs.model_folder(seed) / "table.json", TABLE_COLUMNS)
        history = _history(accuracy, pretraining, rng)
        if regress:
            history = [{"val_rmse" if k == "val_accuracy" else k: v for k, v in row.items()} for row in history]
            told = targets + error * np.where(rng.permutation(test) % 2, 1, -1)
        else:
            told = _probabilities(targets, len(spec.classes), accuracy, rng)
        runs.write_history(seed, history)
        runs.write_predictions(seed, targets, told)
        missed = 0.01 * (len(seeds) - place)
        score = error + missed if regress else accuracy - missed
        rows[f"seed{seed}"] = SeedSummary(EPOCHS, 0.5, score, model.parameter_count(), 1000)
    settings = {
        "dataset": "slot",
        "architecture": architecture,
        "parameters": parameters,
        "epochs": EPOCHS,
        "seeds": seeds,
    }
    known = (
        entry(architecture).family,
        architecture,
        spec.dataset,
        spec.source,
        spec.dataset,
        spec.digest,
        spec.test_digest,
    )
    runs.write_summary(Summary(name, *known, list(spec.classes), settings, rows, spec.task))
    runs.write("train_time.json", {seed: 3.5 + place for place, seed in enumerate(rows)})
    write_beside(runs, rows, 0.0002, spec.kind, spec.shape, temperature=None if regress else 1.2)
    runs.write("metrics.json", {"accuracy": accuracy})
    if spec.kind == "image":
        pictures = np.random.default_rng(0).integers(0, 256, (9, *spec.shape[1:], spec.shape[0]), dtype=np.uint8)
        runs.write_pictures({"filters": pictures, "mistakes": pictures[:0]})
    return runs


def reports(root: Path, names: Sequence[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the stages `compare` and `decide` write about the experiments."""
    slots = {c.slot: decide(c, None, Rules()).to_dict() for c in candidates(list(names), root)}
    return compare(names, root, bootstrap=100), {"rules": {}, "slots": slots}


def _history(accuracy: float, pretraining: str, rng: np.random.Generator) -> list[dict[str, Any]]:
    before = [{"phase": pretraining, "epoch": n, "train_reconstruction": 1 / n} for n in (1, 2)] if pretraining else []
    shares = 1 - (1 - accuracy) * np.exp(-np.arange(EPOCHS)) * rng.uniform(0.9, 1.1, EPOCHS)
    return before + [
        {"phase": "fit", "epoch": n, "train_loss": 1 / n, "val_loss": 1.1 / n, "val_accuracy": round(float(share), 4)}
        for n, share in enumerate(shares, start=1)
    ]


def _probabilities(labels: np.ndarray, classes: int, accuracy: float, rng: np.random.Generator) -> np.ndarray:
    said = labels.copy()
    wrong = rng.permutation(len(labels))[: round((1 - accuracy) * len(labels))]
    said[wrong] = (labels[wrong] + 1) % classes
    return np.full((len(labels), classes), 0.3 / classes) + 0.7 * np.eye(classes)[said]


def _split(spec: DataSpec) -> Any:
    return examples(spec, 40)
