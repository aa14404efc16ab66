"""Where a source's bytes lie, which reader understands them, and a line of provenance a file."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from stemma.data import catalog
from stemma.data.entry import DatasetEntry, File
from stemma.data.fetching.fetch import fetch
from stemma.data.fetching.transfer import shown
from stemma.data.folder import content_digest, files_under
from stemma.errors import StemmaError
from stemma.files import sha256

LISTED = 100
"""A folder of more files has one line in the provenance, its digest over all of them."""


@dataclass(frozen=True)
class Origin:
    """`path` is the one file of the source, or the folder of its files; `reader` a key of `READERS`."""

    path: Path
    reader: str
    provenance: list[dict[str, Any]]


def locate(
    entry: DatasetEntry,
    source: str,
    digest: str | None,
    allow_unverified: bool,
    downloads: Path,
    offline: bool = False,
) -> Origin:
    """Bring the bytes of `source` here if they are not, checked against their digests.

    Raises:
        StemmaError: they cannot be had, or are not what they should be.
    """
    folder = place(entry, source, downloads)
    if source in entry.sources:
        known = entry.sources[source]
        if not known.files:
            return Origin(folder, known.reader, [{"name": source, "address": "generated", **known.options}])
        return _fetched(known.files, folder, known.reader, allow_unverified, offline)
    if catalog.is_url(source):
        return _fetched(_at(entry, source, digest), folder, entry.path_reader, allow_unverified, offline)
    return _path(entry, source, digest)


def place(entry: DatasetEntry, source: str, downloads: Path) -> Path:
    """The folder for what is fetched of `source`: by its name, an address by its hash."""
    known = source in entry.sources
    return downloads / entry.name / (source if known else hashlib.sha256(source.encode()).hexdigest()[:16])


def _fetched(files: tuple[File, ...], folder: Path, reader: str, allow_unverified: bool, offline: bool) -> Origin:
    paths = fetch(files, folder, allow_unverified=allow_unverified, offline=offline)
    lines = [{"name": f.name, "address": _address(f), **_facts(paths[f.name])} for f in files]
    return Origin(folder if len(files) > 1 else paths[files[0].name], reader, lines)


def _at(entry: DatasetEntry, url: str, digest: str | None) -> tuple[File, ...]:
    """The published files under an address that ends in `/` (a mirror), else the one file there."""
    published = entry.sources.get("canonical")
    if url.endswith("/") and published:
        return tuple(File(f.name, f.sha256, f.bytes, (url + f.name,)) for f in published.files)
    return (File(Path(urlsplit(url).path).name or "download", digest, urls=(url,)),)


def _address(file: File) -> str:
    return ": ".join(filter(None, [file.package or shown(file.urls[0]), file.member]))


def _facts(path: Path) -> dict[str, Any]:
    return {"sha256": sha256(path), "bytes": path.stat().st_size}


def _path(entry: DatasetEntry, source: str, digest: str | None) -> Origin:
    path = Path(source).expanduser()
    found = content_digest(path)
    if digest is not None and found != digest:
        raise StemmaError(
            f"{source}: its content has SHA-256 {found}, params.yaml says {digest}; "
            "if the new content is meant, run `stemma data use` again"
        )
    files = [path] if path.is_file() else files_under(path)
    if len(files) > LISTED:
        total = sum(f.stat().st_size for f in files)
        line = {"name": path.name, "address": source, "sha256": found, "bytes": total, "files": len(files)}
        return Origin(path, entry.path_reader, [line])
    names = [f.name if f == path else f.relative_to(path).as_posix() for f in files]
    lines = [{"name": n, "address": source, **_facts(f)} for n, f in zip(names, files, strict=True)]
    return Origin(path, entry.path_reader, lines)
