"""Devices, nodes and parts of a batch: what is refused, what reaches Lightning, and where seeds train side by side."""

import os
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from made_up import GREY
from stemma import config, training
from stemma.config import Experiment
from stemma.errors import StemmaError
from stemma.threads import cores, first_process
from stemma.training import loop
from stemma.training.datamodule import BatchPositions
from stemma.training.loop import SeedRun
from stemma.training.trainer import make_trainer

MADE = "devices {} x num_nodes {} x accumulate_grad_batches {}"


def experiment(**settings: Any) -> Experiment:
    return Experiment(**{"dataset": "grey", "family": "mlp", "architecture": "mlp", "accelerator": "cpu", **settings})


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"devices": 3}, f"batch_size: 64 is not a multiple of 3 ({MADE.format(3, 1, 1)})"),
        ({"devices": [0, 1], "num_nodes": 4, "accumulate_grad_batches": 16, "accelerator": "gpu"},
         f"batch_size: 64 is not a multiple of 128 ({MADE.format(2, 4, 16)})"),
        ({"devices": [1, 1], "accelerator": "gpu"}, "devices: [1, 1] names one twice"),
        ({"devices": [0, 1], "accelerator": "cpu"}, "devices: [0, 1]; allowed with accelerator cpu: how many"),
        ({"num_nodes": 2, "accelerator": "mps"}, "devices: several; allowed with accelerator mps: 1"),
        ({"sync_batchnorm": True, "accelerator": "cpu"}, "sync_batchnorm: true; allowed with accelerator cpu: false"),
        ({"precision": "16-mixed", "accelerator": "cpu"}, "precision: '16-mixed'; allowed with accelerator cpu: bf16-mixed"),
        ({"num_nodes": 0}, "num_nodes: input should be greater than or equal to 1, found 0"),
        ({"strategy": "fsdp"}, "strategy: input should be 'auto', 'ddp' or 'ddp_find_unused_parameters_true'"),
        ({"optimizer": "lbfgs", "accumulate_grad_batches": 2}, "accumulate_grad_batches: 2; allowed with 'lbfgs', which"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_refused_in_one_line(settings: dict, said: str, tmp_path: Path) -> None:
    entry = {"dataset": "grey", "family": "mlp", "architecture": "mlp", **settings}
    values = {"datasets": {"grey": {"use": "mnist@sample"}}, "experiments": {"x": entry}}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(values))
    with pytest.raises(StemmaError) as caught:
        config.load(tmp_path / "params.yaml")
    assert said in str(caught.value) and len(str(caught.value).splitlines()) == 1


def test_settings_reach_lightning(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {"devices": 2, "num_nodes": 3, "strategy": "ddp", "precision": "bf16-mixed", "accumulate_grad_batches": 4}
    given_to: dict[str, Any] = {}
    made = pl.Trainer

    def trainer(**settings: Any) -> pl.Trainer:
        given_to.update(settings)
        return made(**{**settings, "sync_batchnorm": False})

    monkeypatch.setattr(pl, "Trainer", trainer)
    settings = experiment(**asked, accelerator="auto", sync_batchnorm=True, batch_size=48, limit_train_batches=5)
    found = make_trainer(settings, 1, [])
    assert {name: given_to[name] for name in asked} == asked and given_to["sync_batchnorm"] is True
    assert found.world_size == 6 and found.accumulate_grad_batches == 4 and found.limit_train_batches == 20


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU has float16")
def test_a_precision_that_the_device_lacks_is_not_changed_in_silence() -> None:
    with pytest.raises(StemmaError, match="precision: '16-mixed' is not for cpu; there: bf16-mixed"):
        make_trainer(experiment(accelerator="auto", precision="16-mixed"), 1, [])


def test_processes_of_srun_that_are_not_asked_for_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SLURM_NTASKS", "SLURM_STEP_NUM_TASKS", "SLURM_NTASKS_PER_NODE"):
        monkeypatch.setenv(name, "4")
    for name in ("SLURM_NODEID", "SLURM_PROCID", "SLURM_LOCALID"):
        monkeypatch.setenv(name, "0")
    with pytest.raises(StemmaError, match=r"devices: 2 in all .* but 4 processes were started"):
        make_trainer(experiment(devices=2), 1, [])
    monkeypatch.delenv("SLURM_NTASKS_PER_NODE")
    with pytest.raises(StemmaError, match="SLURM: You set `--ntasks=4`"):
        make_trainer(experiment(devices=4), 1, [])


def test_a_phase_of_its_own_batches_is_refused_before_any_runs() -> None:
    parameters = {"hidden": (9,), "pretrain_batch_size": 21}
    run = SeedRun(
        "x", experiment(family="dbn", architecture="dbn", parameters=parameters, devices=2), 0, GREY.to_dict()
    )
    with pytest.raises(StemmaError, match=r"batch size of phase '.*': 21 is not a multiple of 2"):
        run._check_batches(run._made()[1])


@settings(deadline=None)
@given(st.integers(1, 60), st.integers(1, 4), st.integers(1, 3), st.integers(1, 4), st.booleans())
def test_shares_and_parts_make_up_the_global_batches(
    count: int, ranks: int, parts: int, share: int, shuffle: bool
) -> None:
    """Each global batch comes in equal parts, equal on all ranks; without shuffling nothing is there twice."""
    parts = parts if shuffle else 1
    size = ranks * parts * share
    whole = list(BatchPositions(count, size, 0, shuffle))
    own = [list(BatchPositions(count, size, 0, shuffle, rank, ranks, parts=parts)) for rank in range(ranks)]
    if not shuffle:
        assert sorted(position for batches in own for batch in batches for position in batch.tolist()) == list(
            range(count)
        )
        return
    assert {len(batches) for batches in own} == {len(whole) * parts}
    for number, batch in enumerate(whole):
        pieces = [batches[number * parts + part].tolist() for part in range(parts) for batches in own]
        filled = -(-len(batch) // (ranks * parts))
        assert {len(piece) for piece in pieces} == {filled}
        assert {position for piece in pieces for position in piece} >= set(batch.tolist())


def test_seeds_train_a_gpu_each_or_a_core_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert loop.places(experiment()) == [""] * cores()
    assert loop.places(experiment(devices=2)) == []
    monkeypatch.setattr(loop, "_devices", lambda experiment: ("cuda", 1))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    assert loop.places(experiment(accelerator="gpu")) == ["0", "1", "2"]
    assert loop.places(experiment(accelerator="gpu", devices=(2,))) == [""]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
    assert loop.places(experiment(accelerator="gpu")) == ["4", "7"]


def visible(_: int) -> str:
    return os.environ["CUDA_VISIBLE_DEVICES"]


def test_each_worker_has_a_gpu_of_its_own() -> None:
    with training._workers(["4", "7"]) as pool:
        assert set(pool.map(visible, range(20))) <= {"4", "7"}


@pytest.mark.parametrize(("name", "first"), [("LOCAL_RANK", False), ("SLURM_PROCID", False), ("OTHER_RANK", True)])
def test_the_first_process_is_known_by_its_launcher(name: str, first: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "1")
    assert first_process() is first
