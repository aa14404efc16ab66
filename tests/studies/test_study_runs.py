"""A whole study by `make study`: pipeline, MLflow, page."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PARTS = ("Makefile", "dvc.yaml", ".dvcignore", "pipelines", "src", "studies", ".dvc/config")


@pytest.mark.slow
def test_a_study_runs_from_parameters_to_page(tmp_path: Path) -> None:
    """Depth against width, shortened to the smaller nets on digits of one and two layers."""
    for part in PARTS:
        target = tmp_path / part
        target.parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, target)
    params = tmp_path / "studies/depth_width/params.yaml"
    values = yaml.safe_load(params.read_text())
    values["training"] |= {"seeds": [0, 1], "epochs": 2}
    values["datasets"] = {"grey": values["datasets"]["grey"]}
    values["experiments"] = {key: values["experiments"][key] for key in ("grey-30k-1", "grey-30k-2")}
    params.write_text(yaml.safe_dump(values))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(tmp_path / "src")}
    command = ["make", "-o", "setup", "study", "NAME=depth_width"]
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-2000:]
    page = tmp_path / "build/depth_width/reports/study.html"
    assert run.stdout.rstrip().endswith(str(page)) and page.is_file()
    verdicts = json.loads(page.with_name("study.json").read_text())["verdicts"]
    assert len(verdicts) == 3 and all(verdict["claim"] in run.stdout for verdict in verdicts)
    with sqlite3.connect(tmp_path / "mlflow.db") as store:
        assert store.execute("select count(*) from runs").fetchone()[0] >= 4
