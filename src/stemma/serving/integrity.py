"""Digests of what a package holds: written when it is made, checked before anything of it is read."""

from collections.abc import Mapping
from pathlib import Path

from stemma.errors import StemmaError
from stemma.files import sha256

Digests = Mapping[str, str]
"""SHA-256 by path, as POSIX text relative to a folder."""


def digests(folder: Path, within: str = "") -> dict[str, str]:
    """Of every file below `folder`, under paths that begin with `within`; Python's own caches are left out."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {f"{within}{path.relative_to(folder).as_posix()}": sha256(path) for path in files}


def check(found: Digests, expected: Digests, what: str) -> None:
    """That `found` is what was `expected`, no file more and none less.

    Raises:
        StemmaError: naming `what` and the first file that is missing, was added or has changed.
    """
    for name in sorted({*found, *expected}):
        if found.get(name) != expected.get(name):
            happened = "missing" if name not in found else "added" if name not in expected else "changed"
            raise StemmaError(f"{what}: refused, {name} was {happened} since it was packaged")
