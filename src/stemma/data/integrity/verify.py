"""Whether every stored byte is still the one that was stored: downloads, DVC's cache, and the outputs of stages.

DVC hands out a spoilt object of its cache without a word, and takes a spoilt output whose size and time are
unchanged for the right one. Here everything is read and hashed.
"""

import hashlib
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from stemma.data import catalog
from stemma.data.fetching.fetch import DOWNLOADS
from stemma.data.fetching.origin import place
from stemma.data.integrity import versions
from stemma.data.integrity.versions import DIR, Listing, Out
from stemma.errors import StemmaError
from stemma.files import read_json

DOWNLOAD, CACHE, RUN, OUTPUT, VECTORS = "download", "cache", "run cache", "output", "word vectors"
SPOILT = ".spoilt"
"""What ends the name of a copy that `repair` has put aside."""

MISSING, UNEXPECTED, UNREADABLE = "missing", "not expected there", "not readable"


@dataclass(frozen=True)
class Fault:
    """Something that is not what it was.

    Attributes:
        what: DOWNLOAD, CACHE, RUN, OUTPUT or VECTORS.
        expected, found: digests, or words.
        stage: whose output it is, as `dvc repro` takes it; empty for the others.
    """

    path: Path
    what: str
    expected: str
    found: str
    stage: str = ""

    @property
    def unreadable(self) -> bool:
        """True if its content is not known, so that it may well be right: a matter of permissions or of the disk."""
        return self.found.startswith(UNREADABLE)


@dataclass
class Report:
    """What `verify` found.

    Attributes:
        size: bytes that were hashed.
        unknown: downloads of which no digest is known.
        absent: outputs in dvc.lock that are not here at all (a fresh clone), which is no fault.
        intact: MD5 -> a file among the outputs that has it, or the bytes of a folder's list.
    """

    faults: list[Fault] = field(default_factory=list)
    files: int = 0
    size: int = 0
    seconds: float = 0.0
    unknown: list[Path] = field(default_factory=list)
    absent: list[Out] = field(default_factory=list)
    intact: dict[str, Path | bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class _Check:
    path: Path
    algorithm: str
    expected: str
    what: str
    stage: str = ""


def verify(root: Path) -> Report:
    """Hash all that is stored below the project `root`.

    Raises:
        StemmaError: a dvc.lock is not readable.
    """
    report, began = Report(), time.perf_counter()
    cache = versions.cache_folder(root)
    if cache is not None:
        objects = versions.objects(cache)
        _run(report, [_Check(path, "md5", md5.removesuffix(DIR), CACHE) for md5, path in objects.items()])
        _check_runs(report, cache)
    bad = {fault.path for fault in report.faults}
    lists = {} if cache is None else {md5: path for md5, path in objects.items() if path not in bad}
    for out in versions.outs(root):
        _check_out(report, out, lists)
    _run(report, _downloads(report, root / DOWNLOADS, root / "data/raw"))
    _run(report, _vectors(root))
    report.seconds = time.perf_counter() - began
    return report


def _run(report: Report, checks: Iterable[_Check]) -> dict[Path, str]:
    """Hash in parallel (hashlib lets other threads run); the digests that were found."""
    checks, digests = list(checks), dict[Path, str]()
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for check, (found, size) in zip(checks, pool.map(_digest, checks), strict=True):
            digests[check.path] = found
            report.files, report.size = report.files + 1, report.size + size
            if check.expected and found != check.expected:
                report.faults.append(Fault(check.path, check.what, check.expected, found, check.stage))
            elif check.what == OUTPUT:
                report.intact[found] = check.path
    return digests


def _digest(check: _Check) -> tuple[str, int]:
    try:
        with check.path.open("rb") as file:
            return hashlib.file_digest(file, check.algorithm).hexdigest(), os.fstat(file.fileno()).st_size
    except FileNotFoundError:
        return MISSING, 0
    except OSError as error:
        return _unreadable(error), 0


def _unreadable(error: OSError) -> str:
    return f"{UNREADABLE} ({error.strerror})"


def _check_runs(report: Report, cache: Path) -> None:
    for path in versions.kept_runs(cache):
        try:
            found = versions.run_digest(path)
        except OSError as error:
            found = _unreadable(error)
        report.files, report.size = report.files + 1, report.size + path.stat().st_size
        if found != path.name:
            report.faults.append(Fault(path, RUN, path.name, found))


def _check_out(report: Report, out: Out, lists: dict[str, Path]) -> None:
    if not out.path.exists():
        report.absent.append(out)
    elif not out.md5.endswith(DIR):
        _run(report, [_Check(out.path, "md5", out.md5, OUTPUT, out.stage)])
    elif out.md5 in lists:
        _check_folder(report, out, versions.read_listing(lists[out.md5]))
    else:
        _check_folder_as_a_whole(report, out)


def _check_folder(report: Report, out: Out, expected: Listing) -> None:
    _run(report, [_Check(out.path / name, "md5", md5, OUTPUT, out.stage) for name, md5 in expected.items()])
    for path in _files(out.path):
        if path.relative_to(out.path).as_posix() not in expected:
            report.faults.append(Fault(path, OUTPUT, "nothing", UNEXPECTED, out.stage))


def _check_folder_as_a_whole(report: Report, out: Out) -> None:
    """Where the list of its files is not in the cache, only the folder's own digest can tell."""
    digests = _run(report, [_Check(path, "md5", "", OUTPUT, out.stage) for path in _files(out.path)])
    unreadable = {path: found for path, found in digests.items() if found.startswith(UNREADABLE)}
    report.faults += [Fault(path, OUTPUT, "readable", found, out.stage) for path, found in unreadable.items()]
    content = versions.list_bytes({path.relative_to(out.path).as_posix(): md5 for path, md5 in digests.items()})
    found = hashlib.md5(content, usedforsecurity=False).hexdigest() + DIR
    if found == out.md5:
        report.intact[out.md5] = content
    elif not unreadable:
        report.faults.append(Fault(out.path, OUTPUT, out.md5, found, out.stage))


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _downloads(report: Report, downloads: Path, raw: Path) -> Iterator[_Check]:
    """The downloads whose digest the catalogue or the provenance of a raw set gives."""
    known = {**_recorded(raw, downloads), **_published(downloads)}
    for path in _files(downloads):
        if path in known:
            yield _Check(path, "sha256", known[path], DOWNLOAD)
        elif not path.name.startswith("."):
            report.unknown.append(path)


def _vectors(root: Path) -> Iterator[_Check]:
    """The files of word vectors that the prepared sets were made with, as their settings have them."""
    for settings in sorted((root / "data/prepared").glob("*/settings.json")):
        try:
            found = read_json(settings)
        except (StemmaError, OSError):  # a fault of its own
            continue
        if "vectors_sha256" in found and SPOILT not in settings.parent.suffix:
            yield _Check(root / Path(found["vectors"]).expanduser(), "sha256", found["vectors_sha256"], VECTORS)


def _published(downloads: Path) -> dict[Path, str]:
    return {
        place(entry, name, downloads) / file.name: file.sha256
        for entry in catalog.CATALOG.values()
        for name, source in entry.sources.items()
        for file in source.files
        if file.sha256
    }


def _recorded(raw: Path, downloads: Path) -> dict[Path, str]:
    """What the raw sets say of the files they were read from; a raw set that cannot be read is a fault of its own."""
    found: dict[Path, str] = {}
    for meta in sorted(raw.glob("[!.]*/meta.json")):
        if SPOILT in meta.parent.suffix:
            continue
        try:
            uses, lines = read_json(meta), read_json(meta.with_name("provenance.json"))
            sources = [catalog.parse(use) for use in (uses["use"], uses["test"]) if use]
            names = Counter(line["name"] for line in lines)
            known = {line["name"]: line["sha256"] for line in lines if "sha256" in line and names[line["name"]] == 1}
        except (StemmaError, OSError, KeyError, AttributeError, TypeError):
            continue
        found |= {place(*source, downloads) / name: sha for source in sources for name, sha in known.items()}
    return found
