"""`stemma verify`: what it prints and how it ends."""

import hashlib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stemma.cli.main import app


@pytest.fixture
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one object in DVC's cache."""
    md5 = hashlib.md5(b"content").hexdigest()
    path = tmp_path / ".dvc/cache/files/md5" / md5[:2] / md5[2:]
    path.parent.mkdir(parents=True)
    path.write_bytes(b"content")
    monkeypatch.chdir(tmp_path)
    return path


def test_clean_spoilt_and_gone(cached: Path) -> None:
    clean = CliRunner().invoke(app, ["verify"])
    assert clean.exit_code == 0 and clean.stdout.startswith("1 files, 0.0 MB in") and "none spoilt" in clean.stdout
    cached.write_bytes(b"contents")
    spoilt = CliRunner().invoke(app, ["verify"])
    found, expected = hashlib.md5(b"contents").hexdigest(), hashlib.md5(b"content").hexdigest()
    line = f"{cached.relative_to(Path.cwd())}: found {found}, expected {expected} (cache)"
    assert spoilt.exit_code == 1 and spoilt.stdout.splitlines()[0] == line and "1 spoilt" in spoilt.stdout
    mended = CliRunner().invoke(app, ["verify", "--repair"])
    assert mended.exit_code == 0 and not cached.exists()
    assert "1 objects of earlier versions are gone; `dvc fetch --all-commits` asks the remote" in mended.stdout


def test_no_project_is_clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ran = CliRunner().invoke(app, ["verify"])
    assert ran.exit_code == 0 and ran.stdout.startswith("0 files")


def test_an_unreadable_lock_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.lock").write_text("stages: [")
    ran = CliRunner().invoke(app, ["verify"])
    assert str(ran.exception).startswith(f"{tmp_path}/dvc.lock: not readable (")
    assert "git checkout dvc.lock" in str(ran.exception)
