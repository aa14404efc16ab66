"""Mending what `verify` found: what is spoilt goes, and comes back from where the right bytes still are.

An output may have been changed on purpose, so it is put aside as `NAME.spoilt`, never deleted. What is merely not
readable (a permission is missing) stays, and so do files of the user's own such as word vectors.

An object of the cache comes back from an output that is intact, or from the DVC remote; an output from the cache; a
download is fetched anew when a stage next needs it. What is nowhere to be had is made again by its stage.
"""

import shutil
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from stemma.data.integrity import versions
from stemma.data.integrity.verify import CACHE, DOWNLOAD, OUTPUT, SPOILT, VECTORS, Fault, Report, verify
from stemma.data.integrity.versions import DIR, Out
from stemma.files import replacing


@dataclass(frozen=True)
class Mended:
    """How things are afterwards, what was done, and the commands that are still to be given."""

    report: Report
    done: list[str]
    commands: list[str]


def repair(root: Path, report: Report) -> Mended:
    """Mend the faults of `report`.

    Raises:
        StemmaError: a dvc.lock is not readable.
    """
    done = [f"{fault.path}: {fault.found}; left as it is" for fault in report.faults if _untouched(fault)]
    unreadable = [fault.path for fault in report.faults if fault.unreadable]
    report = replace(report, faults=[fault for fault in report.faults if not _untouched(fault)])
    cache, outs = versions.cache_folder(root), {out.path for out in versions.outs(root)}
    for fault in sorted(report.faults, key=lambda fault: fault.what != OUTPUT):  # may be links into the cache
        if fault.path.exists():
            done.append(_put_aside(fault, outs) if fault.what == OUTPUT else _remove(fault))
    hit = [] if cache is None else _hit(cache, root, report, unreadable)
    if cache is not None:
        done += [line for fault in report.faults if fault.what == CACHE for line in _restore(cache, fault, report)]
        done += _pull(cache, root, hit)
    after = verify(root)
    broken = {fault.stage for fault in after.faults} | {out.stage for out in after.absent if out in hit}
    lost = sorted({out.stage for out in hit} & broken)
    gone = [fault for fault in report.faults if fault.what == CACHE and not fault.path.exists()]
    if gone and not lost:
        done.append(f"{len(gone)} objects of earlier versions are gone; `dvc fetch --all-commits` asks the remote")
    return Mended(after, done, [f"dvc repro {stage}" for stage in lost])


def _untouched(fault: Fault) -> bool:
    return fault.unreadable or fault.what == VECTORS


def _put_aside(fault: Fault, outs: set[Path]) -> str:
    """Move a file of an output, or the whole of it, to where DVC does not look: beside the output."""
    out = next(path for path in (fault.path, *fault.path.parents) if path in outs)
    names = (out.with_name(f"{out.name}{SPOILT}{n or ''}") / fault.path.relative_to(out) for n in count())
    target = next(path for path in names if not path.exists())
    target.parent.mkdir(parents=True, exist_ok=True)
    if fault.path.is_symlink():
        shutil.copyfile(fault.path, target)
        fault.path.unlink()
    else:
        fault.path.rename(target)
    return f"{fault.path}: moved to {target}"


def _remove(fault: Fault) -> str:
    fault.path.unlink()
    return f"{fault.path}: removed" + ("; the next ingest fetches it" if fault.what == DOWNLOAD else "")


def _hit(cache: Path, root: Path, report: Report, unreadable: list[Path]) -> list[Out]:
    """The outputs that hold a fault or that the cache no longer has, but for those with something unreadable."""
    spoilt = {fault.expected for fault in report.faults if fault.what == CACHE}
    stages = {fault.stage for fault in report.faults if fault.what == OUTPUT}
    unknown = {out for out in versions.outs(root) for path in unreadable if _concerns(cache, out, path)}
    outs = [out for out in versions.outs(root) if out not in unknown]
    return [out for out in outs if out.stage in stages or spoilt & _contents(cache, out)]


def _concerns(cache: Path, out: Out, path: Path) -> bool:
    return path.is_relative_to(out.path) or path == versions.object_path(cache, out.md5)


def _contents(cache: Path, out: Out) -> set[str]:
    """The MD5 of an output and, as far as the cache can say, of each of its files."""
    path = versions.object_path(cache, out.md5)
    inside = versions.read_listing(path).values() if out.md5.endswith(DIR) and path.is_file() else ()
    return {out.md5.removesuffix(DIR), *inside}


def _restore(cache: Path, fault: Fault, report: Report) -> list[str]:
    """The object from an output that is intact, if there is one."""
    md5 = fault.path.parent.name + fault.path.name
    content = report.intact.get(md5)
    if content is None:
        return []
    with replacing(versions.object_path(cache, md5)) as temporary:
        temporary.write_bytes(content) if isinstance(content, bytes) else shutil.copyfile(content, temporary)
    fault.path.chmod(0o444)
    return [f"{fault.path}: restored from the intact output"]


def _pull(cache: Path, root: Path, outs: list[Out]) -> list[str]:
    """Bring what the cache lacks of `outs` from the remote, and them from the cache."""
    done = []
    if any(_lacks(cache, out) for out in outs) and versions.has_remote(root):
        done.append(_told(root, "fetch", [str(out.path) for out in outs]))
    whole = [str(out.path) for out in outs if not _lacks(cache, out)]
    return [*done, _told(root, "checkout", ["--force", *whole])] if whole else done


def _lacks(cache: Path, out: Out) -> bool:
    path = versions.object_path(cache, out.md5)
    if not path.is_file() or not out.md5.endswith(DIR):
        return not path.is_file()
    return not all(versions.object_path(cache, md5).is_file() for md5 in versions.read_listing(path).values())


def _told(root: Path, command: str, words: list[str]) -> str:
    ran = versions.dvc(root, command, *words)
    end = "" if ran.returncode == 0 else f": {(ran.stderr.strip() or 'failed').splitlines()[0]}"
    return f"dvc {command} {' '.join(words)}{end}"
