"""Study `regularisers` on planted accuracies."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from made_up_study import script, write

from stemma.data.store import load_split
from stemma.runs import RunFiles
from stemma.studies import Study, load

module = script("regularisers")
KEYS = (
    "none", "early_stopping", "weight_decay", "l1", "dropout", "dropconnect", "standout", "batch_norm",
    "label_smoothing", "shift", "fewest-none", "fewest-dropout", "wide-dropout", "rate-none", "rate-batch_norm",
)  # fmt: skip
DEFAULTS = {"weight_decay": 0.0, "l1": 0.0, "label_smoothing": 0.0, "augment": {"shift": 0}, "epochs": 3}


def planted(prepared: Path, runs: Path, test: dict[str, float], ms: dict[str, int] | None = None) -> Study:
    """Two seeds of every net, 80 % on the test but for `test`; epochs of 10 ms but for `ms`."""
    for key in KEYS:
        reached = test.get(key, 0.8)
        write(runs, prepared, key, {"hidden": (2,)}, (reached, reached + 0.002), [[1.0, 0.09, 0.01]], **DEFAULTS)
        ends = [(ms or {}).get(key, 10) * count / 1000 for count in (1, 2, 3)]
        RunFiles(key, runs).write("train_epochs_time.json", {"seed0": ends, "seed1": ends})
    return module.study(load(KEYS, runs, prepared.parent))


def case(study: Study, claim: str, where: str) -> Any:
    found = next(verdict for verdict in study.verdicts if verdict.claim.startswith(claim))
    return next(each for each in found.cases if each.where.startswith(where))


@pytest.mark.parametrize(("reached", "holds"), [(0.9, True), (0.7, False)])
def test_verdicts_follow_the_numbers(prepared: dict[str, Path], tmp_path: Path, reached: float, holds: bool) -> None:
    study = planted(prepared["grey"], tmp_path, {"dropout": reached, "fewest-dropout": reached})
    assert case(study, "Dropout and methods like it", "dropout").holds is holds
    assert case(study, "They lessen overfitting", "dropout").holds is holds, "trained alike: the gap is the test's"
    assert case(study, "Dropout does badly", "").holds is not holds
    assert case(study, "DropConnect", "dropconnect").holds is not holds
    assert case(study, "Batch normalisation can", "").holds is not holds


@pytest.mark.parametrize(("ms", "holds"), [(10, False), (25, True), (40, False)])
def test_two_to_three_times_the_time(prepared: dict[str, Path], tmp_path: Path, ms: int, holds: bool) -> None:
    study = planted(prepared["grey"], tmp_path, {}, {"dropout": ms})
    assert case(study, "Dropout takes", "the time").holds is holds
    assert case(study, "Dropout takes", "epochs").holds is False, "both need two epochs"


def test_train_accuracy_is_that_of_the_kept_model_on_train(prepared: dict[str, Path], tmp_path: Path) -> None:
    """A net that always says class 3."""

    def always(model: Any) -> None:
        model.head.bias[:] = 100.0 * torch.eye(10)[3]

    write(tmp_path, prepared["grey"], "three", {"hidden": (2,), "dropout": 0.5}, (0.1, 0.1), change=always)
    found = load(["three"], tmp_path, prepared["grey"].parent)["three"].accuracy("train")
    labels = load_split(prepared["grey"], "train").y
    assert found == pytest.approx([np.mean(labels == 3)] * 2)
