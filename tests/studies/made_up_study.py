"""Run files of experiments that no training wrote, and the study.py of a folder."""

import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from stemma import families
from stemma.data.store import load_spec
from stemma.runs import RunFiles, SeedSummary, Summary

ROOT = Path(__file__).parents[2]


def script(name: str) -> ModuleType:
    """studies/NAME/study.py as a module."""
    found = importlib.util.spec_from_file_location(f"study_of_{name}", ROOT / "studies" / name / "study.py")
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def write(
    root: Path,
    prepared: Path,
    key: str,
    parameters: dict[str, Any],
    accuracy: Sequence[float],
    losses: Sequence[Sequence[float]] = ((2.0, 1.0),),
    change: Callable[[Any], None] | None = None,
    **settings: Any,
) -> None:
    """An mlp of `parameters`: test accuracy a seed, training loss a seed and epoch (the last row for the others).

    The model of each seed is its own start after `change`.
    """
    runs, spec, rows = RunFiles(key, root), load_spec(prepared), {}
    for seed, reached in enumerate(accuracy):
        torch.manual_seed(seed)
        model = families.build("mlp", spec.to_dict(), parameters)
        with torch.no_grad():
            (change or (lambda _: None))(model)
        families.save(model, runs.model_folder(seed), "mlp", parameters)
        course = losses[min(seed, len(losses) - 1)]
        runs.write_history(
            seed,
            [
                {
                    "phase": "fit",
                    "epoch": e,
                    "train_loss": loss,
                    "train_accuracy": 0.5,
                    "val_loss": loss,
                    "val_accuracy": 0.5,
                }
                for e, loss in enumerate(course, 1)
            ],
        )
        runs.write(f"test/seed{seed}.json", {"accuracy": reached})
        rows[f"seed{seed}"] = SeedSummary(len(course), course[-1], 0.5, model.parameter_count(), 1)
    told = {"parameters": parameters, "learning_rate": 0.01, **settings}
    names = (key, "mlp", "mlp", spec.dataset, spec.source, prepared.name, spec.digest, spec.test_digest)
    runs.write_summary(Summary(*names, list(spec.classes), told, rows))
    runs.write("train_time.json", {name: 1.0 + place for place, name in enumerate(rows)})
