"""What the readers of text share: unpacking within limits, encodings stated and checked, lines."""

import bz2
import gzip
import lzma
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from stemma.data.fetching.archive import MAX_RATIO
from stemma.errors import StemmaError

STEP = 1 << 16
"""Bytes unpacked at a time: memory follows what is there, not what a header declares."""

SMALL = 1 << 20
"""Bytes that any packed file may unpack to."""

BROKEN = (
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
    NotImplementedError,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
)


def load(path: Path) -> bytes:
    """The bytes of `path`, unpacked where its name ends in .gz, .bz2, .xz, .zst or .zip (of one file).

    Raises:
        StemmaError: no such file, broken or truncated, or unpacks to more than `MAX_RATIO` times its size.
    """
    if not path.is_file():
        raise StemmaError(f"{path}: no such file")
    unpack = UNPACK.get(path.suffix.lower())
    if unpack is None:
        return path.read_bytes()
    limit = max(MAX_RATIO * path.stat().st_size, SMALL)
    pieces, size = [], 0
    try:
        with unpack(path) as file:
            while piece := file.read(STEP):
                pieces.append(piece)
                size += len(piece)
                if size > limit:
                    raise StemmaError(f"{path}: unpacks to more than {MAX_RATIO} times its size; refused")
    except BROKEN as error:
        what = error or type(error).__name__
        raise StemmaError(f"{path}: broken or truncated {path.suffix} file ({what})") from None
    return b"".join(pieces)


def _zip(path: Path) -> IO[bytes]:
    archive = zipfile.ZipFile(path)
    names = [name for name in archive.namelist() if not name.endswith("/")]
    if len(names) != 1:
        raise StemmaError(f"{path}: holds {len(names)} files; expected one")
    return archive.open(names[0])


def _zstandard(path: Path) -> Any:
    import pyarrow

    return pyarrow.CompressedInputStream(str(path), "zstd")


UNPACK: dict[str, Callable[[Path], Any]] = {
    ".gz": gzip.open,
    ".bz2": bz2.open,
    ".xz": lzma.open,
    ".zst": _zstandard,
    ".zip": _zip,
}


def decode(where: object, content: bytes, encoding: str = "") -> str:
    """The text in `content`; `encoding` is UTF-8 (with or without its mark) unless stated.

    Raises:
        StemmaError: unknown encoding, NUL bytes, or bytes of another encoding; names the first wrong byte.
    """
    try:
        text = content.decode("utf-8-sig" if encoding.lower() in ("", "utf-8", "utf8") else encoding)
    except LookupError:
        raise StemmaError(f"encoding: unknown name '{encoding}'; for example utf-8, latin-1, gb18030") from None
    except UnicodeError as error:
        place = f" at byte {error.start:,}" if isinstance(error, UnicodeDecodeError) else ""
        found = f" (0x{content[error.start]:02x})" if isinstance(error, UnicodeDecodeError) else ""
        raise StemmaError(
            f"{where}: not {encoding or 'UTF-8'}{place}{found}; say which `encoding` it has, or convert it"
        ) from None
    if not isinstance(text, str):
        raise StemmaError(f"encoding: '{encoding}' is no encoding of text")
    if "\0" in text:
        raise StemmaError(
            f"{where}: holds NUL at character {text.index(chr(0)):,}; expected {encoding or 'UTF-8'} text"
        )
    return text


def decode_latin(where: object, content: bytes, encoding: str = "") -> str:
    """As `decode`, for files published in Latin-1, in which every byte means something: UTF-8 is told apart.

    Raises:
        StemmaError: as `decode`; or nothing is stated and the bytes are UTF-8.
    """
    if not encoding and not content.isascii() and _is_utf8(content):
        first = next(i for i, byte in enumerate(content) if byte > 127)
        raise StemmaError(
            f"{where}: is UTF-8 text (byte {first:,}), expected Latin-1 as published (or `encoding: utf-8`)"
        )
    return decode(where, content, encoding or "latin-1")


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def shown(text: str) -> str:
    """The start of `text` in one line, for messages; blanks stay, and what cannot be seen is written out."""
    return repr(text[:40])[1:-1]


def lines(text: str) -> list[str]:
    """The lines without their ends and outer blanks; empty ones stay, but for one at the end."""
    found = [line.strip() for line in text.split("\n")]
    return found[:-1] if found[-1] == "" else found
