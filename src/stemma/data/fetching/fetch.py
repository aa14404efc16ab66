"""The files of a source, checked and kept in data/downloads; one whose digest holds is not fetched again."""

import logging
from pathlib import Path
from typing import Any

from stemma.data.entry import File
from stemma.data.fetching import archive, download, registry
from stemma.data.fetching.download import Part
from stemma.data.fetching.transfer import Link, client, shown, transfer
from stemma.errors import StemmaError
from stemma.files import CHUNK, Unwritable, sha256

DOWNLOADS = Path("data/downloads")

log = logging.getLogger("stemma.data")


def fetch(
    files: tuple[File, ...], folder: Path, *, allow_unverified: bool = False, offline: bool = False
) -> dict[str, Path]:
    """The `files` by name as paths in `folder`, fetched where they are missing or differ.

    Args:
        offline: open no connection.

    Raises:
        StemmaError: a digest is unknown and not waived; no address gave the right bytes, and each is listed with
            what was wrong; the disk is full; or a file is missing and `offline`, and each is listed with its place.
    """
    for file in files:
        if file.sha256 is None and not allow_unverified:
            raise StemmaError(
                f"{file.name} from {_place(file)}: its SHA-256 is not known, so it cannot be checked; "
                "give `digest` or set `allow_unverified: true`"
            )
    missing = [file for file in files if not holds(folder / file.name, file)]
    if missing and offline:
        lines = "; ".join(f"{folder / file.name} ({_told(file)})" for file in missing)
        raise StemmaError(f"offline, and not here or not as expected: {lines}")
    if missing:
        with client() as session:
            for wanted in _by_container(missing):
                _bring(session, wanted, folder)
    return {file.name: folder / file.name for file in files}


def holds(path: Path, file: File) -> bool:
    """True if `path` is there with the digest of `file` (any content, where none is known)."""
    return path.is_file() and (file.sha256 is None or sha256(path) == file.sha256)


def _told(file: File) -> str:
    """Size and origin of `file` in words."""
    size = f"{file.bytes:,} bytes" if file.bytes else "size unknown"
    return f"{size} from {_place(file)}"


def _place(file: File) -> str:
    """Package or addresses of `file`, and the member of it."""
    member = f": {file.member}" if file.member else ""
    return f"{file.package or ' or '.join(map(shown, file.urls))}{member}"


def _by_container(files: list[File]) -> list[list[File]]:
    """The files in groups that one download brings: those of an archive or package together, others alone."""
    groups: dict[tuple[str, tuple[str, ...], str], list[File]] = {}
    for file in files:
        groups.setdefault((file.package, file.urls, "" if file.member else file.name), []).append(file)
    return list(groups.values())


def _bring(session: Any, wanted: list[File], folder: Path) -> None:
    """Bring `wanted`, the members of one container or a file that stands alone, from the first place that is right."""
    package, failures = wanted[0].package, list[str]()
    links = registry.links(package, failures) if package else (Link(session, url) for url in wanted[0].urls)
    for link in links:
        try:
            _from(link, wanted, folder)
            return
        except Unwritable:
            raise
        except StemmaError as error:
            log.warning("%s: %s", shown(link.url), error)
            failures.append(f"{shown(link.url)}: {error}")
    raise StemmaError(
        f"{package or wanted[0].name}: could not be fetched; {'; '.join(failures) or 'no address is known'}"
    )


def _from(link: Link, wanted: list[File], folder: Path) -> None:
    """Bring `wanted` from one place; a download in several pieces that proves wrong is fetched whole once."""
    first = wanted[0]
    name, sha, size = (link.name, link.sha256, None) if first.member else (first.name, first.sha256, first.bytes)
    checked = sha is not None or all(file.sha256 for file in wanted)
    with download.part(folder / name) as part:
        wanted = [file for file in wanted if not holds(folder / file.name, file)]
        if not wanted:  # brought by another process, or what the place before had
            return
        for last in (False, True):
            transfer(link, part, size, checked=checked)
            try:
                part.check(sha, size)
                _unpack(part, wanted, folder) if first.member else part.finish()
                return
            except StemmaError as error:
                pieced = part.resumed
                part.restart()
                if last or not pieced or isinstance(error, Unwritable):
                    raise


def _unpack(part: Part, wanted: list[File], folder: Path) -> None:
    """Write the wanted members of the archive `part` to `folder`, each checked first; the archive goes."""
    remaining = {file.member: file for file in wanted}

    def match(name: str) -> str | None:
        return next((m for m in remaining if name == m or name.endswith("/" + m)), None)

    for name, _, content in archive.open_members(part.path, lambda name: match(name) is not None):
        file = remaining.pop(match(name) or "")
        chunks = iter(lambda content=content: content.read(CHUNK), b"")  # type: ignore[misc]
        download.save(chunks, folder / file.name, sha256=file.sha256, size=file.bytes)
        if not remaining:
            part.restart()
            return
    raise StemmaError(f"the archive holds no member {', '.join(remaining)}")
