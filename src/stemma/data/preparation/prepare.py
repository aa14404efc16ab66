"""Raw parts -> the prepared set: splits, vocabulary and statistics from train only, memory-mapped arrays."""

import logging
from pathlib import Path

import pandas as pd

from stemma.data import store
from stemma.data.folder import replacing_folder
from stemma.data.preparation.divide import Division, divide
from stemma.data.preparation.encode import Encoding, encode
from stemma.data.raw import load_meta, load_parts
from stemma.data.split import clusters
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
    pairs = NO_PAIRS if duplicates is None else pd.read_parquet(duplicates)
    classes = tuple(meta["classes"])
    splits = divide(parts, clusters(parts, pairs), meta["task"], classes, division or Division())
    spec = DataSpec(meta["dataset"], meta["source"], meta["kind"], (), classes, meta["task"], resize=meta["resize"])
    spec, arrays, extra = encode(spec, splits, encoding or Encoding())
    with replacing_folder(out) as folder:
        spec = store.save(folder, spec, arrays, extra)
    log.info("%s -> %s: %s", spec.label, out, ", ".join(f"{n:,} {name}" for name, n in spec.sizes.items()))
    return spec
