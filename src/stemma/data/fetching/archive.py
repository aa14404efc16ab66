"""Files of a folder, tar or zip, read one at a time by name and never extracted.

Links, devices, sparse files, absolute names, names with `..` and repeated names are refused, and so is an archive
that unpacks to more than its limits. Nothing is allocated because a header declares it: memory follows the bytes
that are really there.
"""

import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any, Protocol

from stemma.data.fetching import tarball
from stemma.data.fetching.tarball import STEP
from stemma.data.folder import files_under
from stemma.errors import StemmaError

MAX_MEMBERS = 2_000_000
MAX_MEMBER_BYTES = 1 << 30
"""Largest member that is read as a whole."""

MAX_RATIO = 200
"""Unpacked bytes a packed byte; compressed photographs and text stay far below."""

MAX_NAME = 4096
"""Characters of a member's name; a path of Linux has no more."""

BROKEN = (
    tarfile.TarError,
    zipfile.BadZipFile,
    lzma.LZMAError,
    zlib.error,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OverflowError,
    MemoryError,
)


class Readable(Protocol):
    def read(self, count: int = -1, /) -> bytes: ...


MEMBER_MEMORY = 1024
"""Bytes that zipfile takes for a member, whose entry in the list has 46 or more."""


Wanted = Callable[[str], bool]
Entry = tuple[str, int, Readable]
"""Name, declared bytes, and the file to read them from."""


def members(path: Path, wanted: Wanted) -> Iterator[tuple[str, bytes]]:
    """Yield `(name, content)` of the wanted files under `path`, names relative with `/`.

    A folder is walked in the order of names, an archive in its own order.

    Raises:
        StemmaError: `path` is missing, is no archive, is broken or unsafe.
    """
    for name, size, file in open_members(path, wanted):
        if size > MAX_MEMBER_BYTES:
            raise StemmaError(f"{path}: member '{name}' has {size:,} bytes; at most {MAX_MEMBER_BYTES:,} are read")
        yield name, file.read()


def open_members(path: Path, wanted: Wanted) -> Iterator[Entry]:
    """As `members`, with each content as a file to `read`, good until the next one is asked for: of any size."""
    if path.is_dir():
        yield from _of_folder(path, wanted)
        return
    if not path.is_file():
        raise StemmaError(f"{path}: no such file or folder")
    seen: set[str] = set()
    try:
        with path.open("rb") as packed:
            entries = _of_zip if packed.read(4) in (b"PK\3\4", b"PK\5\6") else _of_tar
            packed.seek(0)
            for name, size, file in entries(path, packed, wanted):
                if name in seen:
                    raise StemmaError(f"{path}: member '{name}' stands in it twice")
                seen.add(name)
                yield name, size, Member(path, name, size, file)
    except BROKEN as error:
        raise _broken(path, error) from None


def _broken(path: Path, error: BaseException) -> StemmaError:
    return StemmaError(f"{path}: not a readable tar or zip archive ({error or type(error).__name__})")


class Member:
    """The content of one member: exactly the declared bytes, or the error that says what is wrong."""

    def __init__(self, path: Path, name: str, size: int, file: Readable) -> None:
        self.path, self.name, self.size, self.left, self.file = path, name, size, size, file

    def read(self, count: int = -1) -> bytes:
        """The next `count` bytes, all that are left by default; fewer only at the end."""
        count = self.left if count < 0 else min(count, self.left)
        if count > STEP:
            return self._long(count)
        try:
            content = self.file.read(count)
        except BROKEN as error:
            raise _broken(self.path, error) from None
        self.left -= len(content)
        if len(content) < count:
            done = self.size - self.left
            raise StemmaError(f"{self.path}: member '{self.name}' is cut short: {done:,} of {self.size:,} bytes")
        return content

    def _long(self, count: int) -> bytes:
        """In steps, since a reader may allocate what it is asked for before it has it."""
        buffer = io.BytesIO()
        while count:
            count -= buffer.write(self.read(min(count, STEP)))
        return buffer.getvalue()


def _of_folder(folder: Path, wanted: Wanted) -> Iterator[Entry]:
    for path in files_under(folder):
        name = path.relative_to(folder).as_posix()
        if wanted(name):
            with path.open("rb") as file:
                yield name, path.stat().st_size, file


def _of_tar(path: Path, packed: IO[bytes], wanted: Wanted) -> Iterator[Entry]:
    budget = _budget(path)
    for count, (member, file) in enumerate(tarball.entries(packed)):
        name = _safe(path, member.name)
        if count >= MAX_MEMBERS:
            raise StemmaError(f"{path}: more than {MAX_MEMBERS:,} members")
        if member.isdir():
            continue
        if not member.isreg() or member.issparse():
            kind = "sparse" if member.isreg() else "a link or a device"
            raise StemmaError(f"{path}: member '{name}' is {kind}; only plain files are read")
        budget = _spend(path, name, budget, member.size)
        if wanted(name):
            yield name, member.size, file


def _of_zip(path: Path, packed: IO[bytes], wanted: Wanted) -> Iterator[Entry]:
    budget = _budget(path)
    _check_directory(path, packed)
    with zipfile.ZipFile(packed) as archive:
        for info in archive.infolist():
            name = _safe(path, info.orig_filename)
            if info.is_dir() or not wanted(name):
                continue
            if (info.external_attr >> 16) & 0o170000 not in (0, 0o100000):
                raise StemmaError(f"{path}: member '{name}' is a link or a device; only plain files are read")
            budget = _spend(path, name, budget, info.file_size)
            with archive.open(info) as file:
                yield name, info.file_size, file


def _check_directory(path: Path, packed: IO[bytes]) -> None:
    """Refuse a zip of which little is left but the list of its members, which the library holds in memory."""
    end: Any = zipfile._EndRecData(packed)  # type: ignore[attr-defined]
    packed.seek(0)
    if end and end[5] // 46 * MEMBER_MEMORY > max(4 * path.stat().st_size, 64 << 20):
        raise StemmaError(f"{path}: a list of members of {end[5]:,} bytes; refused")


def _budget(path: Path) -> int:
    """Bytes that `path` may unpack to."""
    return max(MAX_RATIO * path.stat().st_size, 1 << 20)


def _spend(path: Path, name: str, budget: int, size: int) -> int:
    """What is left of `budget` after a member that declares `size`."""
    if not 0 <= size <= budget:
        raise StemmaError(
            f"{path}: member '{name}' declares {size:,} bytes, so that the archive unpacks to more than "
            f"{MAX_RATIO} times its size; refused"
        )
    return budget - size


def _safe(path: Path, name: str) -> str:
    """The member's name in plain form, or the error for one that points outside or is no name."""
    if len(name) > MAX_NAME or "\0" in name or not _is_text(name):
        raise StemmaError(f"{path}: a member's name is longer than {MAX_NAME:,} or no text: {name[:40]!r}; refused")
    pure = PurePosixPath(name.replace("\\", "/"))
    if pure.is_absolute() or ".." in pure.parts or ":" in name.split("/")[0]:
        raise StemmaError(f"{path}: member '{name}' points outside the archive; refused")
    return pure.as_posix()


def _is_text(name: str) -> bool:
    """False for a name that was not UTF-8, which tarfile passes on as lone surrogates."""
    return name.isascii() or name.encode(errors="replace").decode() == name
