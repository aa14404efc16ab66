"""Folders that appear as a whole: written beside the target, then put in its place."""

import fcntl
import hashlib
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stemma.errors import StemmaError
from stemma.files import Unwritable, sha256, writing

LOCK = "lock"


@contextmanager
def replacing_folder(target: Path) -> Iterator[Path]:
    """Yield an empty folder beside `target` that replaces `target` when the block succeeds.

    Raises:
        Unwritable: the disk is full, read-only or forbidden; `target` is as it was and nothing is left behind.
    """
    try:
        with writing(target), temporary_folder(target) as temporary:
            yield temporary
            temporary.chmod(0o755)
            shutil.rmtree(target, ignore_errors=True)
            temporary.replace(target)
    except Unwritable as error:
        ours = any(_is_temporary(path, target) for path in error.path.parents)
        raise Unwritable(target, error.reason) if ours else error from None


@contextmanager
def temporary_folder(target: Path) -> Iterator[Path]:
    """Yield an empty folder beside `target` that goes with the block; what killed processes left there goes first.

    It lies in a folder with a file that is locked as long as the process lives. The outer folder has the name under
    which others look for what is stale only once the lock is held.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    for folder in target.parent.iterdir():
        if _is_temporary(folder, target) and folder.is_dir():
            _remove_stale(folder)
    made = Path(tempfile.mkdtemp(dir=target.parent, prefix=".new-"))
    held = target.with_name(f".{target.name}.{made.name.removeprefix('.new-')}")
    try:
        with (made / LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            inner = made.rename(held) / target.name
            inner.mkdir()
            yield inner
    finally:
        shutil.rmtree(made, ignore_errors=True)
        shutil.rmtree(held, ignore_errors=True)


def _is_temporary(path: Path, target: Path) -> bool:
    name = rf"\.{re.escape(target.name)}\.[a-z0-9_]{{8}}"
    return path.parent == target.parent and re.fullmatch(name, path.name) is not None


def _remove_stale(folder: Path) -> None:
    """Remove `folder` unless a living process holds its lock, or it is gone or another user's."""
    try:
        with (folder / LOCK).open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
    except (BlockingIOError, FileNotFoundError, PermissionError):
        return


def content_digest(path: Path) -> str:
    """SHA-256 of a file, or of the names and contents below a folder (hidden files left out).

    Raises:
        StemmaError: there is nothing at `path`.
    """
    if path.is_file():
        return sha256(path)
    if not path.is_dir():
        raise StemmaError(f"{path}: no such file or folder")
    digest = hashlib.sha256()
    for file in files_under(path):
        digest.update(f"{file.relative_to(path).as_posix()}\0{sha256(file)}\n".encode())
    return digest.hexdigest()


def files_under(folder: Path) -> list[Path]:
    """Regular files under `folder` in the order of their names, hidden ones left out."""
    found = (f for f in folder.rglob("*") if not any(p.startswith(".") for p in f.relative_to(folder).parts))
    return sorted((f for f in found if f.is_file()), key=lambda f: f.relative_to(folder).as_posix())
