"""Forest cover types (Blackard and Dean 1999): rows of 54 whole numbers and the type from 1 to 7."""

import numpy as np
import pandas as pd

from stemma.data.parts import Part, Raw, Reading, check_labels
from stemma.data.readers.numbers import numbers
from stemma.errors import StemmaError

QUANTITIES = (
    *("elevation", "aspect", "slope", "distance_to_water", "height_above_water", "distance_to_road"),
    *("hillshade_9am", "hillshade_noon", "hillshade_3pm", "distance_to_fire"),
)
FLAGS = (*(f"wilderness_area_{i}" for i in range(1, 5)), *(f"soil_type_{i}" for i in range(1, 41)))


def read(reading: Reading) -> Raw:
    """All patches as one part, or, with the option `rows` (part -> number), as parts in the order of the file.

    Raises:
        StemmaError: not rows of 55 whole numbers, a flag that is neither 0 nor 1, a type outside 1 to 7.
    """
    path, entry = reading.path, reading.entry
    assert entry.classes is not None
    table = numbers(path, len(QUANTITIES) + len(FLAGS) + 1)
    flags = table[:, len(QUANTITIES) : -1]
    if (table != np.round(table)).any() or not np.isin(flags, [0, 1]).all() or np.abs(table).max() > 1 << 20:
        raise StemmaError(f"{path}: expected whole numbers, those of soil and wilderness 0 or 1")
    x = pd.DataFrame(table[:, : len(QUANTITIES)].astype(np.int32), columns=list(QUANTITIES))
    x = pd.concat([x, pd.DataFrame(flags.astype(bool), columns=list(FLAGS))], axis=1)
    whole = Part(x, check_labels(path, table[:, -1] - 1, len(entry.classes)))
    counts = reading.options.generate.get("rows", {"train": len(whole)})
    if sum(counts.values()) != len(whole):
        raise StemmaError(f"{path}: {len(whole):,} rows, expected {sum(counts.values()):,}")
    ends = np.cumsum(list(counts.values()))
    parts = {p: whole.take(np.arange(end - n, end)) for (p, n), end in zip(counts.items(), ends, strict=True)}
    return Raw({p: Part(part.x.reset_index(drop=True), part.y) for p, part in parts.items()}, entry.classes)
