"""A training that was killed goes on: in the middle of each kind of phase, between phases, and equal to the bit."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stemma.config import Experiment
from stemma.families.dbn import generative_dbn, greedy
from stemma.runs import RunFiles
from stemma.training.callbacks import SeedSteps
from stemma.training.loop import train_seed

SMALL = {"pretrain_epochs": 3, "pretrain_batch_size": 20}
DENSITY = {"ais_chains": 5, "ais_temperatures": 10}
CASES: dict[str, tuple[str, str, dict, dict]] = {
    "cnn": (
        "cnn",
        "convnet",
        {},
        {"augment": {"shift": 1, "flip": True}, "weight_average": "ema", "schedule": "cosine"},
    ),
    "rnn": ("rnn", "lstm", {"hidden": 6, "dropout": 0.2}, {"dataset": "text", "optimizer": "rmsprop", "momentum": 0.5}),
    "mlp": ("mlp", "mlp", {"hidden": (8,)}, {"companion": "centre", "companion_weight": 0.5, "refit": True}),
    "swa": ("mlp", "mlp", {"hidden": (8,)}, {"weight_average": "swa", "average_from": 0.25, "patience": None}),
    "dbn": ("dbn", "dbn", {"hidden": (9, 7), **SMALL}, {}),
    "pcd": ("dbn", "rbm", {"hidden": 9, "persistent": True, "chains": 6, **SMALL}, {}),
    "density": ("dbn", "rbm", {"hidden": 30, **DENSITY, **SMALL}, {"task": "density"}),
    "generative_dbn": ("dbn", "generative_dbn", {"hidden": (9, 7), "persistent": True, "chains": 6, **SMALL}, {}),
    "dbm": ("dbn", "dbm", {"hidden": (9, 7), "chains": 6, "joint_epochs": 3, **SMALL}, {}),
    "stacked_ae": ("dbn", "stacked_ae", {"hidden": (9, 7), **SMALL}, {"optimizer": "sgd", "momentum": 0.9}),
    "dsn": ("dbn", "dsn", {"blocks": 2, "hidden": 9, "lower": "rbm", "pretrain_epochs": 2, "tune_epochs": 2}, {}),
    "som": ("dbn", "som", {"rows": 3, "columns": 3, "passes": 2}, {}),
}


class Killed(Exception):
    """What stands for a kill: nothing of ours handles it."""


def experiment(case: str, **settings: Any) -> Experiment:
    family, architecture, parameters, more = CASES[case]
    return Experiment(**{
        "dataset": "grey", "family": family, "architecture": architecture, "parameters": parameters, "epochs": 3,
        "batch_size": 20, "seeds": (4,), "accelerator": "cpu", "checkpoint_seconds": 0, **more, **settings,
    })  # fmt: skip


Place = tuple[int, int]
"""Phase and step in it, both from 0."""


def before_steps(monkeypatch: pytest.MonkeyPatch, action: Callable[[Place], None]) -> None:
    """Call `action` before each training step."""
    seed = SeedSteps.on_train_batch_start

    def acting(self: SeedSteps, trainer: Any, *arguments: Any) -> None:
        action((self.phase, trainer.fit_loop.total_batch_idx))
        seed(self, trainer, *arguments)

    monkeypatch.setattr(SeedSteps, "on_train_batch_start", acting)


def files(runs: RunFiles) -> dict[str, bytes]:
    folder = runs.folder / "train"
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("case", CASES)
def test_killed_in_the_middle_and_at_the_end_of_every_phase_it_ends_as_if_nothing_had_been(
    case: str, prepared: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (greedy, generative_dbn):
        monkeypatch.setattr(module, "TOGETHER", 2)
    settings, taken = experiment(case), list[Place]()
    data, whole, killed = prepared[settings.dataset], *(RunFiles("x", tmp_path / name / "runs") for name in "ab")
    with monkeypatch.context() as patch:
        before_steps(patch, taken.append)
        train_seed(whole, settings, 4, data)
    for place in sites(taken):
        with monkeypatch.context() as patch:
            before_steps(patch, lambda here, place=place: die(here == place))
            with pytest.raises(Killed):
                train_seed(killed, settings, 4, data)
    again = list[Place]()
    before_steps(monkeypatch, again.append)
    train_seed(killed, settings, 4, data)
    assert len(again) < max(len(taken), 1) and files(killed) == files(whole)


def sites(taken: list[Place]) -> list[Place]:
    """Of each phase a step after its first epoch, and its last one."""
    last = dict(sorted(taken))
    return [(phase, step) for phase, end in last.items() for step in sorted({end * 2 // 3, end})]


def die(when: bool) -> None:
    if when:
        raise Killed
