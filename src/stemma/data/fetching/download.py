"""Bytes on their way into a file: hashed and counted while they are written, renamed only when right.

What has come of a download lies in `.NAME.part` beside it, so that a later run goes on from there.
"""

import fcntl
import hashlib
import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from stemma.errors import StemmaError
from stemma.files import CHUNK, Unwritable, replacing

log = logging.getLogger("stemma.data")


class Part:
    """The bytes so far of the download `target`, in a file that this process alone holds.

    Attributes:
        count: bytes so far.
        resumed: some of them came in an earlier run or connection, so that a wrong digest may be their fault.
        etag: the sender's mark of the content that they belong to, if it gave a strong one.
    """

    def __init__(self, target: Path, file: BinaryIO) -> None:
        self.target, self.file = target, file
        self.path, self.etag = Path(file.name), ""
        self.count, self.digest, self.resumed = 0, hashlib.sha256(), False
        file.seek(0)
        while chunk := file.read(CHUNK):
            self.digest.update(chunk)
            self.count += len(chunk)
            self.resumed = True

    def add(self, chunk: bytes) -> None:
        with _writing(self.target):
            _write(self.file, chunk)
        self.digest.update(chunk)
        self.count += len(chunk)

    def restart(self) -> None:
        """Forget what has come."""
        self.file.truncate(0)
        self.count, self.digest, self.resumed = 0, hashlib.sha256(), False

    def check(self, sha256: str | None, size: int | None) -> None:
        """Raise the `StemmaError` for bytes that are not those expected; None accepts anything."""
        self.file.seek(0)
        check(self.digest.hexdigest(), self.count, sha256, size, self.file.read(512))

    def finish(self) -> None:
        """Put the bytes in their place."""
        with _writing(self.target):
            os.fsync(self.file.fileno())
            self.path.chmod(0o644)
            self.path.replace(self.target)


@contextmanager
def part(target: Path) -> Iterator[Part]:
    """The part of `target`, held until the block ends; another process that wants it waits. An empty one goes."""
    with _writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        file = _locked(target.with_name(f".{target.name}.part"))
    with file:
        held = Part(target, file)
        try:
            yield held
        except Unwritable:
            held.restart()
            raise
        finally:
            if os.fstat(file.fileno()).st_size == 0 and _is_at(file, held.path):
                held.path.unlink()


def _locked(path: Path) -> BinaryIO:
    """`path` open for appending under an exclusive lock; unbuffered, so that a kill loses nothing."""
    while True:
        file = path.open("a+b", buffering=0)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.info("%s: waiting for the process that fetches it", path)
            fcntl.flock(file, fcntl.LOCK_EX)
        if _is_at(file, path):
            return file
        file.close()


def _is_at(file: BinaryIO, path: Path) -> bool:
    """True if `path` still leads to the open `file`: its holder may have renamed or removed it."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def save(chunks: Iterable[bytes], target: Path, *, sha256: str | None, size: int | None) -> str:
    """Write `chunks`, which are at hand, to `target` and return their SHA-256.

    Raises:
        StemmaError: another digest or size than these, or the disk is full; then nothing is left behind.
    """
    count, digest, start = 0, hashlib.sha256(), b""
    with _writing(target), replacing(target) as temporary:
        with temporary.open("wb") as file:
            for chunk in chunks:
                start = start or bytes(chunk[:512])
                file.write(chunk)
                digest.update(chunk)
                count += len(chunk)
        check(digest.hexdigest(), count, sha256, size, start)
    return digest.hexdigest()


def check(found: str, count: int, sha256: str | None, size: int | None, start: bytes) -> None:
    """Raise the `StemmaError` for a digest or number of bytes other than expected (None: anything will do)."""
    hint = " (it is an HTML page, not the data)" if is_page(start) else ""
    if size is not None and count != size:
        raise StemmaError(f"{count:,} bytes instead of {size:,}{hint}")
    if sha256 is not None and found != sha256:
        raise StemmaError(f"SHA-256 is {found}, expected {sha256}{hint}")
    if hint and sha256 is None:
        raise StemmaError("it is an HTML page, not the data")


def is_page(start: bytes) -> bool:
    return start.lstrip().lower().startswith((b"<!doctype html", b"<html"))


def _write(file: BinaryIO, chunk: bytes) -> None:
    """All of `chunk`: an unbuffered file may take less at a time."""
    view = memoryview(chunk)
    while view:
        view = view[file.write(view) :]


@contextmanager
def _writing(target: Path) -> Iterator[None]:
    """Whatever the disk says is its own fault, not the sender's: another address cannot help."""
    try:
        yield
    except OSError as error:
        raise Unwritable(target, error.strerror or str(error)) from None
