"""A byte flipped in every kind of stored object is found, and what is mended is right again."""

import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import making
import numpy as np
import pytest
import yaml

from stemma.data import catalog
from stemma.data.entry import File
from stemma.data.integrity import versions
from stemma.data.integrity.repair import repair
from stemma.data.integrity.verify import CACHE, DOWNLOAD, OUTPUT, RUN, VECTORS, verify
from stemma.data.parts import Part
from stemma.data.preparation.encode import Encoding
from stemma.data.preparation.prepare import prepare

INGEST = """
import json, sys
from pathlib import Path
slot = Path("data/raw") / sys.argv[1]
(slot / "deep").mkdir(parents=True)
content = Path("data/downloads/toy/sample/toy.bin").read_bytes()
(slot / "train_x.npy").write_bytes(content * 2)
(slot / "deep/ü.bin").write_bytes(content + sys.argv[1].encode())
with open("ran.txt", "a") as ran:
    ran.write(sys.argv[1] + " ")
"""
TRAIN = """
from pathlib import Path
content = Path("data/raw/grey/train_x.npy").read_bytes()
Path("runs/toy/train/seed0/model").mkdir(parents=True)
Path("runs/toy/train/seed0/model/weights").write_bytes(content[::-1])
Path("runs/toy/train_time.json").write_text("{}")
with open("ran.txt", "a") as ran:
    ran.write("train ")
"""
PIPELINE = {
    "stages": {
        "ingest": {
            "foreach": ["grey", "text"],
            "do": {"cmd": "python ingest.py ${item}", "deps": ["ingest.py"], "outs": ["data/raw/${item}"]},
        },
        "train": {
            "cmd": "python train.py",
            "deps": ["train.py", "data/raw/grey"],
            "outs": ["runs/toy/train", "runs/toy/train_time.json"],
        },
    }
}
CONTENT = bytes(range(256)) * 64


def run(folder: Path, *words: str) -> str:
    done = subprocess.run([sys.executable, "-m", *words], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def make_project(folder: Path) -> Path:
    folder.mkdir()
    (folder / "ingest.py").write_text(INGEST)
    (folder / "train.py").write_text(TRAIN)
    (folder / "dvc.yaml").write_text(yaml.safe_dump(PIPELINE))
    (folder / "data/downloads/toy/sample").mkdir(parents=True)
    (folder / "data/downloads/toy/sample/toy.bin").write_bytes(CONTENT)
    (folder / ".dvc").mkdir()
    (folder / ".dvc/config").write_text("[core]\n    analytics = false\n    no_scm = true\n")
    run(folder, "dvc", "repro", "-q")
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_project(tmp_path_factory.mktemp("made") / "project")


@pytest.fixture
def project(made, tmp_path, monkeypatch):
    file = File("toy.bin", making.sha(CONTENT), len(CONTENT), ("https://none.example/toy.bin",))
    entry = making.entry("idx", sources={"sample": making.source("idx", file)})
    monkeypatch.setattr(catalog, "CATALOG", {"toy": entry})
    shutil.copytree(made, tmp_path / "project", symlinks=True)
    return tmp_path / "project"


def state(folder):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for top in ("data", "runs", ".dvc/cache")
        for path in (folder / top).rglob("*")
        if path.is_file() and ".spoilt" not in path.as_posix()
    }


def flip(path: Path) -> None:
    """One bit of one byte, size and time as they were, as a bad disk does it."""
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[content.index(b"md5: ") + 9 if path.parts[-4] == "runs" else len(content) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)
    path.chmod(before.st_mode)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def everything(folder):
    kept = state(folder)
    assert len([name for name in kept if "/runs/" in name and name.startswith(".dvc")]) == 3
    return list(kept)


def test_all_is_well(project):
    report = verify(project)
    assert report.faults == [] and report.unknown == [] and report.absent == []
    assert report.files == len(everything(project)) and report.size > 100_000


def test_a_flipped_bit_anywhere_is_found(project):
    """Every single stored file, one after the other: recall 100 %, and nothing else is blamed."""
    kinds = set()
    for name in everything(project):
        path = project / name
        content, before = path.read_bytes(), path.stat()
        flip(path)
        faults = verify(project).faults
        assert path in [fault.path for fault in faults], name
        assert {fault.path for fault in faults} - {path} == set(), name
        kinds |= {fault.what for fault in faults}
        path.chmod(0o644)
        path.write_bytes(content)
        path.chmod(before.st_mode)
    assert kinds == {CACHE, DOWNLOAD, OUTPUT, RUN}
    assert verify(project).faults == []


def test_dvc_itself_says_nothing(project):
    """Why this command exists; should DVC learn to see it, this test says so."""
    assert "up to date" in run(project, "dvc", "status")
    flip(project / "data/raw/grey/train_x.npy")
    objects = versions.objects(versions.cache_folder(project))
    flip(next(path for md5, path in objects.items() if not md5.endswith(".dir")))
    assert "up to date" in run(project, "dvc", "status")
    assert len(verify(project).faults) == 2


@pytest.mark.parametrize(
    "name",
    [
        *("data/raw/grey/deep/ü.bin", "cache", "run"),
        *(
            pytest.param(each, marks=pytest.mark.slow)
            for each in ("list", "data/raw/grey/train_x.npy", "runs/toy/train_time.json")
        ),
    ],
)
def test_what_is_spoilt_in_one_place_comes_back_from_the_other(project, name):
    right = state(project)
    cache = versions.cache_folder(project)
    objects = versions.objects(cache)
    places = {
        "cache": next(path for md5, path in objects.items() if not md5.endswith(".dir")),
        "list": next(path for md5, path in objects.items() if md5.endswith(".dir")),
        "run": versions.kept_runs(cache)[0],
    }
    spoilt = places.get(name, project / name)
    flip(spoilt)
    mended = repair(project, verify(project))
    assert mended.report.faults == [] and mended.commands == []
    if name == "run":
        del right[spoilt.relative_to(project).as_posix()]
    assert state(project) == right
    assert "up to date" in run(project, "dvc", "status")
    assert len(list(project.glob("**/*.spoilt"))) == name.startswith(("data", "runs"))


def spoil_everywhere(project, name):
    """The output and the cache's copy of it: only a remote or the stage can help."""
    md5 = hashlib.md5((project / name).read_bytes()).hexdigest()
    flip(project / name)
    flip(versions.object_path(versions.cache_folder(project), md5))


def test_what_is_spoilt_everywhere_is_made_again_by_the_command_named(project):
    right = state(project)
    spoil_everywhere(project, "data/raw/text/deep/ü.bin")
    mended = repair(project, verify(project))
    assert mended.commands == ["dvc repro ingest@text"]
    assert mended.report.faults[0].found == "missing"
    run(project, "dvc", "repro", "ingest@text")
    assert state(project) == right and verify(project).faults == []


@pytest.mark.slow
def test_a_remote_gives_it_back(project, tmp_path):
    run(project, "dvc", "remote", "add", "-d", "store", str(tmp_path / "remote"))
    run(project, "dvc", "push", "-q")
    right = state(project)
    spoil_everywhere(project, "runs/toy/train/seed0/model/weights")
    mended = repair(project, verify(project))
    assert mended.report.faults == [] and mended.commands == []
    assert state(project) == right and (project / "ran.txt").read_text() == "grey text train "


def test_a_spoilt_download_goes_and_an_unknown_one_is_told(project):
    download = project / "data/downloads/toy/sample/toy.bin"
    (download.parent / "other.bin").write_bytes(b"x")
    (download.parent / ".other.bin.part").write_bytes(b"x")
    flip(download)
    report = verify(project)
    assert [(fault.path, fault.expected) for fault in report.faults] == [(download, making.sha(CONTENT))]
    assert report.unknown == [download.parent / "other.bin"]
    repair(project, report)
    assert not download.exists()


def test_a_download_without_published_digest_is_held_against_the_raw_set(project, monkeypatch):
    file = File("toy.bin", None, None, ("https://none.example/toy.bin",))
    entry = making.entry("idx", sources={"sample": making.source("idx", file)})
    monkeypatch.setattr(catalog, "CATALOG", {"toy": entry})
    assert [path.name for path in verify(project).unknown] == ["toy.bin"]
    slot = project / "data/raw/mine"
    slot.mkdir()
    (slot / "meta.json").write_text(json.dumps({"use": "toy@sample", "test": None}))
    (slot / "provenance.json").write_text(json.dumps([{"name": "toy.bin", "sha256": making.sha(CONTENT)}]))
    assert verify(project).unknown == [] and verify(project).faults == []
    flip(project / "data/downloads/toy/sample/toy.bin")
    assert [fault.what for fault in verify(project).faults] == [DOWNLOAD]


def test_files_that_came_or_went_and_outputs_that_are_not_here(project):
    (project / "data/raw/grey/more").write_bytes(b"x")
    (project / "data/raw/grey/train_x.npy").unlink()
    shutil.rmtree(project / "runs/toy/train")
    report = verify(project)
    assert {(fault.path.name, fault.found) for fault in report.faults} == {
        ("more", "not expected there"),
        ("train_x.npy", "missing"),
    }
    assert [out.stage for out in report.absent] == ["train"]


def test_a_lock_in_a_folder_of_its_own_with_another_working_directory(project):
    """Sets of experiments lie in folders whose stages work in the one above."""
    (project / "gallery").mkdir()
    shutil.move(project / "dvc.lock", project / "gallery/dvc.lock")
    stages = {name: {**stage} for name, stage in PIPELINE["stages"].items()}
    stages["ingest"]["do"] = {**stages["ingest"]["do"], "wdir": ".."}
    stages["train"]["wdir"] = ".."
    (project / "gallery/dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))
    (project / "dvc.yaml").unlink()
    outs = {out.path: out.stage for out in versions.outs(project)}
    assert outs[project / "data/raw/grey"] == "gallery/dvc.yaml:ingest@grey"
    flip(project / "data/raw/grey/train_x.npy")
    assert [fault.stage for fault in verify(project).faults] == ["gallery/dvc.yaml:ingest@grey"]


def test_outputs_changed_on_purpose_are_put_aside_never_deleted(project):
    right, slot = state(project), project / "data/raw/grey"
    for n in range(2):
        (slot / "deep/ü.bin").write_bytes(b"mine %d" % n)
        (slot / "notes.txt").write_text(f"mine {n}")
        (project / "runs/toy/train_time.json").write_text(f"mine {n}")
        mended = repair(project, verify(project))
        assert mended.report.faults == [] and mended.commands == [] and state(project) == right
    for n, end in enumerate(("spoilt", "spoilt1")):
        kept = slot.with_name(f"grey.{end}")
        assert (kept / "deep/ü.bin").read_bytes() == b"mine %d" % n
        assert (kept / "notes.txt").read_text() == f"mine {n}"
        assert (project / f"runs/toy/train_time.json.{end}").read_text() == f"mine {n}"
    assert f"{slot}/notes.txt: moved to {slot}.spoilt1/notes.txt" in mended.done


def test_an_output_that_is_a_link_into_the_cache_is_put_aside_with_its_content(project):
    output = project / "data/raw/grey/deep/ü.bin"
    md5 = hashlib.md5(output.read_bytes()).hexdigest()
    stored = versions.object_path(versions.cache_folder(project), md5)
    output.unlink()
    output.symlink_to(stored)
    stored.chmod(0o644)
    output.write_bytes(b"mine")
    assert repair(project, verify(project)).commands == ["dvc repro ingest@grey"]
    kept = project / "data/raw/grey.spoilt/deep/ü.bin"
    assert kept.read_bytes() == b"mine" and not kept.is_symlink() and not stored.exists()


def forbid(monkeypatch, *paths):
    """What a process without the permission meets, whoever runs the tests."""
    opened = Path.open

    def guarded(path, *args, **kwargs):
        if path in paths:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return opened(path, *args, **kwargs)

    monkeypatch.setattr(Path, "open", guarded)


@pytest.mark.parametrize("slot", ["grey", "text"])
def test_what_is_not_readable_is_told_and_left(project, monkeypatch, slot):
    cache, md5s = versions.cache_folder(project), {out.path: out.md5 for out in versions.outs(project)}
    listing = versions.object_path(cache, md5s[project / "data/raw" / slot])
    download, output = project / "data/downloads/toy/sample/toy.bin", project / "data/raw/grey/deep/ü.bin"
    flip(project / "data/raw/grey/train_x.npy")
    flip(project / "runs/toy/train_time.json")
    before, paths = state(project), (listing, download, output, versions.kept_runs(cache)[0])
    forbid(monkeypatch, *paths)
    report = verify(project)
    assert {fault.path for fault in report.faults if fault.unreadable} == set(paths)
    mended = repair(project, report)
    assert {fault.path for fault in mended.report.faults if fault.unreadable} == set(paths)
    for path in paths:
        assert f"{path}: not readable (Permission denied); left as it is" in mended.done
    monkeypatch.undo()
    assert all(state(project)[path.relative_to(project).as_posix()] == before[path.relative_to(project).as_posix()]
               for path in paths)  # fmt: skip
    assert (project / "runs/toy/train_time.json").read_text() == "{}"


def test_word_vectors_are_held_against_the_record_and_never_touched(project, tmp_path):
    """The record is the one that `prepare` writes."""
    vectors = tmp_path / "glove.txt"
    vectors.write_text("word 1 2\n")
    texts = Part([f"word {i}" for i in range(40)], np.arange(40) % 2)
    raw = making.raw_folder(tmp_path / "raw", "text", {"train": texts}, ("bad", "good"))
    prepare(raw, project / "data/prepared/plain", encoding=Encoding(min_count=1))
    assert verify(project).faults == []
    prepare(raw, project / "data/prepared/mine", encoding=Encoding(min_count=1, vectors=str(vectors)))
    assert verify(project).faults == []
    vectors.write_text("word 1 3\n")
    (fault,) = verify(project).faults
    before, now = making.sha(b"word 1 2\n"), making.sha(b"word 1 3\n")
    assert (fault.path, fault.what, fault.expected, fault.found) == (vectors, VECTORS, before, now)
    assert repair(project, verify(project)).report.faults == [fault] and vectors.read_text() == "word 1 3\n"
    vectors.unlink()
    assert [fault.found for fault in verify(project).faults] == ["missing"]
