"""Writing and hashing files so that a reader never meets half of one."""

import errno
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stemma.errors import StemmaError

CHUNK = 1 << 20
REFUSALS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES)
SHORT = re.compile(r"\d+ requested and \d+ written")
"""What numpy says, without an error number, of a disk that is full."""


class Unwritable(StemmaError):
    """The disk is at fault: it is full, may not grow, or must not be written."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: cannot be written: {reason}")
        self.path, self.reason = path, reason

    def __reduce__(self) -> tuple[type, tuple[Path, str]]:
        """It comes whole from the process of a pool."""
        return type(self), (self.path, self.reason)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """What the disk refuses in the block becomes the one `Unwritable` that names `path`; other errors pass."""
    try:
        yield
    except Unwritable:
        raise
    except (OSError, StemmaError) as error:
        if reason := _refusal(error, path.parent):
            raise Unwritable(path, reason) from None
        raise


def _refusal(error: OSError | StemmaError, folder: Path) -> str:
    """What the disk says, also where a reader took it for a fault of its source; empty for any other error."""
    cause = error if isinstance(error, OSError) else error.__context__
    name = getattr(cause, "filename", None)
    if not isinstance(cause, OSError) or (name and cause is not error):
        return ""
    if SHORT.fullmatch(str(cause)):
        return os.strerror(errno.ENOSPC)
    if cause.errno not in REFUSALS:
        return ""
    elsewhere = name and not Path(str(name)).is_relative_to(folder)
    return os.strerror(cause.errno) + f" ({name})" * bool(elsewhere)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; fsync and rename it onto `path` when the block succeeds.

    Raises:
        Unwritable: the disk is full, read-only or forbidden; nothing is left behind.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            with temporary.open("rb") as written:
                os.fsync(written.fileno())
            temporary.chmod(0o644)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write `value` with sorted keys, so that equal content has equal bytes. NaN is refused."""
    write_text(path, json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        StemmaError: it is no JSON, cut short for example.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise StemmaError(f"{path}: not readable as JSON ({error}); make it anew with `dvc repro`") from None


def sha256(*paths: Path) -> str:
    """SHA-256 of the contents of `paths`, one after the other, as hexadecimal text."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
    return digest.hexdigest()
