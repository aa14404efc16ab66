"""Phases on two processes: the same weights on both after each, and those of one process with the same draws."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from made_up import GREY, prepare
from stemma.data.store import load_split

SMALL = {"pretrain_epochs": 2, "pretrain_batch_size": 20}
CHAINS = {"persistent": True, "chains": 6}
ANNEALING = {"ais_chains": 5, "ais_temperatures": 10}
CASES: dict[str, tuple[str, dict, dict]] = {
    "rbm": ("rbm", {"hidden": 9, **SMALL}, {}),
    "rbm_sampled": ("rbm", {"hidden": 9, "sample_visible": True, "cd_steps": 2, **SMALL}, {}),
    "rbm_gaussian": ("rbm", {"hidden": 9, "visible": "gaussian", "learn_variance": True, **SMALL}, {}),
    "rbm_persistent": ("rbm", {"hidden": 9, **CHAINS, **SMALL}, {}),
    "rbm_density": ("rbm", {"hidden": 30, **CHAINS, **ANNEALING, **SMALL}, {"task": "density"}),
    "dbn": ("dbn", {"hidden": (9, 7), **SMALL}, {}),
    "generative_dbn": ("generative_dbn", {"hidden": (9, 7), **CHAINS, **SMALL}, {}),
    "dbm": ("dbm", {"hidden": (9, 7), "chains": 6, "joint_epochs": 2, "sweeps": 3, **SMALL}, {}),
    "stacked_ae": ("stacked_ae", {"hidden": (9, 7), **SMALL}, {}),
    "dsn": ("dsn", {"blocks": 2, "hidden": 9, "tune_epochs": 2, "tune_batch_size": 40, "ridge": 0.01}, {}),
    "dsn_rbm": ("dsn", {"blocks": 2, "hidden": 9, "lower": "rbm", "pretrain_epochs": 2}, {}),
    "som": ("som", {"rows": 3, "columns": 3, "passes": 2}, {}),
}

OWN = ("rbm_persistent", "dbn", "generative_dbn", "dbm")
"""Cases that are trained once more with draws of each process's own, as they are outside of tests."""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the weights of every case after every phase, from one process and from two."""
    folder = tmp_path_factory.mktemp("ddp")
    prepare(folder / "data", GREY)
    common = {"dataset": "grey", "family": "dbn", "epochs": 2, "batch_size": 20, "accelerator": "cpu", "patience": None}
    cases = {
        name: {**common, "architecture": architecture, "parameters": parameters, **more}
        for name, (architecture, parameters, more) in CASES.items()
    }
    cases |= {f"own {name}": cases[name] for name in OWN}
    (folder / "cases.json").write_text(json.dumps(cases))
    on_one_and_on_two(folder)
    return folder


def on_one_and_on_two(folder: Path) -> None:
    """Train the cases of `folder` on its data by one process and by two."""
    for devices in ("1", "2"):
        command = [sys.executable, Path(__file__).parent / "two_ranks.py", "cases.json", devices, "data", devices]
        run = subprocess.run(command, cwd=folder, env=os.environ, capture_output=True, text=True, timeout=1800)
        assert run.returncode == 0, run.stderr


CLOSE = {"dsn": 1e-4}
"""How near where 1e-5 is too much to ask: Adam divides the rounding of a gradient that nearly vanishes by itself."""


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_two_processes_learn_what_one_does(case: str, trained: Path) -> None:
    phases = sorted(path.name for path in (trained / "1" / case).iterdir())
    near = CLOSE.get(case, 1e-5)
    assert phases
    for name in phases:
        one, first = (torch.load(trained / devices / case / name, weights_only=True) for devices in "12")
        if case != "som":  # solved for by one process alone
            second = torch.load(trained / "2" / case / name.replace("rank0", "rank1"), weights_only=True)
            for key, value in first.items():
                torch.testing.assert_close(value, second[key], atol=0, rtol=0, equal_nan=True, msg=f"{name} {key}")
        for key, value in first.items():
            torch.testing.assert_close(value, one[key], atol=near, rtol=1e-5, equal_nan=True, msg=f"{name} {key}")


@pytest.mark.slow
@pytest.mark.parametrize("case", OWN)
def test_with_draws_of_their_own_processes_stay_alike_and_learn_as_much(case: str, trained: Path) -> None:
    x = torch.from_numpy(np.array(load_split(trained / "data", "train").x)).flatten(1) / 255
    for path in sorted((trained / "2" / f"own {case}").glob("rank0*")):
        one, first = (torch.load(trained / devices / f"own {case}" / path.name, weights_only=True) for devices in "12")
        second = torch.load(path.with_name(path.name.replace("rank0", "rank1")), weights_only=True)
        for key, value in first.items():
            torch.testing.assert_close(value, second[key], atol=0, rtol=0, equal_nan=True, msg=f"{path.name} {key}")
        assert not torch.equal(first["rbms.0.weight"], one["rbms.0.weight"])
        assert error(first, x) == pytest.approx(error(one, x), rel=0.03)


def error(state: dict[str, torch.Tensor], x: torch.Tensor) -> float:
    """Squared reconstruction error a value of the lowest RBM."""
    weight, visible, hidden = (state[f"rbms.0.{name}"] for name in ("weight", "visible_bias", "hidden_bias"))
    return float((torch.sigmoid(torch.sigmoid(x @ weight.T + hidden) @ weight + visible) - x).square().mean())


SMALL_CNN = {"family": "cnn", "architecture": "lenet5", "parameters": {"form": "modern"}}
NORMALISED = {"family": "cnn", "architecture": "resnet", "parameters": {"depth": 8}, "monitor": None}
SMALL_RNN = {"family": "rnn", "architecture": "lstm", "parameters": {"hidden": 8}}
NETWORKS = {
    "cnn": SMALL_CNN,
    "rnn": SMALL_RNN,
    "cnn in parts": {**SMALL_CNN, "accumulate_grad_batches": 2},
    "rnn in parts": {**SMALL_RNN, "accumulate_grad_batches": 2, "weight_average": "ema", "average_decay": 0.9},
    "rnn whole": {**SMALL_RNN, "weight_average": "ema", "average_decay": 0.9},
    "batchnorm": NORMALISED,
    "batchnorm in parts": {**NORMALISED, "accumulate_grad_batches": 2},
}
RUNNING = ("running_mean", "running_var", "num_batches_tracked")
"""What a normalisation counts up for prediction, once a part: no weight."""
ROUNDED = 1e-3
"""How near four parts of five are to a batch of twenty: Adam divides the rounding of nearly vanishing gradients too."""


@pytest.fixture(scope="module", params=[120, 123], ids=["even", "uneven"])
def networks(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `trained`; of 123 examples in batches of 20 the last has 3, of 41 validated the two processes have 21 and 20."""
    folder = tmp_path_factory.mktemp("networks")
    prepare(folder / "data", GREY, train=request.param, validation=41)
    common = {"dataset": "grey", "epochs": 2, "batch_size": 20, "accelerator": "cpu", "patience": None}
    (folder / "cases.json").write_text(json.dumps({name: {**common, **case} for name, case in NETWORKS.items()}))
    on_one_and_on_two(folder)
    return folder


def state(folder: Path, devices: int, case: str, rank: int = 0) -> dict[str, torch.Tensor]:
    return torch.load(folder / str(devices) / case / f"rank{rank}-1.pt", weights_only=True)


def furthest(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    return max(float((one[key].float() - other[key].float()).abs().max()) for key in one)


@pytest.mark.slow
def test_networks_on_two_processes_and_in_parts_are_those_of_one(networks: Path) -> None:
    """An uneven last batch is filled up, so that an example counts twice: one process that takes its batches in two
    parts does the same to 1e-5; one that does not ends within what 14 steps of Adam at 0.001 can differ by.
    """
    even = len(load_split(networks / "data", "train").y) == 120
    for case in NETWORKS:
        assert furthest(state(networks, 2, case), state(networks, 2, case, rank=1)) == 0
    for kind, whole in (("cnn", "cnn"), ("rnn", "rnn whole")):
        parts, two = f"{kind} in parts", state(networks, 2, whole)
        assert furthest(two, state(networks, 1, parts)) < 1e-5
        assert furthest(two, state(networks, 1, whole)) < (1e-5 if even else 0.02)
        assert furthest(state(networks, 2, parts), state(networks, 1, whole)) < (ROUNDED if even else 0.02)


@pytest.mark.slow
def test_batch_statistics_are_those_of_a_share(networks: Path) -> None:
    """Ten examples have other means than twenty, and gloo cannot synchronise them: the weights are those of one process
    that takes its batches in two parts, and only near those of one that does not.
    """
    two, parts, whole = (
        {key: value for key, value in state(networks, *place).items() if not key.endswith(RUNNING)}
        for place in ((2, "batchnorm"), (1, "batchnorm in parts"), (1, "batchnorm"))
    )
    assert furthest(two, parts) < ROUNDED
    assert ROUNDED < furthest(two, whole) < 0.1
