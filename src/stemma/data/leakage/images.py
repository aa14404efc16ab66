"""Near duplicates among images: moved by a pixel or two, noisy, compressed again, brighter, flipped."""

import numpy as np

from stemma.data.leakage import thresholds
from stemma.data.leakage.alignment import Aligned, align
from stemma.data.leakage.examples import Examples
from stemma.data.leakage.neighbours import CANDIDATES, NONE, Pairs, candidates, nearest
from stemma.data.leakage.signature import SAMPLE, learn, spectrum

MOST = 0.35
"""No pair that differs by more of its contrast is called a duplicate (correlation 0.94)."""

READ, COMPARED = 4096, 512
"""Images read, and pairs compared, at once."""

SIDE = 32
"""Images are reduced by a whole factor until the shorter side is below twice this; a shift shrinks with them."""


def near(examples: Examples, numbers: np.ndarray, mirrored: bool) -> tuple[Pairs, np.ndarray]:
    """Pairs among the examples `numbers` (distinct ones, ascending) nearer than their classes are by nature.

    Also the numbers of the nearest of each, int64 `[len(numbers), K]`.
    """
    if len(numbers) < 2:
        return NONE, np.zeros((len(numbers), 0), np.int64)
    rows = nearest(_signatures(examples, numbers, mirrored), thresholds.NEIGHBOURS)
    limits = _limits(examples, numbers, rows, mirrored)
    first, second = candidates(rows[:, :CANDIDATES])
    a, b = numbers[first], numbers[second]
    found, change = _compare(examples, a, b, mirrored)
    keep = found.distance <= np.minimum(limits[examples.classes[a]], limits[examples.classes[b]])
    return (a[keep], b[keep], found.distance[keep], change[keep].tolist()), numbers[rows]


def _signatures(examples: Examples, numbers: np.ndarray, mirrored: bool) -> np.ndarray:
    chosen = numbers[np.linspace(0, len(numbers) - 1, min(SAMPLE, len(numbers))).astype(np.int64)]
    projection = learn(_read(examples, chosen), mirrored)
    starts = range(0, len(numbers), READ)
    return np.concatenate([spectrum(_read(examples, numbers[i : i + READ]), mirrored) @ projection for i in starts])


def _limits(examples: Examples, numbers: np.ndarray, rows: np.ndarray, mirrored: bool) -> np.ndarray:
    own = thresholds.sample(examples.classes[numbers])
    a, b = numbers[np.repeat(own, rows.shape[1])], numbers[rows[own].ravel()]
    distances = _compare(examples, a, b, mirrored)[0].distance.reshape(len(own), -1)
    return thresholds.by_class(distances, examples.classes[numbers[own]], int(examples.classes.max()) + 1, MOST)


def _compare(examples: Examples, a: np.ndarray, b: np.ndarray, mirrored: bool) -> tuple[Aligned, np.ndarray]:
    found, changes = [], [np.zeros(0, "U10")]
    for i in range(0, len(a), COMPARED):
        x, y = _read(examples, a[i : i + COMPARED]), _read(examples, b[i : i + COMPARED])
        found.append(align(x, y, mirrored))
        changes.append(_change(x, y, found[-1]))
    return Aligned(*(np.concatenate(column) for column in zip(*found, strict=True))), np.concatenate(changes)


def _change(a: np.ndarray, b: np.ndarray, found: Aligned) -> np.ndarray:
    """A guess at what was done: moved or flipped, else brightness or contrast if that is most of it, else noise."""
    a, b = a.reshape(len(a), -1).astype(np.float32), b.reshape(len(b), -1).astype(np.float32)
    contrast = np.minimum(a.std(1), b.std(1))
    light = np.hypot(a.mean(1) - b.mean(1), a.std(1) - b.std(1)) > found.distance * contrast
    moved = (found.down != 0) | (found.right != 0)
    return np.select([found.flipped, moved, light], ["flip", "shift", "brightness"], "noise")


def _read(examples: Examples, numbers: np.ndarray) -> np.ndarray:
    """The images, larger ones as means of square blocks: float32 or uint8 `[N, C, H, W]`."""
    x = examples.images(numbers)
    block = min(x.shape[2:]) // SIDE
    if block < 2:
        return x
    height, width = x.shape[2] // block, x.shape[3] // block
    x = x[:, :, : height * block, : width * block].reshape(*x.shape[:2], height, block, width, block)
    return x.mean((3, 5), dtype=np.float32)
