"""Run files of one experiment from predictions that a test spells out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from made_up_beside import write_beside
from stemma.runs import RunFiles, SeedSummary, Summary
from stemma.scores import scoring


def sharp(predicted: np.ndarray, classes: int, confidence: float = 0.9) -> np.ndarray:
    """Probabilities `[N, K]` that name `predicted` `[N]` with one confidence."""
    probabilities = np.full((len(predicted), classes), (1 - confidence) / (classes - 1))
    probabilities[np.arange(len(predicted)), predicted] = confidence
    return probabilities


def write_run(
    root: Path,
    experiment: str,
    labels: np.ndarray,
    probabilities: list[np.ndarray],
    family: str = "cnn",
    dataset: str = "mnist",
    slot: str = "grey",
    test_digest: str = "t" * 64,
    val_accuracy: list[float] | None = None,
    parameters: int = 1000,
    groups: Sequence[int] | None = None,
    train_examples: int = 1000,
    train_seconds: float = 2.0,
    architecture: str = "net",
) -> str:
    """Write one seed for each of `probabilities` `[N, K]`; the experiment's name."""
    runs = RunFiles(experiment, root)
    classes = [f"class {k}" for k in range(probabilities[0].shape[1])]
    seeds: dict[str, Any] = {}
    for seed, rows in enumerate(probabilities):
        runs.write_predictions(seed, labels, rows)
        runs.write_history(seed, [{"phase": "fit", "epoch": e, "val_accuracy": 0.5, "val_loss": 1 / e} for e in (1, 2)])
        accuracy = val_accuracy[seed] if val_accuracy else 0.5
        seeds[f"seed{seed}"] = SeedSummary(2, 0.5, accuracy, parameters, 4 * parameters)
    names = (experiment, family, architecture, dataset, "sample", slot, "d" * 64, test_digest, classes)
    runs.write_summary(Summary(*names, {}, seeds))
    runs.write("train_time.json", dict.fromkeys(seeds, train_seconds))
    write_beside(runs, seeds, groups=groups, train_examples=train_examples)
    return experiment


def write_values(
    root: Path,
    experiment: str,
    targets: np.ndarray,
    values: list[np.ndarray],
    family: str = "mlp",
    val_rmse: list[float] | None = None,
    test_digest: str = "v" * 64,
) -> str:
    """Write one seed for each of `values` `[N]`, for the task `regress`; the experiment's name."""
    runs, seeds = RunFiles(experiment, root), dict[str, Any]()
    for seed, rows in enumerate(values):
        runs.write_predictions(seed, targets, rows)
        runs.write_history(seed, [{"phase": "fit", "epoch": e, "val_rmse": 60 / e, "val_loss": 1 / e} for e in (1, 2)])
        seeds[f"seed{seed}"] = SeedSummary(2, 0.5, val_rmse[seed] if val_rmse else 50.0, 100, 400)
    names = (experiment, family, "net", "values", "sample", "values", "d" * 64, test_digest, [])
    runs.write_summary(Summary(*names, {}, seeds, "regress"))
    runs.write("train_time.json", dict.fromkeys(seeds, 2.0))
    write_beside(runs, seeds, kind="table", shape=(4,), temperature=None)
    return experiment


def write_kept(
    root: Path,
    experiment: str,
    task: str,
    spread: np.ndarray,
    kept: list[np.ndarray],
    val_score: list[float],
    family: str = "dbn",
    log_z: list[tuple[float, float, float]] | None = None,
    test_digest: str = "t" * 64,
) -> str:
    """Write one seed for each of `kept` `[N, C]`, for a task that an experiment asks for; the experiment's name."""
    runs, seeds, judged = RunFiles(experiment, root), dict[str, Any](), scoring(task)
    score = f"val_{judged.primary}"
    for seed, rows in enumerate(kept):
        runs.write_predictions(seed, spread, rows, judged.columns)
        history = [{"phase": "fit", "epoch": e, score: val_score[seed] * e / 2, "val_loss": 1 / e} for e in (1, 2)]
        runs.write_history(seed, history)
        beside = dict(zip(judged.beside_model, log_z[seed], strict=True)) if log_z else {}
        runs.write(f"test/seed{seed}.json", judged.measure(spread, rows) | beside)
        seeds[f"seed{seed}"] = SeedSummary(2, 0.5, val_score[seed], 1000, 4000)
    names = (experiment, family, "net", "mnist", "sample", "grey", "d" * 64, test_digest, [])
    runs.write_summary(Summary(*names, {"task": task}, seeds, task))
    runs.write("train_time.json", dict.fromkeys(seeds, 2.0))
    write_beside(runs, seeds, temperature=None)
    return experiment
