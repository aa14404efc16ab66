"""Patches of photographs, class = photograph, the three parts from disjoint vertical strips.

Train comes from the left 60 %, validation from the next 15 %, test from the right 25 %. Train and validation
patches may overlap among themselves; those of test never do, so that they count as independent.
Nearly constant patches (empty sky, black border) are dropped.
"""

from itertools import product
from pathlib import Path

import numpy as np

from stemma.data import image
from stemma.data.parts import Part, Raw, Reading
from stemma.errors import StemmaError

SIDE = 32
STRIPS = {"train": (0.0, 0.6), "validation": (0.6, 0.75), "test": (0.75, 1.0)}
STRIDE = {"train": 4, "validation": 16, "test": SIDE}
AT_MOST = {"train": 400, "validation": 60, "test": 100}
MIN_DEVIATION = 2.0
"""Standard deviation of the grey values (0..255) that a patch needs."""


def read(reading: Reading) -> Raw:
    """Patches of the photographs in `folder`, at most 400, 60 and 100 a class, chosen with a fixed seed.

    Raises:
        StemmaError: a photograph is missing, not RGB, or too small for its strips.
    """
    folder, entry = reading.path, reading.entry
    assert entry.classes is not None
    photographs = [_load(folder, name) for name in entry.classes]
    parts = {}
    for part in STRIPS:
        chosen = [_patches(photograph, part, label) for label, photograph in enumerate(photographs)]
        labels = np.repeat(np.arange(len(chosen)), [len(c) for c in chosen])
        parts[part] = Part(np.concatenate(chosen), labels.astype(np.int64))
    return Raw(parts, entry.classes)


def _load(folder: Path, name: str) -> np.ndarray:
    files = sorted(folder.glob(f"{name}*.*"))
    if not files:
        raise StemmaError(f"{folder}: the photograph '{name}' is missing")
    array = image.decode(files[0].read_bytes(), str(files[0]))
    if array.shape[0] != 3 or min(array.shape[1:]) < SIDE / 0.15:
        found = image.describe(array.shape)
        raise StemmaError(f"{files[0]}: {found}, expected RGB of at least {SIDE / 0.15:.0f} pixels a side")
    return array


def _patches(photograph: np.ndarray, part: str, label: int) -> np.ndarray:
    """uint8 `[N, 3, 32, 32]` of the strip of `part`: random places of its grid, in the order of the grid."""
    height, width = photograph.shape[1:]
    left, right = (round(share * width) for share in STRIPS[part])
    rows = range(0, height - SIDE + 1, STRIDE[part])
    columns = range(left, right - SIDE + 1, STRIDE[part])
    places = list(product(rows, columns))
    chosen: list[tuple[int, int]] = []
    for i in np.random.default_rng(label).permutation(len(places)):
        if len(chosen) < AT_MOST[part] and _patch(photograph, places[i]).mean(0).std() >= MIN_DEVIATION:
            chosen.append(places[i])
    return np.stack([_patch(photograph, place) for place in sorted(chosen)])


def _patch(photograph: np.ndarray, place: tuple[int, int]) -> np.ndarray:
    row, column = place
    return photograph[:, row : row + SIDE, column : column + SIDE]
