"""A short vector an image that shifts, noise and re-compression hardly move and that tells images apart."""

import numpy as np

FREQUENCIES = 7
DIMENSIONS = 64
SAMPLE = 2000
SHIFTS = ((2, 2), (-2, 2), (1, 0), (0, -1))
NOISE = 10.0
"""Standard deviation in grey levels."""


def spectrum(x: np.ndarray, mirrored: bool) -> np.ndarray:
    """Magnitudes of the lowest Fourier coefficients of `[N, C, H, W]`, float32 `[N, F]`, of length 1.

    A (circular) shift leaves them as they are, brightness acts on the constant alone (removed) and contrast on
    the length. `mirrored`: nor does a horizontal flip change them, which exchanges the coefficients (u, v) and (-u, v).
    """
    x = x.astype(np.float32)
    side = min(FREQUENCIES, (min(x.shape[2:]) + 1) // 2)
    (cos_u, sin_u), (cos_v, sin_v) = _waves(x.shape[2], side), _waves(x.shape[3], side)
    x = x - x.mean((2, 3), keepdims=True)
    even, odd = x @ cos_v.T, x @ sin_v.T
    down = np.hypot(cos_u @ even - sin_u @ odd, sin_u @ even + cos_u @ odd)
    up = np.hypot(cos_u @ even + sin_u @ odd, sin_u @ even - cos_u @ odd)
    if mirrored:
        down, up = down + up, np.abs(down - up)
    values = np.concatenate([down, up[:, :, 1:]], 2).reshape(len(x), -1)
    return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-3)


def _waves(size: int, count: int) -> np.ndarray:
    """Cosine and sine of the lowest frequencies: float32 `[2, count, size]`. So few are quicker than an FFT."""
    angle = 2 * np.pi / size * np.outer(np.arange(count), np.arange(size))
    return np.stack([np.cos(angle), np.sin(angle)]).astype(np.float32)


def learn(x: np.ndarray, mirrored: bool) -> np.ndarray:
    """The projection float32 `[F, D]` that best tells the images of a sample from changed copies of themselves.

    Linear discriminant analysis (Fisher 1936) with every image as a class of its own: the variance between
    images is large and that of the copies (shifted, noisy) is 1 in every direction.
    """
    import scipy.linalg

    plain = spectrum(x, mirrored)
    copies = [shifted(x, *by) for by in SHIFTS]
    copies.append(x + np.random.default_rng(0).normal(0, NOISE, x.shape).astype(np.float32))
    changes = np.concatenate([spectrum(copy, mirrored) - plain for copy in copies])
    within = changes.T @ changes / len(changes)
    within += np.eye(len(within)) * max(np.trace(within) / len(within) / 100, 1e-9)
    between = np.cov(plain.T)
    size = len(within)
    _, vectors = scipy.linalg.eigh(between, within, subset_by_index=(max(size - DIMENSIONS, 0), size - 1))
    return np.asarray(vectors, np.float32)


def shifted(x: np.ndarray, down: int, right: int) -> np.ndarray:
    """`[..., H, W]` moved by whole pixels; the edge pixels are repeated."""
    height, width = x.shape[-2:]
    rows, columns = np.arange(height) - down, np.arange(width) - right
    return x[..., rows.clip(0, height - 1)[:, None], columns.clip(0, width - 1)]
