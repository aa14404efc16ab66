"""How far a transfer has come: a bar on a terminal, a line now and then elsewhere."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

log = logging.getLogger("stemma.data")


class Bar(Protocol):
    def advance(self, count: int) -> None: ...


@contextmanager
def progress(title: str, total: int | None, done: int = 0) -> Iterator[Bar]:
    """A bar that starts at `done` of `total` bytes; without a terminal a log line at every fifth of them."""
    if not sys.stderr.isatty():
        yield _Lines(title, total, done)
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield _Rich(bar, bar.add_task(title, total=total, completed=done))


class _Rich:
    def __init__(self, bar: "object", task: int) -> None:
        self.bar, self.task = bar, task

    def advance(self, count: int) -> None:
        self.bar.advance(self.task, count)  # type: ignore[attr-defined]


class _Lines:
    def __init__(self, title: str, total: int | None, done: int) -> None:
        self.title, self.step, self.count = title, max((total or 0) // 5, 10 << 20), done

    def advance(self, count: int) -> None:
        before, self.count = self.count, self.count + count
        if before // self.step != self.count // self.step:
            log.info("%s: %.1f MB", self.title, self.count / 1e6)
