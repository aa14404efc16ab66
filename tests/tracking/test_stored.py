"""The copies that MLflow keeps, against the run files they came from."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from stemma.cli.main import app
from stemma.tracking.stored import spoilt


@pytest.fixture
def published(project: Path, publishing: Callable[..., Any]) -> Path:
    publishing("mnist-mlp")
    return project


def test_a_flipped_byte_in_any_copy_is_found_and_mended(published: Path) -> None:
    assert spoilt() == []
    (weights,) = published.glob("mlartifacts/*/models/*/artifacts/artifacts/model/weights.safetensors")
    (summary,) = published.glob("mlartifacts/*/*/artifacts/runs/mnist-mlp/train/summary.json")
    for path in (weights, summary):
        content = path.read_bytes()
        path.write_bytes(content[:-2] + bytes([content[-2] ^ 1]) + content[-1:])
    original = Path("runs/mnist-mlp/train")
    assert [(copy.path, copy.original) for copy in spoilt()] == [
        (summary, original / "summary.json"),
        (weights, original / "seed1/model/weights.safetensors"),
    ]
    ran = CliRunner().invoke(app, ["verify"])
    assert ran.exit_code == 1 and "(MLflow's copy of runs/mnist-mlp/train/summary.json)" in ran.stdout
    summary.unlink()
    weights.unlink()
    assert [copy.found for copy in spoilt()] == ["missing"], "of the run files MLflow keeps only some"
    assert CliRunner().invoke(app, ["verify", "--repair"]).exit_code == 0
    assert spoilt() == [] and weights.read_bytes() == (original / "seed1/model/weights.safetensors").read_bytes()


def test_results_that_changed_since_are_passed_over(published: Path) -> None:
    (published / "runs/mnist-mlp/metrics.json").write_text("{}")
    (weights,) = published.glob("mlartifacts/*/models/*/artifacts/artifacts/model/weights.safetensors")
    weights.write_bytes(b"")
    assert spoilt() == []
