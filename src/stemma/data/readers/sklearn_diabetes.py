"""The diabetes data of scikit-learn (Efron et al. 2004): measurements and target in two gzipped files."""

import numpy as np
import pandas as pd

from stemma.data.parts import Part, Raw, Reading
from stemma.data.readers.numbers import numbers
from stemma.errors import StemmaError

FEATURES = ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6")
SEXES = ("1", "2")
"""As the file codes them; it does not say which is which."""


def read(reading: Reading) -> Raw:
    """All patients as one part `train`: numbers in their own units, the sex a category, y the progression.

    Raises:
        StemmaError: a file is missing, holds other than numbers, or the two differ in length.
    """
    folder = reading.path
    x = numbers(folder / "diabetes_data_raw.csv.gz", len(FEATURES), " ")
    y = numbers(folder / "diabetes_target.csv.gz", 1)[:, 0]
    if len(x) != len(y):
        raise StemmaError(f"{folder}: {len(x)} rows of measurements, but {len(y)} targets")
    table = pd.DataFrame(x, columns=list(FEATURES))
    if not np.isin(x[:, 1], [1, 2]).all():
        raise StemmaError(f"{folder}: column sex: expected 1 or 2")
    return Raw({"train": Part(table.assign(sex=np.where(x[:, 1] == 1, *SEXES)).astype({"sex": "str"}), y)}, ())
