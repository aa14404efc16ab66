"""What DVC keeps: the outputs of every dvc.lock, and the objects of its cache, which are named by their MD5.

Formats of DVC 3: `files/md5/ab/cdef...` holds a file's bytes or, where the name ends in `.dir`, the JSON list of a
folder's files; `runs/ab/KEY/VALUE` holds the lock of a stage that was run, VALUE being the SHA-256 of its content
without the sizes in it (which DVC does not rely on).
"""

import hashlib
import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from stemma.dvc import COMMAND
from stemma.errors import StemmaError

DIR = ".dir"
MALFORMED = "malformed"
LOCKS = ("dvc.lock", "[!.]*/dvc.lock", "[!.]*/[!.]*/dvc.lock")
NAME = re.compile(r"[0-9a-f]{30}(\.dir)?")

Listing = dict[str, str]
"""Path within a folder -> MD5 of the file there."""


@dataclass(frozen=True)
class Out:
    """An output as dvc.lock has it; `md5` ends in `.dir` for a folder, `stage` is its address for `dvc repro`."""

    stage: str
    path: Path
    md5: str


def outs(root: Path) -> list[Out]:
    """The outputs of every dvc.lock below `root`, at most two folders deep.

    Raises:
        StemmaError: a dvc.lock is not readable.
    """
    return [out for pattern in LOCKS for lock in sorted(root.glob(pattern)) for out in _of_lock(root, lock)]


def _of_lock(root: Path, lock: Path) -> Iterator[Out]:
    stages, pipeline = _stages(lock), lock.with_name("dvc.yaml")
    written = _stages(pipeline) if pipeline.is_file() else {}
    where = "" if lock.parent == root else f"{pipeline.relative_to(root)}:"
    for name, stage in stages.items():
        definition = written.get(name) or written.get(name.partition("@")[0]) or {}
        folder = lock.parent / definition.get("do", definition).get("wdir", ".")
        for out in stage.get("outs", []):
            if "md5" in out:
                yield Out(where + name, _plain(folder / out["path"]), out["md5"])


def _plain(path: Path) -> Path:
    """`path` without `..`, links left as they are."""
    parts: list[str] = []
    for part in path.parts:
        parts = parts[:-1] if part == ".." and parts else [*parts, part]
    return Path(*parts)


def _stages(path: Path) -> dict[str, Any]:
    try:
        return dict((_load(path) or {}).get("stages") or {})
    except (yaml.YAMLError, UnicodeDecodeError, AttributeError, ValueError) as error:
        line = str(error).splitlines()[0]
        raise StemmaError(f"{path}: not readable ({line}); `git checkout {path.name}` brings it back") from None


def _load(path: Path) -> Any:
    """As `yaml.safe_load`, by libyaml where it is there, which takes a tenth of the time."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(path.read_text(encoding="utf-8"), Loader=loader)  # noqa: S506


def dvc(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, "--wait-for-lock", *words]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)  # noqa: S603


def cache_folder(root: Path) -> Path | None:
    """Where DVC's cache lies, wherever its settings put it; None where `root` is no DVC project."""
    settings = _settings(root)
    return None if settings is None else Path(settings["cache"].get("dir") or root / ".dvc/cache")


def has_remote(root: Path) -> bool:
    return bool((_settings(root) or {}).get("remote"))


def _settings(root: Path) -> dict[str, Any] | None:
    """DVC's settings of the project, the user and the machine as one."""
    from dvc.config import Config, ConfigError

    if not (root / ".dvc").is_dir():
        return None
    try:
        return dict(Config(str(root / ".dvc")))
    except ConfigError as error:
        raise StemmaError(f"{root / '.dvc/config'}: {error}") from None


def objects(cache: Path) -> dict[str, Path]:
    """MD5 (with `.dir` for a folder's list) -> the object's path."""
    found = (cache / "files/md5").glob("[0-9a-f][0-9a-f]/*")
    return {path.parent.name + path.name: path for path in sorted(found) if NAME.fullmatch(path.name)}


def object_path(cache: Path, md5: str) -> Path:
    return cache / "files/md5" / md5[:2] / md5[2:]


def kept_runs(cache: Path) -> list[Path]:
    return sorted(path for path in (cache / "runs").glob("*/*/*") if re.fullmatch(r"[0-9a-f]{64}", path.name))


def run_digest(path: Path) -> str:
    """SHA-256 of a kept run as DVC takes it, or `MALFORMED`.

    Raises:
        OSError: it is not readable.
    """

    def bare(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: bare(each) for key, each in value.items() if key not in ("size", "nfiles")}
        return [bare(each) for each in value] if isinstance(value, list) else value

    try:
        content = _load(path)
        return hashlib.sha256(json.dumps(bare(content), sort_keys=True).encode()).hexdigest()
    except (yaml.YAMLError, UnicodeDecodeError, TypeError, ValueError):
        return MALFORMED


def read_listing(path: Path) -> Listing:
    return {entry["relpath"]: entry["md5"] for entry in json.loads(path.read_bytes())}


def list_bytes(listing: Listing) -> bytes:
    """The content of a folder's `.dir` object; its MD5 is the folder's."""
    return json.dumps([{"md5": listing[name], "relpath": name} for name in sorted(listing)]).encode()
