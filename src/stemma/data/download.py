"""Streaming bytes into a file: hashed and counted on the way, shown as progress, renamed only when right."""

import hashlib
import logging
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from stemma.errors import StemmaError
from stemma.files import replacing

MAX_BYTES = 8 << 30
"""Limit of a download whose size is not known."""

log = logging.getLogger("stemma.data")


def save(chunks: Iterable[bytes], target: Path, *, sha256: str | None, size: int | None, declared: int | None) -> str:
    """Write `chunks` to `target` and return their SHA-256.

    Args:
        sha256: what it must be; None accepts anything.
        size: bytes that it must have; also the limit while they come.
        declared: bytes that the sender announced, for the progress bar alone.

    Raises:
        StemmaError: wrong digest, wrong size or too many bytes; then nothing is left behind.
    """
    limit, count, digest = size or MAX_BYTES, 0, hashlib.sha256()
    with (
        replacing(target) as temporary,
        temporary.open("wb") as file,
        progress(target.name, size or declared) as bar,
    ):
        for chunk in chunks:
            count += len(chunk)
            if count > limit:
                raise StemmaError(f"more than the expected {limit:,} bytes")
            digest.update(chunk)
            file.write(chunk)
            bar.advance(len(chunk))
        file.flush()
        if size is not None and count != size:
            raise StemmaError(f"{count:,} bytes instead of {size:,}")
        if sha256 is not None and digest.hexdigest() != sha256:
            raise StemmaError(f"SHA-256 is {digest.hexdigest()}, expected {sha256}{_page_hint(temporary)}")
    return digest.hexdigest()


def _page_hint(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(512).lstrip().lower()
    return " (it is an HTML page, not the data)" if start.startswith((b"<!doctype html", b"<html")) else ""


class Bar(Protocol):
    def advance(self, count: int) -> None: ...


@contextmanager
def progress(title: str, total: int | None) -> Iterator[Bar]:
    """A bar on a terminal; elsewhere a log line at every fifth of `total` bytes."""
    if not sys.stderr.isatty():
        yield _Lines(title, total)
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield _Rich(bar, bar.add_task(title, total=total))


class _Rich:
    def __init__(self, bar: "object", task: int) -> None:
        self.bar, self.task = bar, task

    def advance(self, count: int) -> None:
        self.bar.advance(self.task, count)  # type: ignore[attr-defined]


class _Lines:
    def __init__(self, title: str, total: int | None) -> None:
        self.title, self.step, self.count = title, max((total or 0) // 5, 10 << 20), 0

    def advance(self, count: int) -> None:
        before, self.count = self.count, self.count + count
        if before // self.step != self.count // self.step:
            log.info("%s: %.1f MB", self.title, self.count / 1e6)
