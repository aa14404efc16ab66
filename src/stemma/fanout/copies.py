"""Copies of the project in which workers reproduce."""

import os
import shutil
from pathlib import Path

from stemma.fanout.command import dvc
from stemma.files import write_text

CONTENT = ("dvc.yaml", "params.yaml", ".dvcignore", "src", "pipelines")
"""What stages read that no stage writes."""
SHARED = ("checkpoints", "logs")
"""Folders that are those of the project: a training goes on where any worker's was killed."""
LINKS = "reflink,hardlink,symlink,copy"
CONFIG = f"""[core]
    no_scm = true
    analytics = false
    autostage = false
    check_update = false
    remote = none
['remote "none"']
    url = none
[cache]
    dir = {{cache}}
    type = "{LINKS}"
"""
"""The only remote is an empty folder: DVC asks one even for what the cache holds."""


def copy_project(project: Path, copy: Path) -> None:
    """Make `copy` anew from the project, without outputs: DVC brings those that a stage needs, as links."""
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir(parents=True)
    for name in CONTENT:
        if (project / name).is_dir():
            shutil.copytree(project / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif (project / name).is_file():
            shutil.copy(project / name, copy / name)


def share_folders(project: Path, copy: Path) -> None:
    """Let the copy note states and logs where the project does."""
    for name in SHARED:
        (project / name).mkdir(exist_ok=True)
        (copy / name).symlink_to((project / name).resolve())


def write_config(copy: Path, cache: Path) -> None:
    """Make the copy a project of DVC's own, without Git, with the cache that it shares."""
    (copy / ".dvc").mkdir(exist_ok=True)
    write_text(copy / ".dvc/config", CONFIG.format(cache=cache))


def cache_of(project: Path) -> Path:
    """The folder of the project's DVC cache."""
    return Path(dvc("cache", "dir", told=False, folder=project).strip())


def environment(copy: Path, **more: str) -> dict[str, str]:
    """That of this process, with the copy's own code and `more`."""
    path = os.pathsep.join(filter(None, [str(copy / "src"), os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, "PYTHONPATH": path, **more}
