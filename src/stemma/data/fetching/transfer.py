"""One address into one part: resumed after a cut, and given up when the server misbehaves."""

import logging
import re
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from stemma.data.fetching.download import Part
from stemma.data.fetching.progress import progress
from stemma.errors import StemmaError
from stemma.files import CHUNK, Unwritable

MAX_BYTES = 8 << 30
"""Limit of a download whose size is not known."""

TIMEOUT = 30.0
"""Seconds until a silent server is given up; also over how long `SLOWEST` is measured."""

SLOWEST = 1024
"""Bytes a second that a server must send to be worth waiting for."""

WAITS = (0.5, 2.0, 4.0, 8.0)
"""Seconds before the same address is asked for the rest after a cut."""

ENOUGH = 1 << 20
"""Bytes that a connection must bring for the waits to begin anew."""

log = logging.getLogger("stemma.data")


class Interrupted(StemmaError):
    """The connection ended too early; what came is kept."""


class NoRange(StemmaError):
    """The server cannot go on from where the part ends."""


@dataclass(frozen=True)
class Link:
    """The address of one download; `session`, an httpx2 client, reaches it; `sha256` of the whole, if known."""

    session: Any
    url: str
    sha256: str | None = None

    @property
    def name(self) -> str:
        return Path(unquote(urlsplit(self.url).path)).name or "archive"


def client() -> Any:
    """An HTTP client that honours HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY, SSL_CERT_FILE and SSL_CERT_DIR."""
    import httpx2

    logging.getLogger("httpx2").setLevel(logging.WARNING)
    return httpx2.Client(follow_redirects=True, timeout=TIMEOUT)


def shown(url: str) -> str:
    """`url` without a user's name and password."""
    return re.sub(r"(?<=://)[^/@]*@", "", url)


def transfer(link: Link, part: Part, size: int | None, *, checked: bool) -> None:
    """Append to `part` what it lacks of the file at `link`; a broken connection is taken up while each brings more.

    Args:
        size: bytes of the whole file, if known; also the limit.
        checked: a digest will decide in the end; else only a server's ETag says that the rest belongs to the start.

    Raises:
        StemmaError: the address failed; what came is kept unless it is of no use.
    """
    log.info("fetching %s", shown(link.url))
    part.etag, waits = "", iter(WAITS)
    if not checked:
        part.restart()
    if urlsplit(link.url).scheme == "file":
        return _copy(Path(url2pathname(urlsplit(link.url).path)), part)
    while part.count != size:
        before = part.count
        try:
            return _receive(link, part, size)
        except NoRange:
            part.restart()
            return _receive(link, part, size)
        except Interrupted as cut:
            gained, wait = part.count - before, next(waits, None)
            if gained <= 0 or wait is None or not (checked or part.etag):
                raise
            waits = iter(WAITS) if gained >= ENOUGH else waits
            log.info("%s; going on from byte %s in %g s", cut, f"{part.count:,}", wait)
            time.sleep(wait)
    return None


def _copy(path: Path, part: Part) -> None:
    part.restart()
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                part.add(chunk)
    except OSError as error:
        raise StemmaError(f"{path}: {error.strerror}") from None


def _receive(link: Link, part: Part, size: int | None) -> None:
    import httpx2

    headers = {"Accept-Encoding": "identity"}
    if part.count:
        headers["Range"] = f"bytes={part.count}-"
        headers |= {"If-Range": part.etag} if part.etag else {}
    try:
        with link.session.stream("GET", link.url, headers=headers) as response:
            total = _begin(response, part)
            _check_total(response, part, total, size)
            if response.status_code == 416:
                return
            with progress(part.target.name, total or size, part.count) as bar:
                for chunk in _not_too_slow(response.iter_raw()):
                    part.add(chunk)
                    bar.advance(len(chunk))
                    _check_limit(part, size)
    except httpx2.HTTPError as error:
        raise Interrupted(f"{type(error).__name__}: {error}") from None
    except httpx2.InvalidURL as error:
        raise StemmaError(f"no address: {error}") from None
    if size is not None and part.count < size:
        raise Interrupted(f"{part.count:,} bytes instead of {size:,}")


def _begin(response: Any, part: Part) -> int | None:
    """Bytes of the whole file as announced; the part restarts where the server does."""
    if response.status_code == 200:
        part.restart()
        part.etag = response.headers.get("etag", "")
        part.etag = "" if part.etag.startswith("W/") else part.etag
        length = response.headers.get("content-length", "")
        return int(length) if length.isdigit() else None
    if part.count and response.status_code in (206, 416):
        said = response.headers.get("content-range", "")
        place = re.fullmatch(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)", said)
        if place is None or part.count != int(place[1] or (place[2] if place[2] != "*" else -1)):
            raise NoRange(f"answers with '{said}' when asked for the bytes from {part.count}")
        part.resumed = True
        return int(place[2]) if place[2] != "*" else None
    raise StemmaError(f"HTTP {response.status_code} {response.reason_phrase}")


def _check_total(response: Any, part: Part, total: int | None, size: int | None) -> None:
    """Refuse a file of another size, or one that the disk cannot hold, before anything of it comes."""
    if total is None:
        return
    if size is not None and total != size:
        page = response.headers.get("content-type", "").startswith("text/html")
        raise StemmaError(f"{total:,} bytes instead of {size:,}{' (it is an HTML page, not the data)' if page else ''}")
    if total > (size or MAX_BYTES):
        raise StemmaError(f"{total:,} bytes, more than the limit of {MAX_BYTES:,}")
    free = shutil.disk_usage(part.target.parent).free
    if total - part.count > free:
        raise Unwritable(part.target, f"{total - part.count:,} bytes are to come, the disk has {free:,} free")


def _check_limit(part: Part, size: int | None) -> None:
    limit = size or MAX_BYTES
    if part.count > limit:
        part.restart()
        raise StemmaError(f"more than the expected {limit:,} bytes")


def _not_too_slow(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """`chunks` as long as they bring `SLOWEST` bytes a second, measured over `TIMEOUT` seconds."""
    start, count = time.monotonic(), 0
    for chunk in chunks:
        yield chunk
        count, passed = count + len(chunk), time.monotonic() - start
        if passed > TIMEOUT:
            if count < SLOWEST * passed:
                raise StemmaError(f"slower than {SLOWEST:,} bytes a second")
            start, count = time.monotonic(), 0
