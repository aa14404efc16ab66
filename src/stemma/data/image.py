"""Images as uint8 `[N, C, H, W]`, never resized, cropped or recoloured silently. For readers and serving."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from stemma.errors import StemmaError

MAX_PIXELS = 64_000_000
CHANNELS = {"L": 1, "1": 1, "RGB": 3, "P": 3}
"""Modes that are read without loss; a palette becomes RGB."""


def decode(content: bytes, where: str) -> np.ndarray:
    """The image in `content` as uint8 `[C, H, W]`.

    Raises:
        StemmaError: naming `where`: not an image, cut short, too large, or a mode such as RGBA or 16 bit.
    """
    try:
        with Image.open(io.BytesIO(content)) as image:
            return _planes(image, where)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise StemmaError(f"{where}: not a readable image ({error})") from None


def _planes(image: Image.Image, where: str) -> np.ndarray:
    if image.width * image.height > MAX_PIXELS:
        raise StemmaError(f"{where}: {image.width}x{image.height} pixels, more than {MAX_PIXELS:,}")
    if image.mode not in CHANNELS:
        raise StemmaError(f"{where}: image mode {image.mode}; expected 8-bit grey (L) or RGB")
    array = np.asarray(image.convert("L" if CHANNELS[image.mode] == 1 else "RGB"), np.uint8)
    return array[None] if array.ndim == 2 else np.ascontiguousarray(array.transpose(2, 0, 1))


def describe(shape: Sequence[int]) -> str:
    channels, height, width = shape
    return f"{ {1: 'grey', 3: 'RGB'}.get(channels, f'{channels} channels') } {height}x{width}"


def to_array(images: Any, shape: Sequence[int]) -> np.ndarray:
    """Raw input as uint8 `[N, C, H, W]` of the wanted `shape` `(C, H, W)`.

    Args:
        images: one image or several: a path, a PIL image, or an array of whole numbers 0..255 in the form
            `[H, W]`, `[H, W, C]`, `[C, H, W]`, `[N, H, W]` (grey), `[N, H, W, C]` or `[N, C, H, W]`;
            or a list of such images.

    Raises:
        StemmaError: another size, number of channels or range of values; what was found and expected.
    """
    if isinstance(images, (list, tuple)) and images and not _is_number(images[0]) and not _is_nested(images):
        return np.concatenate([to_array(image, shape) for image in images])
    if isinstance(images, (str, Path)):
        return _fit(decode(_content(Path(images)), str(images)), shape, str(images))
    if isinstance(images, Image.Image):
        return _fit(_planes(images, "image"), shape, "image")
    return _fit(_whole_numbers(np.asarray(images)), shape, "image")


def _content(path: Path) -> bytes:
    if not path.is_file():
        raise StemmaError(f"{path}: no such file")
    return path.read_bytes()


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating))


def _is_nested(images: Sequence[Any]) -> bool:
    """True for nested lists of numbers, as JSON brings an array."""
    first = images[0]
    while isinstance(first, (list, tuple)) and first:
        first = first[0]
    return isinstance(images[0], (list, tuple)) and _is_number(first)


def _whole_numbers(array: np.ndarray) -> np.ndarray:
    if array.dtype == np.uint8:
        return array
    if array.size == 0 or not (np.issubdtype(array.dtype, np.integer) or np.issubdtype(array.dtype, np.floating)):
        raise StemmaError(f"image: expected grey values 0 to 255, found {array.dtype} of shape {array.shape}")
    if not np.isfinite(array).all() or array.min() < 0 or array.max() > 255 or (array != np.round(array)).any():
        raise StemmaError(
            f"image: values from {array.min():g} to {array.max():g}; "
            "expected whole numbers 0 to 255 (not scaled to 0..1)"
        )
    return array.astype(np.uint8)


def _fit(array: np.ndarray, shape: Sequence[int], where: str) -> np.ndarray:
    """`array` in the one arrangement that matches `shape`."""
    channels, height, width = shape
    forms = [
        ((channels, height, width), lambda a: a[None]),
        ((height, width, channels), lambda a: a.transpose(2, 0, 1)[None]),
        ((None, channels, height, width), lambda a: a),
        ((None, height, width, channels), lambda a: a.transpose(0, 3, 1, 2)),
    ]
    if channels == 1:
        forms += [((height, width), lambda a: a[None, None]), ((None, height, width), lambda a: a[:, None])]
    for form, arrange in forms:
        if len(form) == array.ndim and all(want in (None, have) for want, have in zip(form, array.shape, strict=True)):
            return np.ascontiguousarray(arrange(array))
    found = "x".join(map(str, array.shape))
    raise StemmaError(f"{where}: shape {found}, expected {channels}x{height}x{width}; images are not resized silently")
