"""A project that a sweep can be run in."""

import shutil
from pathlib import Path

import optuna
import pytest
import yaml
from made_up_trials import ENTRY

from made_up import GREY, prepare


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of Optuna's without a study, which takes half a second to make."""
    path = tmp_path_factory.mktemp("optuna") / "study.db"
    optuna.storages.RDBStorage(f"sqlite:///{path}")
    return path


@pytest.fixture
def project(tmp_path: Path, empty: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    prepare(tmp_path / "data/prepared/grey", GREY)
    for name in ("rate", "other"):
        (tmp_path / "build/sweeps" / name).mkdir(parents=True)
        shutil.copy(empty, tmp_path / "build/sweeps" / name)
    parameters = {"datasets": {"grey": {"use": "mnist@sample"}}, "experiments": {"x": ENTRY}}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(parameters))
    monkeypatch.chdir(tmp_path)
    return tmp_path
