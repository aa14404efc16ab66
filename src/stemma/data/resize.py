"""Bringing images to another size, only where a slot asks for it."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from stemma.data import shards
from stemma.data.parts import IMAGES, Part, Raw, Resize
from stemma.errors import unknown

FILTERS = {
    "mean": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
"""Pillow's filters, which widen with the scale when an image becomes smaller; mean: of the area of a new pixel."""


def resize(x: np.ndarray, to: Resize) -> np.ndarray:
    """uint8 `[N, C, H, W]` -> uint8 `[N, C, to.height, to.width]`.

    Raises:
        StemmaError: an unknown method.
    """
    if to.method not in (*FILTERS, "max"):
        raise unknown("resize.method", to.method, (*FILTERS, "max"))
    if x.shape[2:] == (to.height, to.width):
        return x
    if to.method == "max":
        return _largest(_largest(x, to.height, 2), to.width, 3)
    size, by = (to.width, to.height), FILTERS[to.method]
    planes = (np.asarray(Image.fromarray(plane).resize(size, by)) for plane in x.reshape(-1, *x.shape[2:]))
    result = np.empty((len(x) * x.shape[1], to.height, to.width), np.uint8)
    for target, plane in zip(result, planes, strict=True):
        target[:] = plane
    return result.reshape(*x.shape[:2], to.height, to.width)


def _largest(x: np.ndarray, size: int, axis: int) -> np.ndarray:
    """The largest value of all pixels that a new one touches, along one axis."""
    old = x.shape[axis]
    spans = [(i * old // size, -(-(i + 1) * old // size)) for i in range(size)]
    return np.stack([x.take(range(start, end), axis).max(axis) for start, end in spans], axis)


def resized(raw: Raw, to: Resize | None, scratch: Path) -> Raw:
    """`raw` with images of the size asked for, gone through a piece at a time by way of files in `scratch`."""
    if to is None or not all(isinstance(part.x, IMAGES) for part in raw.parts.values()):
        return raw
    return Raw({name: _part(part, name, to, scratch) for name, part in raw.parts.items()}, raw.classes)


def _part(part: Part, name: str, to: Resize, scratch: Path) -> Part:
    if tuple(part.x.shape[2:]) == (to.height, to.width):
        return part
    shards.save(scratch, f"{name}_resized", _pieces(part.x, to))
    return Part(shards.load(scratch, f"{name}_resized"), part.y, part.groups)


def _pieces(x: shards.Array, to: Resize) -> Iterator[np.ndarray]:
    """The resized images in pieces that neither before nor after (nor between the two axes) exceed `CHUNK_BYTES`."""
    _, channels, height, width = x.shape
    size = max(1, shards.CHUNK_BYTES // (channels * max(height, to.height) * max(width, to.width)))
    for start in range(0, len(x), size):
        yield resize(np.asarray(x[start : start + size]), to)
