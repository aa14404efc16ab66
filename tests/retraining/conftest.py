"""One project that was retrained once is made a session; each test plays with a copy."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playing import Played, copy, make


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """A project that was never retrained; not to be changed."""
    return make(tmp_path_factory.mktemp("fresh") / "it")


@pytest.fixture(scope="session")
def retrained(fresh: Played, tmp_path_factory: pytest.TempPathFactory) -> Played:
    """The same after its first retraining on main; not to be changed."""
    played = copy(fresh, tmp_path_factory.mktemp("retrained") / "it")
    code, told = played.retrain()
    assert code == 0, told
    return played


@pytest.fixture
def project(fresh: Played, tmp_path: Path) -> Played:
    return copy(fresh, tmp_path / "it")


@pytest.fixture
def played(retrained: Played, tmp_path: Path) -> Played:
    return copy(retrained, tmp_path / "it")


@pytest.fixture
def another(tmp_path: Path) -> Callable[[Played], Path]:
    """A second clone of a project, as on another machine."""

    def clone(of: Played) -> Path:
        of.run("git", "clone", "-q", str(of.folder / "origin.git"), str(tmp_path / "it/other"), cwd=of.folder)
        return tmp_path / "it/other"

    return clone
