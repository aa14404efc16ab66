"""The 8x8 digits of scikit-learn: a gzipped CSV, a row 64 numbers of ink cells from 0 to 16, then the label."""

import numpy as np

from stemma.data.parts import Part, Raw, Reading, check_labels
from stemma.data.readers.numbers import numbers
from stemma.errors import StemmaError

SIDE, INK = 8, 16
SCALE = 15
"""Grey value a cell: 0..16 becomes 0, 15, ..., 240; a whole factor keeps the ratios exact."""


def read(reading: Reading) -> Raw:
    """All digits as one part `train`.

    Raises:
        StemmaError: not a gzipped table of 65 whole numbers a row, or a number or label out of range.
    """
    path, entry = reading.path, reading.entry
    assert entry.classes is not None
    table = numbers(path, SIDE * SIDE + 1)
    ink = table[:, :-1]
    if (table != np.round(table)).any() or ink.min() < 0 or ink.max() > INK:
        raise StemmaError(f"{path}: values from {ink.min():g} to {ink.max():g}, expected whole numbers 0 to {INK}")
    x = (ink * SCALE).astype(np.uint8).reshape(-1, 1, SIDE, SIDE)
    return Raw({"train": Part(x, check_labels(path, table[:, -1], len(entry.classes)))}, entry.classes)
