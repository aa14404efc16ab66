"""How much two images differ at the best shift (and flip), whatever their brightness and contrast."""

from typing import NamedTuple

import numpy as np

MAX_SHIFT = 2
"""Pixels."""

MAX_CONTRAST = 2.0
MAX_BRIGHTNESS = 64.0
"""Two images are the same in another light only if contrasts differ by at most that factor, and the means of each
channel by at most so many grey levels."""

TINY = 1e-3


class Aligned(NamedTuple):
    """Of each pair: what is left of the second image once the first is fitted to it, and how it was laid on."""

    distance: np.ndarray  # float32 [P]: share of the contrast unexplained, sqrt(1 - correlation^2); 0 same, 1 unrelated
    down: np.ndarray  # int64 [P], pixels
    right: np.ndarray
    flipped: np.ndarray  # bool [P]


def blurred(x: np.ndarray) -> np.ndarray:
    """float32 `[N, C, H, W]` after a binomial 3x3 filter, which leaves three eighths of white noise's deviation."""
    return _filter(x.shape[2]) @ x.astype(np.float32) @ _filter(x.shape[3]).T


def _filter(size: int) -> np.ndarray:
    """(1, 2, 1) / 4 along an axis as a matrix, the edge repeated: a product is faster than sums of slices."""
    identity = np.pad(np.eye(size, dtype=np.float32), ((1, 1), (0, 0)), mode="edge")
    return np.asarray((identity[:-2] + 2 * identity[1:-1] + identity[2:]) / 4)


def align(a: np.ndarray, b: np.ndarray, mirrored: bool) -> Aligned:
    """Compare pair by pair the middle of `a` with `b`, both uint8 `[P, C, H, W]`, over all shifts up to `reach`.

    The shift is found on the mean of the channels; the distance then takes each channel less its mean.
    """
    a, b = blurred(a), blurred(b)
    correlation, down, right = best_shift(a.mean(1), b.mean(1))
    flipped = np.zeros(len(a), bool)
    if mirrored:
        other, *corner = best_shift(a.mean(1), b.mean(1)[:, :, ::-1])
        flipped = other > correlation
        down, right = np.where(flipped, corner, (down, right))
        b = np.where(flipped[:, None, None, None], b[..., ::-1], b)
    distance = _distance(middle(a), _window(b, down, right, reach(a)))
    return Aligned(distance, down - reach(a), right - reach(a), flipped)


def reach(x: np.ndarray) -> int:
    """Pixels of shift that are searched: 2, less for images under 24 pixels."""
    return min(MAX_SHIFT, min(x.shape[-2:]) // 12)


def middle(x: np.ndarray) -> np.ndarray:
    """`[..., H, W]` without a rim as wide as the reach, so that every shift compares as many pixels."""
    rim = reach(x)
    return x[..., rim : x.shape[-2] - rim, rim : x.shape[-1] - rim]


def best_shift(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Greatest correlation of the middle of `a` with a window of `b` (float32 `[P, H, W]`), and the window's corner."""
    inner = middle(a)
    height, width = inner.shape[1:]
    inner = inner - inner.mean((1, 2), keepdims=True)
    inner /= np.maximum(np.sqrt(np.einsum("phw,phw->p", inner, inner)), TINY)[:, None, None]
    b = b - b.mean((1, 2), keepdims=True)
    sums, squares = _window_sums(b, height, width), _window_sums(b * b, height, width)
    products = np.empty(sums.shape, np.float32)
    for down, right in np.ndindex(*sums.shape[1:]):
        products[:, down, right] = np.einsum("phw,phw->p", inner, b[:, down : down + height, right : right + width])
    products /= np.sqrt(np.maximum(squares - sums * sums / (height * width), TINY**2))
    best = products.reshape(len(a), -1).argmax(1)
    down, right = np.divmod(best, sums.shape[2])
    return products.reshape(len(a), -1)[np.arange(len(a)), best], down, right


def _window_sums(x: np.ndarray, height: int, width: int) -> np.ndarray:
    """Sums over all windows of that size, float32 `[P, shifts, shifts]`."""
    rows, columns = (
        np.lib.stride_tricks.sliding_window_view(np.eye(n, dtype=np.float32), k, 1).sum(2).T
        for n, k in ((x.shape[1], height), (x.shape[2], width))
    )
    return np.asarray(rows @ x @ columns.T)


def _window(x: np.ndarray, down: np.ndarray, right: np.ndarray, rim: int) -> np.ndarray:
    """Of each image the window with that corner, `[P, C, H - 2 rim, W - 2 rim]`."""
    rows = down[:, None] + np.arange(x.shape[2] - 2 * rim)
    columns = right[:, None] + np.arange(x.shape[3] - 2 * rim)
    number, channel = np.arange(len(x))[:, None, None, None], np.arange(x.shape[1])[:, None, None]
    return np.asarray(x[number, channel, rows[:, None, :, None], columns[:, None, None, :]])


def _distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    mean_a, mean_b = a.mean((2, 3), keepdims=True), b.mean((2, 3), keepdims=True)
    a, b = a - mean_a, b - mean_b
    size_a, size_b = (np.sqrt(np.einsum("pchw,pchw->p", x, x)) for x in (a, b))
    correlation = np.einsum("pchw,pchw->p", a, b) / np.maximum(size_a * size_b, TINY)
    light = (np.abs(mean_a - mean_b).max((1, 2, 3)) <= MAX_BRIGHTNESS) & (
        np.maximum(size_a, size_b) <= MAX_CONTRAST * np.minimum(size_a, size_b)
    )
    return np.where(light, np.sqrt(1 - np.clip(correlation, 0, 1) ** 2), 1).astype(np.float32)
