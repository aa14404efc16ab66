"""A source -> data/raw/<slot>: canonical arrays or Parquet, `meta.json` and `provenance.json`.

    {part}_x.npy, {part}_y.npy   images: uint8 [N, C, H, W], int64 [N]
    {part}.parquet               texts: columns text, label, group (null where there are no groups)

Equal bytes give equal files: no date and no path of this machine is in them; a path source stands as given.
"""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stemma.data import catalog
from stemma.data.fetch import DOWNLOADS
from stemma.data.folder import replacing_folder
from stemma.data.origin import locate
from stemma.data.parts import Part, Raw
from stemma.data.readers import READERS
from stemma.errors import StemmaError
from stemma.files import write_json

log = logging.getLogger("stemma.data")


def ingest(
    use: str,
    out: Path,
    *,
    test: str | None = None,
    digest: str | None = None,
    test_digest: str | None = None,
    allow_unverified: bool = False,
    downloads: Path = DOWNLOADS,
) -> None:
    """Fetch, check and read `use` and write it to `out`, which is replaced as a whole.

    Args:
        use: `dataset@source`.
        test: a separate `dataset@source` that supplies the test part instead.
        digest, test_digest: SHA-256 that the content of a path or URL source must have.
        allow_unverified: accept files whose digest is not known.

    Raises:
        StemmaError: anything wrong with the names, the transfer or the bytes.
    """
    raw, provenance = _load(use, digest, allow_unverified, downloads)
    if test is not None:
        other, more = _load(test, test_digest, allow_unverified, downloads)
        raw, provenance = with_test(raw, other, use, test), provenance + more
    entry, source = catalog.provenance(use, test)
    sizes = {name: len(part) for name, part in raw.parts.items()}
    meta = {
        "dataset": entry.name,
        "use": use,
        "test": test,
        "source": source,
        "kind": entry.kind,
        "licence": entry.licence,
    }
    with replacing_folder(out) as folder:
        for name, part in raw.parts.items():
            _write(folder, name, part)
        write_json(folder / "provenance.json", provenance)
        write_json(folder / "meta.json", {**meta, "classes": list(raw.classes), "sizes": sizes})
    log.info("%s -> %s: %s", use, out, ", ".join(f"{n:,} {name}" for name, n in sizes.items()))


def _load(use: str, digest: str | None, allow_unverified: bool, downloads: Path) -> tuple[Raw, list[dict[str, Any]]]:
    entry, source = catalog.parse(use)
    origin = locate(entry, source, digest, allow_unverified, downloads)
    return READERS[origin.reader](origin.path, entry), origin.provenance


def with_test(raw: Raw, other: Raw, use: str, test: str) -> Raw:
    """`raw` with the test part of `other` (its only part, where it has no test part) instead of its own.

    Raises:
        StemmaError: kind, image shape or classes differ.
    """
    mine, part = raw.parts["train"], other.parts.get("test", other.parts["train"])
    if raw.classes != other.classes:
        found, wanted = ", ".join(other.classes), ", ".join(raw.classes)
        raise StemmaError(f"{test}: classes {found}; expected those of {use}: {wanted}")
    if _shape(mine) != _shape(part):
        raise StemmaError(f"{test}: holds {_shape(part)}; expected {_shape(mine)} as in {use}")
    return Raw({**raw.parts, "test": part}, raw.classes)


def _shape(part: Part) -> str:
    return "images " + "x".join(map(str, part.x.shape[1:])) if isinstance(part.x, np.ndarray) else "texts"


def _write(folder: Path, name: str, part: Part) -> None:
    if isinstance(part.x, np.ndarray):
        np.save(folder / f"{name}_x.npy", part.x, allow_pickle=False)
        np.save(folder / f"{name}_y.npy", part.y, allow_pickle=False)
        return
    groups: list[Any] = part.groups or [None] * len(part)
    table = pd.DataFrame({"text": part.x, "label": part.y, "group": groups})
    table.astype({"text": "str", "group": "str"}).to_parquet(folder / f"{name}.parquet", index=False)
