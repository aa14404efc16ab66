"""Folders that appear as a whole: what a full disk, a kill and a second process do to them."""

import errno
import os
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import making
import numpy as np
import pytest

from stemma.data.folder import replacing_folder, temporary_folder
from stemma.data.ingest import ingest
from stemma.data.preparation.prepare import prepare
from stemma.errors import StemmaError
from stemma.files import Unwritable, replacing, write_text

FULL = os.strerror(errno.ENOSPC)


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 256 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)]
    try:
        mounted = subprocess.run(words, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("no command mount")
    if mounted.returncode:
        pytest.skip(f"mounting is refused: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def where_files_may_not_grow(block):
    """What `block` says in a process of its own whose files may have 20,000 bytes (this one's output may have more)."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        said = ""
        try:
            block()
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        os.write(writer, said.encode())
        os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader) as said:
        return said.read()


def sources(tmp_path):
    """Images whose raw set takes 470 kB, and texts of 600 kB that compress badly."""
    making.mnist_folder(tmp_path / "mnist", train=500, test=100)
    random = np.random.default_rng(0)
    lines = [f"{random.bytes(300).hex()},{i % 2}" for i in range(1000)]
    (tmp_path / "t.csv").write_text("\n".join(["text,label", *lines]))
    return [f"mnist@{tmp_path}/mnist", f"csv@{tmp_path}/t.csv"]


def check_refused(target, reason, block):
    """`block` ends in the one error that names `target`, which stays as it was, with nothing beside it."""
    before = sorted(path.name for path in target.parent.iterdir())
    with pytest.raises(StemmaError, match=f"^{re.escape(str(target))}: cannot be written: {reason}$"):
        block()
    assert sorted(path.name for path in target.parent.iterdir()) == before


def test_ingest_on_a_full_disk(small_disk, tmp_path):
    (small_disk / "raw").mkdir()
    (small_disk / "raw/mine").write_text("kept")
    for use in sources(tmp_path):
        check_refused(small_disk / "raw", FULL, lambda use=use: ingest(use, small_disk / "raw"))
        assert (small_disk / "raw/mine").read_text() == "kept"


def test_prepare_on_a_full_disk(small_disk, tmp_path):
    for n, use in enumerate(sources(tmp_path)):
        ingest(use, tmp_path / f"raw{n}")
        check_refused(small_disk / "out", FULL, lambda n=n: prepare(tmp_path / f"raw{n}", small_disk / "out"))


def test_ingest_and_prepare_where_files_may_not_grow(tmp_path):
    uses = sources(tmp_path)
    for n, use in enumerate(uses):
        ingest(use, tmp_path / f"raw{n}")
    before = sorted(path.name for path in tmp_path.iterdir())
    reason = f"({os.strerror(errno.EFBIG)}|{FULL})"
    for n, use in enumerate(uses):
        blocks = {
            "raw": lambda use=use: ingest(use, tmp_path / "raw"),
            "out": lambda n=n: prepare(tmp_path / f"raw{n}", tmp_path / "out"),
        }
        for name, block in blocks.items():
            said = where_files_may_not_grow(block)
            assert re.fullmatch(f"Unwritable: {re.escape(str(tmp_path / name))}: cannot be written: {reason}", said)
            assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_numpy_says_a_full_disk_in_its_own_words(small_disk):
    """Should numpy give the number of the error one day, this test says so."""
    with pytest.raises(OSError, match=r"\d+ requested and \d+ written") as error:
        np.save(small_disk / "a.npy", np.zeros(10**6))
    assert error.value.errno is None

    def block():
        with replacing_folder(small_disk / "out") as folder:
            np.save(folder / "a.npy", np.zeros(10**6))

    (small_disk / "a.npy").unlink()
    check_refused(small_disk / "out", FULL, block)


@pytest.mark.parametrize("number", [errno.EDQUOT, errno.EROFS, errno.EACCES])
def test_other_refusals_of_a_disk(tmp_path, number):
    def block():
        with replacing_folder(tmp_path / "out") as folder:
            raise OSError(number, "x", str(folder / "file"))

    check_refused(tmp_path / "out", os.strerror(number), block)


def test_a_file_elsewhere_is_named_and_other_errors_pass(tmp_path):
    def block():
        with replacing_folder(tmp_path / "out"):
            raise PermissionError(errno.EACCES, "x", "/srv/images")

    check_refused(tmp_path / "out", r"Permission denied \(/srv/images\)", block)
    refused = StemmaError("/srv/images: not readable")
    refused.__context__ = PermissionError(errno.EACCES, "x", "/srv/images")
    for error in (refused, OSError(errno.EIO, "x"), OSError("cannot identify image"), KeyError("x")):
        with pytest.raises(type(error)) as found, replacing_folder(tmp_path / "out"):
            raise error
        assert found.value is error and not list(tmp_path.iterdir())


def test_an_error_about_another_target_keeps_its_name(tmp_path):
    with pytest.raises(Unwritable, match=r"^b: cannot be written: full$"), replacing_folder(tmp_path / "a"):
        raise Unwritable(Path("b"), "full")


def test_a_single_file_on_a_full_disk(small_disk):
    write_text(small_disk / "a.txt", "kept")
    check_refused(small_disk / "a.txt", FULL, lambda: write_text(small_disk / "a.txt", "x" * 10**6))
    assert (small_disk / "a.txt").read_text() == "kept"
    with replacing(small_disk / "a.txt") as path:
        path.write_text("new")
    assert (small_disk / "a.txt").read_text() == "new"


WAITING = """
import sys, time
from pathlib import Path
from stemma.data.folder import replacing_folder, temporary_folder
target = Path(sys.argv[1])
with replacing_folder(target) as folder, temporary_folder(target) as scratch:
    (folder / "x").write_text("theirs")
    (scratch / "y").write_text("theirs")
    print("ready", flush=True)
    sys.stdin.readline()
    assert (scratch / "y").read_text() == "theirs"
"""


def held_by_another(target):
    words = [sys.executable, "-c", WAITING, str(target)]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    return process


def test_what_a_killed_process_left_goes_with_the_next_one(tmp_path):
    process = held_by_another(tmp_path / "s")
    other = held_by_another(tmp_path / "s.x")
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert len(list(tmp_path.glob(".s.*"))) == 4
    (tmp_path / ".s.mine").mkdir()
    (tmp_path / ".s.abcdefgh").write_text("a file")
    making.mnist_folder(tmp_path / "mnist")
    ingest(f"mnist@{tmp_path}/mnist", tmp_path / "s")
    left = sorted(path.name for path in tmp_path.iterdir() if not path.name.startswith(".s.x."))
    assert left == [".s.abcdefgh", ".s.mine", "mnist", "s"] and len(list(tmp_path.glob(".s.x.*"))) == 2
    other.communicate("go on\n")
    assert other.returncode == 0 and (tmp_path / "s.x/x").read_text() == "theirs"


def test_a_living_process_keeps_its_own(tmp_path):
    process = held_by_another(tmp_path / "s")
    with replacing_folder(tmp_path / "s") as folder, temporary_folder(tmp_path / "s"):
        (folder / "x").write_text("mine")
    assert (tmp_path / "s/x").read_text() == "mine"
    process.communicate("go on\n")
    assert process.returncode == 0 and (tmp_path / "s/x").read_text() == "theirs"
    assert [path.name for path in tmp_path.iterdir()] == ["s"]


MANY = """
import sys
from pathlib import Path
from stemma.data.folder import temporary_folder
for _ in range(100):
    with temporary_folder(Path(sys.argv[1])) as folder:
        (folder / "x").write_text("x")
        assert (folder / "x").read_text() == "x"
"""


def test_many_at_once_never_lose_a_folder(tmp_path):
    words = [sys.executable, "-c", MANY, str(tmp_path / "s")]
    processes = [subprocess.Popen(words, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    end = time.monotonic() + 60
    for process in processes:
        _, said = process.communicate(timeout=end - time.monotonic())
        assert process.returncode == 0, said
    assert list(tmp_path.iterdir()) == []
