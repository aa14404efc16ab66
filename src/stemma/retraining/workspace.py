"""The worktree that a retraining works in: one a project, `build/retrain`, and one retraining in it at a time."""

import fcntl
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from stemma.config import Config
from stemma.data import catalog
from stemma.errors import StemmaError
from stemma.retraining.process import Commands, Done
from stemma.tracking import tracking_uri

FOLDER = Path("build/retrain")
DOWNLOADS = Path("data/downloads")


@contextmanager
def alone(project: Path, wait: bool) -> Iterator[int]:
    """Hold the project's lock; its descriptor goes to every command, so that orphans of a killed one hold it too.

    Raises:
        StemmaError: another retraining is at work and this one is not to `wait`.
    """
    path = project / f"{FOLDER}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            who = file.read().strip() or "one that just began"
            if not wait:
                raise StemmaError(f"another retraining is at work here ({who}); --wait waits for it") from None
            print(f"waiting for another retraining ({who})", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate(0)
        file.write(f"process {os.getpid()}\n")
        file.flush()
        yield file.fileno()


def environment(project: Path, given: Mapping[str, str]) -> dict[str, str]:
    """That of the workspace's commands: its own code, this interpreter, and the project's MLflow store."""
    folder = project / FOLDER
    return {
        **given,
        "PYTHONPATH": os.pathsep.join(filter(None, [str(folder / "src"), given.get("PYTHONPATH", "")])),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), given.get("PATH", os.defpath)]),
        "MLFLOW_TRACKING_URI": tracking_uri(),
    }


def prepare(project: Path, checkout: Commands, inside: Commands, commit: str, known: dict[str, str]) -> None:
    """Bring the workspace to `commit`, with the project's DVC cache, downloads and `known` remotes (name -> address).

    What Git ignores stays: checkpoints of a training that was killed, logs, data.
    """
    folder = project / FOLDER
    if not (folder / ".git").is_file():
        checkout.git("worktree", "prune")
        _done(checkout.git("worktree", "add", "--force", "--detach", str(folder), commit), "worktree")
    inside.git("reset", "--quiet", "--hard")
    _done(inside.git("checkout", "--quiet", "--force", "--detach", commit), "checkout")
    inside.git("clean", "--quiet", "-d", "--force")
    _share_downloads(project, folder)
    _share_cache(project, folder, checkout, inside, known)


def _done(done: Done, what: str) -> None:
    if done.code:
        raise StemmaError(f"{FOLDER}: {what} failed ({done.reason()})")


def _share_downloads(project: Path, folder: Path) -> None:
    """`data/downloads` lies outside DVC; the workspace sees the project's."""
    (project / DOWNLOADS).mkdir(parents=True, exist_ok=True)
    link = folder / DOWNLOADS
    link.parent.mkdir(parents=True, exist_ok=True)
    if not link.exists():
        link.symlink_to((project / DOWNLOADS).resolve(), target_is_directory=True)


def lend(project: Path, checked: Config) -> None:
    """Links to data of slots that lie in the project beside Git, such as `incoming/reviews.csv`."""
    for slot in checked.datasets.values():
        for use in filter(None, [slot.use, slot.test]):
            source = catalog.parse(use)[1]
            here, there = project / source, project / FOLDER / source
            if here.exists() and not there.exists() and not catalog.is_url(source):
                there.parent.mkdir(parents=True, exist_ok=True)
                there.symlink_to(here, target_is_directory=here.is_dir())


def _share_cache(project: Path, folder: Path, checkout: Commands, inside: Commands, known: dict[str, str]) -> None:
    """The project's own DVC settings with its secrets, its cache, and its remotes where they are folders."""
    own, local = project / ".dvc/config.local", folder / ".dvc/config.local"
    local.parent.mkdir(parents=True, exist_ok=True)
    local.unlink(missing_ok=True)
    if own.is_file():
        local.touch(mode=0o600)
        local.write_bytes(own.read_bytes())
    inside.dvc("config", "--local", "cache.dir", checkout.dvc("cache", "dir").lines[-1])
    for name, address in known.items():
        if not urlsplit(address).scheme:
            inside.dvc("remote", "modify", "--local", name, "url", str(Path(address).resolve()))


def remotes(commands: Commands) -> dict[str, str]:
    """DVC's remotes: name -> address, credentials left out."""
    rows = [line.split() for line in commands.dvc("remote", "list").lines]
    return {row[0]: row[1] for row in rows if len(row) > 1}
