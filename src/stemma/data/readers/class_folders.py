"""Files by class, `[top/][train|validation|test/]<class>/<file>`: which are read, part and class of each."""

import logging
from collections.abc import Collection
from pathlib import Path, PurePosixPath

from stemma.data.parts import PARTS
from stemma.errors import StemmaError

ALIASES = {
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "dev": "validation",
    "testing": "test",
}
NAMED = 5
"""Files left out that are named."""

log = logging.getLogger("stemma.data")


class ClassFolders:
    """The files below `path` whose name ends in one of `suffixes`; all must lie in the same form.

    Folders above the part (above the class, where there are no parts) are those of an archive's top: the same for
    all files.

    Attributes:
        left_out: names of files with another ending, hidden ones apart.
    """

    def __init__(self, path: Path, suffixes: Collection[str]) -> None:
        self.path, self.suffixes = path, suffixes
        self.left_out: list[str] = []
        self.first: tuple[str, list[str], bool] | None = None

    def wanted(self, name: str) -> bool:
        """For `archive.members`."""
        if name.startswith(".") or "/." in name:
            return False
        if PurePosixPath(name).suffix.lower() in self.suffixes:
            return True
        self.left_out.append(name)
        return False

    def place(self, name: str) -> tuple[str, str]:
        """Part and class that the folders of `name` say; without parts it is `train`.

        Raises:
            StemmaError: no class folder, not exactly one below the part, or another form than the first file's.
        """
        *above, label = ["", *name.split("/")[:-1]]
        if not above:
            raise StemmaError(f"{self.path}: {name}: lies in no class folder")
        parts = [_part(folder) for folder in above]
        if not parts[-1] and (any(parts) or _part(label)):
            raise StemmaError(
                f"{self.path}: {name}: a folder of a part holds class folders and those the files, "
                "[train|validation|test/]<class>/<file>"
            )
        top = above[:-1] if parts[-1] else above
        self.first = self.first or (name, top, bool(parts[-1]))
        other, *form = self.first
        if form != [top, bool(parts[-1])]:
            raise StemmaError(
                f"{self.path}: {name}: lies in other folders than {other}; "
                "expected [train|validation|test/]<class>/<file> for all, or <class>/<file> for all"
            )
        return parts[-1] or "train", label

    def report(self, what: str) -> None:
        """Say which files were left out."""
        if self.left_out:
            names = ", ".join(self.left_out[:NAMED]) + (", ..." if len(self.left_out) > NAMED else "")
            log.warning("%s: %d files are no %s and are left out: %s", self.path, len(self.left_out), what, names)


def _part(folder: str) -> str:
    """The part that a folder's name means, or nothing."""
    name = ALIASES.get(folder.lower(), folder.lower())
    return name if name in PARTS else ""
