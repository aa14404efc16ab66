"""Every dataset: where it can be had, its checksums, facts, licence and citation. Standard library only.

Adding a dataset in a known format is one entry (docs/add-a-dataset.md shows one). A digest that is not known
is None, and fetching then refuses unless the slot says `allow_unverified`; none is invented.
"""

from collections.abc import Iterable
from pathlib import Path

from stemma.data.catalog import images, options, sequences, tables, texts
from stemma.data.entry import DatasetEntry, File, Source
from stemma.errors import StemmaError, unknown

__all__ = [
    "CATALOG",
    "DatasetEntry",
    "File",
    "Source",
    "check_options",
    "is_path",
    "is_url",
    "parse",
    "provenance",
    "reader",
]

CATALOG: dict[str, DatasetEntry] = {
    entry.name: entry for entry in (*images.ENTRIES, *texts.ENTRIES, *tables.ENTRIES, *sequences.ENTRIES)
}


def provenance(use: str, test: str | None = None) -> tuple[DatasetEntry, str]:
    """The entry and the source as they stand on results: a separate test source is part of it."""
    entry, source = parse(use)
    return entry, source if test is None else f"{source}, tested on {test}"


def parse(use: str) -> tuple[DatasetEntry, str]:
    """Split `dataset@source`; the source is a name of the entry's, a path or an http(s) address.

    Raises:
        StemmaError: unknown dataset or source, or a path where the dataset takes none.
    """
    name, _, source = use.partition("@")
    if name not in CATALOG:
        raise unknown("dataset", name, CATALOG)
    entry = CATALOG[name]
    known = [*entry.sources, *(["PATH", "URL"] if entry.path_reader else [])]
    if not source:
        raise StemmaError(f"'{use}': expected {name}@SOURCE with SOURCE one of {', '.join(known)}")
    if source not in entry.sources and not (entry.path_reader and (is_url(source) or is_path(source))):
        raise unknown(f"source of '{name}'", source, known)
    return entry, source


def reader(use: str) -> str:
    """The reader of `dataset@source`, a key of `readers.READERS`."""
    entry, source = parse(use)
    return entry.sources[source].reader if source in entry.sources else entry.path_reader


def check_options(use: str, test: str | None, encoding: str, roles: Iterable[str]) -> None:
    """Refuse an `encoding`, or a role of `columns`, that neither source of a slot would heed.

    Raises:
        StemmaError: naming the option or the role, and what is allowed.
    """
    options.check({name: reader(name) for name in (use, test) if name is not None}, encoding, roles)


def is_url(source: str) -> bool:
    return source.startswith(("https://", "http://"))


def is_path(source: str) -> bool:
    """True for what looks like a path: it exists, holds a separator, or starts with `.` or `~`."""
    looks = source.startswith((".", "~")) or "/" in source or "\\" in source
    return "://" not in source and (looks or Path(source).exists())
