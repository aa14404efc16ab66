"""Folders that appear as a whole: written beside the target, then put in its place."""

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stemma.errors import StemmaError
from stemma.files import sha256


@contextmanager
def replacing_folder(target: Path) -> Iterator[Path]:
    """Yield an empty folder beside `target` that replaces `target` when the block succeeds."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        yield temporary
        temporary.chmod(0o755)
        shutil.rmtree(target, ignore_errors=True)
        temporary.replace(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


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
