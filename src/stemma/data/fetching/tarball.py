"""Tar archives member by member, with headers that cannot make the library allocate or end early in silence."""

import bz2
import gzip
import io
import lzma
import tarfile
from collections.abc import Iterator
from typing import IO, Any

MAX_HEADER = 1 << 20
"""Bytes of an extended header (a long name, pax records), which the library reads as a whole."""

STEP = 1 << 16
"""Bytes that are read at once."""

LONG = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE)
PACKED = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\0": lzma.open, b"\x5d\0\0": lzma.open}


class Header(tarfile.TarInfo):
    """A member's header; long ones and maps of sparse files are refused before they are read."""

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> "Header":
        """As the library, which however takes an archive cut between two members, or a spoilt header, as the end."""
        try:
            return super().fromtarfile(archive)
        except tarfile.HeaderError as error:
            if type(error).__name__ == "EOFHeaderError":
                raise
            raise tarfile.ReadError(f"cut short or spoilt: {error}") from None

    def _proc_member(self, archive: tarfile.TarFile) -> Any:
        if self.type in LONG and self.size > MAX_HEADER:
            raise tarfile.ReadError(f"a header of {self.size:,} bytes")
        if self.type == tarfile.GNUTYPE_SPARSE:
            raise tarfile.ReadError(f"member '{self.name}' is a sparse file")
        return super()._proc_member(archive)  # type: ignore[misc]

    def _proc_gnusparse_10(self, *_: Any) -> None:
        raise tarfile.ReadError("holds a sparse file")


def entries(packed: IO[bytes]) -> Iterator[tuple[tarfile.TarInfo, IO[bytes]]]:
    """Each header, and the file at the first byte of its content; memory does not grow with the members.

    Raises:
        tarfile.TarError, OSError, EOFError, lzma.LZMAError, zlib.error: the archive is broken.
    """
    start = packed.read(6)
    packed.seek(0)
    opened = next((opener for magic, opener in PACKED.items() if start.startswith(magic)), None)
    file: Any = io.BufferedReader(opened(packed), STEP) if opened else packed  # type: ignore[operator]
    with tarfile.TarFile(fileobj=file, tarinfo=Header) as archive:
        while (member := archive.next()) is not None:
            archive.members.clear()  # type: ignore[attr-defined]
            yield member, file
        for _ in range(MAX_HEADER // STEP):  # to the end, where gzip and xz keep their checksums
            if not file.read(STEP):
                break
