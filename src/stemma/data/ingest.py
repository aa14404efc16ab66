"""A source -> data/raw/<slot> (see `raw`), with `provenance.json`; a path source stands there as given."""

import logging
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from stemma.data import catalog
from stemma.data.fetching.fetch import DOWNLOADS
from stemma.data.fetching.origin import locate
from stemma.data.folder import replacing_folder, temporary_folder
from stemma.data.parts import Options, Part, Raw, Reading
from stemma.data.raw import save_part
from stemma.data.readers import READERS
from stemma.data.resize import resized
from stemma.errors import StemmaError
from stemma.files import write_json

AS_IT_IS = Options()

log = logging.getLogger("stemma.data")


def ingest(
    use: str,
    out: Path,
    *,
    test: str | None = None,
    digest: str | None = None,
    test_digest: str | None = None,
    allow_unverified: bool = False,
    offline: bool = False,
    options: Options = AS_IT_IS,
    downloads: Path = DOWNLOADS,
) -> None:
    """Fetch, check and read `use` and write it to `out`, which is replaced as a whole.

    Args:
        use: `dataset@source`.
        test: a separate `dataset@source` that supplies the test part instead.
        digest, test_digest: SHA-256 that the content of a path or URL source must have.
        allow_unverified: accept files whose digest is not known.
        offline: open no connection.
        options: how the sources are read.

    Raises:
        StemmaError: anything wrong with the names, the transfer or the bytes.
    """
    entry, source = catalog.provenance(use, test)
    _warn_unpinned(out.name, use, digest)
    _warn_unpinned(out.name, test, test_digest)
    with replacing_folder(out) as folder, temporary_folder(out) as scratch:
        fetching = (allow_unverified, offline, downloads)
        raw, provenance = _load(use, digest, options, scratch, *fetching)
        if test is not None:
            other, more = _load(test, test_digest, options, scratch, *fetching)
            raw, provenance = with_test(raw, other, use, test), provenance + more
        for name, part in raw.parts.items():
            save_part(folder, name, part, entry.kind)
        sizes = {name: len(part) for name, part in raw.parts.items()}
        meta = {
            "dataset": entry.name,
            "use": use,
            "test": test,
            "source": source,
            "kind": entry.kind,
            "task": entry.task,
            "licence": entry.licence,
            "resize": options.resize.method if options.resize else "",
            "size": [options.resize.height, options.resize.width] if options.resize else None,
            "columns": dict(options.columns),
            "encoding": options.encoding,
        }
        write_json(folder / "provenance.json", provenance)
        write_json(folder / "meta.json", {**meta, "classes": list(raw.classes), "sizes": sizes})
    log.info("%s -> %s: %s", use, out, ", ".join(f"{n:,} {name}" for name, n in sizes.items()))


def _warn_unpinned(slot: str, use: str | None, digest: str | None) -> None:
    """Say that nobody will see it when the content of a path changes: DVC knows its name alone."""
    entry, source = catalog.parse(use) if use else (None, "")
    if entry and source not in entry.sources and not catalog.is_url(source) and digest is None:
        log.warning("%s: %s has no digest, so a change of its content goes unseen; run `stemma data use`", slot, use)


def _load(
    use: str,
    digest: str | None,
    options: Options,
    scratch: Path,
    allow_unverified: bool,
    offline: bool,
    downloads: Path,
) -> tuple[Raw, list[dict[str, Any]]]:
    entry, source = catalog.parse(use)
    origin = locate(entry, source, digest, allow_unverified, downloads, offline)
    generate = entry.sources[source].options if source in entry.sources else {}
    scratch = Path(tempfile.mkdtemp(dir=scratch))
    reading = Reading(origin.path, entry, scratch, replace(options, generate=generate))
    raw = READERS[origin.reader](reading)
    return resized(raw, options.resize, scratch), origin.provenance


def with_test(raw: Raw, other: Raw, use: str, test: str) -> Raw:
    """`raw` with the test part of `other` (its only part, where it has no test part) instead of its own.

    Raises:
        StemmaError: kind, task, image shape or classes differ.
    """
    task, wanted_task = (catalog.parse(each)[0].task for each in (test, use))
    if task != wanted_task:
        raise StemmaError(f"{test}: is for the task {task}; expected {wanted_task} as {use}")
    mine, part = raw.parts["train"], other.parts.get("test", other.parts["train"])
    if raw.classes != other.classes:
        found, wanted = ", ".join(other.classes), ", ".join(raw.classes)
        raise StemmaError(f"{test}: classes {found}; expected those of {use}: {wanted}")
    if _shape(mine) != _shape(part):
        raise StemmaError(f"{test}: holds {_shape(part)}; expected {_shape(mine)} as in {use}")
    return Raw({**raw.parts, "test": part}, raw.classes)


def _shape(part: Part) -> str:
    """What two parts of one dataset have in common."""
    if hasattr(part.x, "columns"):
        return "columns " + ", ".join(part.x.columns)
    if hasattr(part.x, "shape"):
        return "images " + "x".join(map(str, part.x.shape[1:]))
    return "texts" if isinstance(part.x[0], str) else "sequences"
