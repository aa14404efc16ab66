"""What a training goes on from survives a kill while it is written and a full disk."""

import os
import random
import resource
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from stemma import training
from stemma.files import Unwritable
from stemma.runs import RunFiles
from stemma.training.bookmark import Atomic
from stemma.training.loop import train_seed
from test_resume import experiment, files, project, stage

KILLS, NUMBERS = 50, 2_000_000
SHARED = Path("/dev/shm")


def saving(path: Path) -> int:
    """A process that writes one checkpoint after the other, each of equal numbers; its number."""
    child = os.fork()
    if child == 0:
        count = 0
        while True:
            count += 1
            Atomic().save_checkpoint({"count": count, "weights": torch.full((NUMBERS,), float(count))}, path)
    return child


@pytest.mark.slow
def test_none_of_50_kills_while_saving_leaves_an_unreadable_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if SHARED.is_dir() and SHARED.stat().st_dev != tmp_path.stat().st_dev:
        monkeypatch.setenv("TMPDIR", str(SHARED))
    path, rng, halves = tmp_path / "seed0.fit-0.ckpt", random.Random(7), 0
    for _ in range(KILLS):
        path.unlink(missing_ok=True)
        child = saving(path)
        while not path.exists():
            time.sleep(0.001)
        time.sleep(rng.uniform(0, 0.2))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        read = torch.load(path, weights_only=True)
        assert torch.equal(read["weights"], torch.full((NUMBERS,), float(read["count"])))
        half = [each for each in tmp_path.iterdir() if each != path]
        halves += len(half)
        for each in half:
            each.unlink()
    assert halves > KILLS // 3, "too few were killed while they wrote"


def test_what_a_kill_left_half_written_goes_at_the_next_start(prepared: dict[str, Path], tmp_path: Path) -> None:
    runs = RunFiles("x", tmp_path / "runs")
    folder = training.checkpoints(runs)
    folder.mkdir(parents=True)
    half, other = folder / ".seed4.fit-0123.ckpt.abcd", folder / ".seed5.fit-0123.ckpt.abcd"
    half.write_bytes(b"half")
    other.write_bytes(b"another seed's")
    train_seed(runs, experiment("mlp", refit=False), 4, prepared["grey"])
    assert not half.exists() and other.exists()


@pytest.fixture
def small_files() -> Iterator[None]:
    """No file may be larger than 100 kB."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_refuses_a_checkpoint_leaves_the_one_before(tmp_path: Path, small_files: None) -> None:
    path = tmp_path / "a.ckpt"
    Atomic().save_checkpoint({"weights": torch.zeros(10)}, path)
    with pytest.raises(Unwritable, match=r"a\.ckpt: cannot be written: File too large"):
        Atomic().save_checkpoint({"weights": torch.ones(100_000)}, path)
    assert torch.equal(torch.load(path, weights_only=True)["weights"], torch.zeros(10))
    assert list(tmp_path.iterdir()) == [path]


def test_other_errors_of_torch_stay_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(AttributeError, match="lambda"):
        Atomic().save_checkpoint({"function": lambda: 0}, tmp_path / "a.ckpt")
    assert not list(tmp_path.iterdir())


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of 300 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("this user may not mount a file system")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.slow
def test_a_training_whose_disk_fills_up_says_so_and_goes_on_when_there_is_room(tmp_path: Path, tiny_disk: Path) -> None:
    """With the process pool and Lightning's own way to a checkpoint; one checkpoint takes about 90 kB."""
    settings = {"architecture": "mlp", "family": "mlp", "dataset": "grey", "epochs": 60, "batch_size": 20,
                "parameters": {"hidden": [8]}, "checkpoint_seconds": 0}  # fmt: skip
    for name in ("whole", "full"):
        project(tmp_path / name, "grey", settings)
    (tmp_path / "full/checkpoints").symlink_to(tiny_disk)
    assert stage(tmp_path / "whole").wait(600) == 0
    process = stage(tmp_path / "full")
    assert process.stderr is not None and any(" fit 4/" in line for line in process.stderr)
    with (tiny_disk / "other").open("wb", buffering=0) as file:
        for size in (4096, 1):
            try:
                while True:
                    file.write(b"0" * size)
            except OSError:
                continue
    _, told = process.communicate(timeout=600)
    (error,) = [line for line in told.splitlines() if line.startswith("train x:")]
    assert process.returncode == 2 and error.endswith("cannot be written: No space left on device"), told
    assert "Traceback" not in told
    (left,) = (tiny_disk / "x").glob("*.ckpt")
    assert torch.load(left, weights_only=True)["epoch"] >= 2
    (tiny_disk / "other").unlink()
    last = stage(tmp_path / "full")
    _, told = last.communicate(timeout=600)
    assert last.returncode == 0 and "goes on after phase 0" in told, told
    assert files(RunFiles("x", tmp_path / "full/runs")) == files(RunFiles("x", tmp_path / "whole/runs"))
