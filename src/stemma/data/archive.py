"""Files of a folder, tar or zip, read one at a time by name and never extracted.

Links, devices, absolute names, names with `..` and repeated names are refused, and so is an archive that
unpacks to more than its limits: bytes are counted while they are read, whatever the headers declare.
"""

import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from stemma.data.folder import files_under
from stemma.errors import StemmaError

MAX_MEMBERS = 2_000_000
MAX_MEMBER_BYTES = 1 << 30
MAX_RATIO = 200
"""Unpacked bytes a packed byte; compressed photographs and text stay far below."""

BROKEN = (
    tarfile.TarError,
    zipfile.BadZipFile,
    lzma.LZMAError,
    zlib.error,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
)


def members(path: Path, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    """Yield `(name, content)` of the wanted files under `path`, names relative with `/`.

    A folder is walked in the order of names, an archive in its own order.

    Raises:
        StemmaError: `path` is missing, is no archive, is broken or unsafe.
    """
    if path.is_dir():
        yield from _of_folder(path, wanted)
        return
    if not path.is_file():
        raise StemmaError(f"{path}: no such file or folder")
    read = _of_zip if zipfile.is_zipfile(path) else _of_tar
    budget = max(MAX_RATIO * path.stat().st_size, 1 << 20)
    seen: set[str] = set()
    try:
        for name, content in read(path, wanted):
            if name in seen:
                raise StemmaError(f"{path}: member '{name}' stands in it twice")
            seen.add(name)
            budget -= len(content)
            if budget < 0:
                raise StemmaError(f"{path}: unpacks to more than {MAX_RATIO} times its size; refused")
            yield name, content
    except BROKEN as error:
        raise StemmaError(f"{path}: not a readable tar or zip archive ({error or type(error).__name__})") from None


def _of_folder(folder: Path, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    for file in files_under(folder):
        name = file.relative_to(folder).as_posix()
        if wanted(name):
            if file.stat().st_size > MAX_MEMBER_BYTES:
                raise StemmaError(f"{file}: larger than {MAX_MEMBER_BYTES:,} bytes")
            yield name, file.read_bytes()


def _of_tar(path: Path, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(path, "r|*") as tar:
        for count, member in enumerate(tar):
            name = _safe(path, member.name)
            if count >= MAX_MEMBERS:
                raise StemmaError(f"{path}: more than {MAX_MEMBERS:,} members")
            if member.isdir():
                continue
            if not member.isreg():
                raise StemmaError(f"{path}: member '{member.name}' is a link or a device; only plain files are read")
            if wanted(name):
                _check_size(path, name, member.size)
                file = tar.extractfile(member)
                assert file is not None
                yield name, _whole(path, name, file.read(member.size), member.size)


def _of_zip(path: Path, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            name = _safe(path, info.filename)
            if info.is_dir() or not wanted(name):
                continue
            if (info.external_attr >> 16) & 0o170000 == 0o120000:
                raise StemmaError(f"{path}: member '{name}' is a link; only plain files are read")
            _check_size(path, name, info.file_size)
            with archive.open(info) as file:
                yield name, _whole(path, name, file.read(info.file_size), info.file_size)


def _safe(path: Path, name: str) -> str:
    """The member's name in plain form, or the error for one that points outside."""
    pure = PurePosixPath(name.replace("\\", "/"))
    if pure.is_absolute() or ".." in pure.parts or ":" in name.split("/")[0]:
        raise StemmaError(f"{path}: member '{name}' points outside the archive; refused")
    return pure.as_posix()


def _check_size(path: Path, name: str, size: int) -> None:
    """Refuse a size that the archive's own length cannot hold, before anything of it is allocated."""
    if size > min(MAX_MEMBER_BYTES, max(MAX_RATIO * path.stat().st_size, 1 << 20)):
        raise StemmaError(f"{path}: member '{name}' declares {size:,} bytes; refused")


def _whole(path: Path, name: str, content: bytes, size: int) -> bytes:
    if len(content) != size:
        raise StemmaError(f"{path}: member '{name}' is cut short: {len(content):,} of {size:,} bytes")
    return content
