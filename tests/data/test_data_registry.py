import hashlib
import os
import subprocess

import making
import pytest

from stemma.data.entry import File
from stemma.data.fetching import fetch, registry
from stemma.errors import StemmaError

DATA = b"1,2,3\n" * 100
NAME = "toydata-1.0-cp39-cp39-win_amd64.whl"


@pytest.fixture(autouse=True)
def only_these_settings(monkeypatch):
    """pip as on a fresh machine: no file and no variable of this one counts."""
    for key in registry.KEYS:
        monkeypatch.delenv("PIP_" + key.upper().replace("-", "_"), raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)


@pytest.fixture
def built(tmp_path):
    (tmp_path / "wheels").mkdir()
    return making.wheel(tmp_path / "wheels" / NAME, {"toydata/data.csv": DATA, "toydata/__init__.py": b"1/0"})


SHA = making.sha(DATA)


def wanted(sha=SHA, version="1.0"):
    return File("data.csv", sha, len(DATA), package=f"toydata=={version}", member="toydata/data.csv")


def test_member_of_a_wheel_from_find_links(built, tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(built.parent))
    paths = fetch.fetch((wanted(),), tmp_path / "d")
    assert paths["data.csv"].read_bytes() == DATA
    assert [p.name for p in (tmp_path / "d").iterdir()] == ["data.csv"], "the wheel itself is not kept"
    with pytest.raises(StemmaError, match="SHA-256"):
        fetch.fetch((wanted(sha="0" * 64),), tmp_path / "e")
    with pytest.raises(StemmaError, match=r"toydata==2.0: could not be fetched; .*: has no such wheel or sdist"):
        fetch.fetch((wanted(version="2.0"),), tmp_path / "f")


def test_configured_index_and_a_dead_extra_one(site, built, tmp_path, monkeypatch):
    digest = hashlib.sha256(built.read_bytes()).hexdigest()
    page = f'<html><body><a href="/files/{NAME}#sha256={digest}">{NAME}</a></body></html>'.encode()

    def simple(handler):
        handler.send_response(200)
        handler.send_header("Content-Type", "text/html")
        handler.end_headers()
        handler.wfile.write(page)

    site.pages |= {"/simple/toydata/": simple, f"/files/{NAME}": built.read_bytes()}
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", f"{site.address}simple")
    paths = fetch.fetch((wanted(),), tmp_path / "d")
    assert paths["data.csv"].read_bytes() == DATA
    site.pages[f"/files/{NAME}"] = built.read_bytes()[:-10]
    with pytest.raises(StemmaError, match="SHA-256"):
        fetch.fetch((wanted(),), tmp_path / "e")


def test_precedence_is_pips(monkeypatch):
    said = (
        "download.index-url='http://b/simple'\nglobal.index-url='http://a/simple'\n"
        "global.trusted-host='one\\ntwo'\ninstall.cert='/no'\nglobal.timeout='9'\n"
    )
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 0, said))
    found = registry.pip_settings()
    assert found["index-url"] == ["http://b/simple"] and found["trusted-host"] == ["one", "two"]
    assert "cert" not in found
    monkeypatch.setenv("PIP_INDEX_URL", "http://c/simple")
    assert registry.pip_settings()["index-url"] == ["http://c/simple"]


def test_no_place_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(StemmaError, match="no package index is configured"):
        fetch.fetch((wanted(),), tmp_path / "d")


def test_member_of_an_sdist_that_is_never_built(built, tmp_path, monkeypatch):
    """The wheel is preferred; what it does not hold comes from the sdist beside it."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(built.parent))
    ran = tmp_path / "ran"
    setup = f"open({str(ran)!r}, 'w')".encode()
    more = {"toydata-1.0/setup.py": setup, "toydata-1.0/toydata/data.csv": b"other", "toydata-1.0/raw/all.txt": DATA}
    making.tar(built.parent / "toydata-1.0.tar.gz", more)
    only_in_sdist = File("all.txt", SHA, len(DATA), package="toydata==1.0", member="raw/all.txt")
    paths = fetch.fetch((wanted(), only_in_sdist), tmp_path / "d")
    assert paths["data.csv"].read_bytes() == paths["all.txt"].read_bytes() == DATA
    built.unlink()
    assert fetch.fetch((only_in_sdist,), tmp_path / "e")["all.txt"].read_bytes() == DATA
    assert not ran.exists()
