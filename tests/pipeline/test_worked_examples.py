"""The worked examples of docs/ are executed as they stand."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from made_up import GREY, prepare
from stemma.config import load

ROOT = Path(__file__).parents[2]


def block(page: str, mark: str) -> str:
    found = re.search(rf"<!-- {re.escape(mark)} -->\n```\w+\n(.*?)```", (ROOT / "docs" / page).read_text(), re.DOTALL)
    assert found, f"{page}: no block marked {mark}"
    return found[1]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the package and the stage scripts beside a prepared set."""
    for name in ("src", "pipelines", "gallery"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    prepare(tmp_path / "data/prepared/grey", GREY)
    return tmp_path


def run(project: Path, *command: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(project / "src")}
    done = subprocess.run([sys.executable, *command], cwd=project, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_add_an_architecture(project: Path) -> None:
    page = "add-an-architecture.md"
    path = "src/stemma/families/cnn/narrow_cnn.py"
    (project / path).write_text(block(page, f"file: {path}"))
    catalog = project / "src/stemma/families/catalog/cnn.py"
    head, mark, tail = catalog.read_text().partition("CNN: dict[str, Entry] = {\n")
    catalog.write_text(head + mark + block(page, "entry") + tail)
    (project / "params.yaml").write_text(
        "datasets:\n  grey: {use: mnist@sample}\nexperiments:\n"
        + block(page, "experiment")
        + "    seeds: [0]\n"
        + "training: {}\ntransfers: {}\nevaluation: {}\ncomparison: {}\ngate: {}\n"
    )
    assert "1 experiments" in run(project, "-m", "stemma.cli.main", "check")
    assert "narrow_cnn" in run(project, "-m", "stemma.cli.main", "list")
    gallery = project / "gallery/params.yaml"
    head, mark, tail = gallery.read_text().partition("\nexperiments:\n")
    gallery.write_text(head + mark + block(page, "gallery") + tail)
    before = len(load(ROOT / "gallery/params.yaml").trained)
    assert f"{before + 1} experiments" in run(project, "-m", "stemma.cli.main", "check", "--params", "gallery/params.yaml")  # fmt: skip
    assert "total parameters: 1,554" in run(project, "-m", "stemma.cli.main", "shapes", "narrow_cnn", "--input", "1x28x28", "--set", "maps=4")  # fmt: skip
    run(project, "pipelines/train.py", "mnist-narrow_cnn")
    run(project, "pipelines/evaluate.py", "mnist-narrow_cnn")
    assert (project / "runs/mnist-narrow_cnn/metrics.json").is_file()
