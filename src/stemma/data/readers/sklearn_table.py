"""The tables of scikit-learn: a line `rows,columns,class,class,...`, then rows of numbers and the label."""

import pandas as pd

from stemma.data.parts import Part, Raw, Reading, check_labels
from stemma.data.readers.content import decode, load, shown
from stemma.data.readers.numbers import matrix
from stemma.errors import StemmaError


def read(reading: Reading) -> Raw:
    """All rows as one part `train`; the option `features` names the columns.

    Raises:
        StemmaError: another header than expected, rows that are missing or of another form, a label out of range.
    """
    path, entry = reading.path, reading.entry
    features = reading.options.generate["features"]
    assert entry.classes is not None
    header, _, body = decode(path, load(path)).partition("\n")
    rows, *expected = header.strip().split(",")
    if expected != [str(len(features)), *entry.classes]:
        found = ",".join([str(len(features)), *entry.classes])
        raise StemmaError(f"{path}: first line '{shown(header)}', expected the number of rows and {found}")
    table = matrix(path, body, len(features) + 1)
    if rows != str(len(table)):
        raise StemmaError(f"{path}: {len(table)} rows, its first line says {rows[:20]}")
    x = pd.DataFrame(table[:, :-1], columns=list(features))
    return Raw({"train": Part(x, check_labels(path, table[:, -1], len(entry.classes)))}, entry.classes)
