"""Raw parts -> the prepared set: splits, vocabulary and statistics from train only, memory-mapped arrays."""

import logging
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from stemma.data import store
from stemma.data.folder import replacing_folder
from stemma.data.preparation.divide import Division, divide
from stemma.data.preparation.encode import Encoding, encode
from stemma.data.raw import load_meta, load_parts
from stemma.data.split import clusters
from stemma.errors import StemmaError
from stemma.files import sha256
from stemma.spec import DataSpec

NO_PAIRS = pd.DataFrame({name: pd.Series(dtype=t) for name, t in (("part_a", "str"), ("row_a", "int64"),
                                                                  ("part_b", "str"), ("row_b", "int64"))})  # fmt: skip

log = logging.getLogger("stemma.data")


def prepare(
    raw: Path,
    out: Path,
    division: Division | None = None,
    encoding: Encoding | None = None,
    duplicates: Path | None = None,
) -> DataSpec:
    """Write the prepared set of the raw folder `raw` to `out`, which is replaced as a whole.

    Args:
        duplicates: pairs of near duplicates as the stage `validate` found them (Parquet); without it only
            exact repetitions and groups keep together.

    Raises:
        StemmaError: a split lacks a class or is empty, splits share an example, or something cannot be encoded.
    """
    meta = load_meta(raw)
    parts = load_parts(raw, meta["kind"])
    classes, division, encoding = tuple(meta["classes"]), division or Division(), encoding or Encoding()
    splits = divide(parts, clusters(parts, _pairs(duplicates)), meta["task"], classes, division)
    spec = DataSpec(
        dataset=meta["dataset"],
        source=meta["source"],
        kind=meta["kind"],
        shape=(),
        classes=classes,
        task=meta["task"],
        resize=meta["resize"],
        columns=tuple(sorted(meta["columns"].items())),
        encoding=meta["encoding"],
    )
    spec, arrays, extra = encode(spec, splits, encoding)
    together = clusters({"test": splits["test"]}, NO_PAIRS)["test"]
    if len(np.unique(together)) < len(together):
        extra["test_groups.json"] = np.unique(together, return_inverse=True)[1].tolist()
    settings = {**asdict(division), **asdict(encoding)}
    if encoding.vectors is not None:
        settings["vectors_sha256"] = sha256(Path(encoding.vectors).expanduser())
    with replacing_folder(out) as folder:
        spec = store.save(folder, spec, arrays, {**extra, "settings.json": settings})
    log.info("%s -> %s: %s", spec.label, out, ", ".join(f"{n:,} {name}" for name, n in spec.sizes.items()))
    return spec


def _pairs(duplicates: Path | None) -> pd.DataFrame:
    if duplicates is None:
        return NO_PAIRS
    if not duplicates.is_file():
        raise StemmaError(f"{duplicates}: missing; run `dvc repro validate`")
    return pd.read_parquet(duplicates)
