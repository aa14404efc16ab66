"""Images as uint8 `[N, C, H, W]`, never resized, cropped or recoloured silently. For readers and serving."""

import io
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from stemma.data.parts import Resize
from stemma.data.resize import resize as to_size
from stemma.errors import StemmaError

MAX_PIXELS = 64_000_000
MAX_BYTES = 200_000_000
"""Of a file: no format here needs more for `MAX_PIXELS`."""
MAX_RATIO = 3000
"""Pixels a byte: no format here packs more of them (GIF 2,730, PNG 1,032), so a larger declared size is a lie."""
SMALL = 1 << 18
"""Pixels that any file may declare."""

FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
CHANNELS = {"L": 1, "1": 1, "RGB": 3, "P": 3}
"""Modes that are read without loss; a palette becomes RGB."""

BROKEN = (
    UnidentifiedImageError,
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    IndexError,
    KeyError,
    AttributeError,
    EOFError,
    OverflowError,
    ZeroDivisionError,
    RuntimeError,
    struct.error,
    Image.DecompressionBombError,
)
"""What Pillow's plug-ins raise on broken files."""


def decode(content: bytes, where: str) -> np.ndarray:
    """The image in `content` as uint8 `[C, H, W]`, turned upright where its EXIF data says how it was held.

    Raises:
        StemmaError: naming `where`: not an image of `FORMATS`, cut short, too large, transparent, or a mode such as
            RGBA or 16 bit.
    """
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            if image.width * image.height > max(MAX_RATIO * len(content), SMALL):
                size = f"{image.width}x{image.height} pixels"
                raise StemmaError(f"{where}: declares {size}, more than a file of its length can hold")
            return _planes(image, where)
    except UnidentifiedImageError:
        raise StemmaError(f"{where}: not a readable image (none of {', '.join(FORMATS)})") from None
    except BROKEN as error:
        raise StemmaError(f"{where}: not a readable image ({error})") from None


def _planes(image: Image.Image, where: str) -> np.ndarray:
    """Of an opened image: `decode` and serving see the same pixels."""
    if image.width * image.height > MAX_PIXELS:
        raise StemmaError(f"{where}: {image.width}x{image.height} pixels, more than {MAX_PIXELS:,}")
    clear = image.mode in CHANNELS and image.has_transparency_data
    if image.mode not in CHANNELS or clear:
        mode = f"{image.mode} with transparency" if clear else image.mode
        raise StemmaError(f"{where}: image mode {mode}; expected 8-bit grey (L) or RGB")
    upright = ImageOps.exif_transpose(image)
    array = np.asarray(upright.convert("L" if CHANNELS[image.mode] == 1 else "RGB"), np.uint8)
    return array[None] if array.ndim == 2 else np.ascontiguousarray(array.transpose(2, 0, 1))


def fitted(array: np.ndarray, shape: Sequence[int], to: Resize | None, where: str) -> np.ndarray:
    """The image `[C, H, W]` in the wanted `shape`, resized where that is asked for.

    Raises:
        StemmaError: another size and no `to`, or another number of channels.
    """
    if to is not None and array.shape[0] == shape[0]:
        array = to_size(array[None], to)[0]
    if array.shape != tuple(shape):
        hint = (
            ""
            if to or array.shape[0] != shape[0]
            else "; images are not resized silently, the key `resize` asks for it"
        )
        raise StemmaError(f"{where}: {describe(array.shape)}, expected {describe(shape)}{hint}")
    return array


def describe(shape: Sequence[int]) -> str:
    channels, height, width = shape
    return f"{ {1: 'grey', 3: 'RGB'}.get(channels, f'{channels} channels') } {height}x{width}"


def to_array(images: Any, shape: Sequence[int], resize: str = "", where: str = "image") -> np.ndarray:
    """Raw input as uint8 `[N, C, H, W]` of the wanted `shape` `(C, H, W)`.

    Args:
        images: one image or several: a path, a PIL image, or an array of whole numbers 0..255 in the form
            `[H, W]`, `[H, W, C]`, `[C, H, W]`, `[N, H, W]` (grey), `[N, H, W, C]` or `[N, C, H, W]`;
            or a list of such images.
        resize: the method by which images of another size are brought to `shape`; empty: they are refused.
        where: what errors call an image that has no path.

    Raises:
        StemmaError: another size, number of channels or range of values; what was found and expected.
    """
    if isinstance(images, (list, tuple)) and images and not _is_number(images[0]) and not _is_nested(images):
        return np.concatenate([to_array(image, shape, resize, where) for image in images])
    if isinstance(images, (str, Path)):
        return _fit(decode(_content(Path(images)), str(images)), shape, resize, str(images))
    if isinstance(images, Image.Image):
        return _fit(_planes(images, where), shape, resize, where)
    return _fit(_whole_numbers(np.asarray(images), where), shape, resize, where)


def _content(path: Path) -> bytes:
    if not path.is_file():
        raise StemmaError(f"{path}: {'a folder; expected an image file' if path.is_dir() else 'no such file'}")
    if path.stat().st_size > MAX_BYTES:
        raise StemmaError(f"{path}: {path.stat().st_size:,} bytes, more than {MAX_BYTES:,}")
    return path.read_bytes()


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating))


def _is_nested(images: Sequence[Any]) -> bool:
    """True for nested lists of numbers, as JSON brings an array."""
    first = images[0]
    while isinstance(first, (list, tuple)) and first:
        first = first[0]
    return isinstance(images[0], (list, tuple)) and _is_number(first)


def _whole_numbers(array: np.ndarray, where: str) -> np.ndarray:
    if array.dtype == np.uint8:
        return array
    if array.size == 0 or not (np.issubdtype(array.dtype, np.integer) or np.issubdtype(array.dtype, np.floating)):
        raise StemmaError(f"{where}: expected grey values 0 to 255, found {array.dtype} of shape {array.shape}")
    if not np.isfinite(array).all() or array.min() < 0 or array.max() > 255 or (array != np.round(array)).any():
        raise StemmaError(
            f"{where}: values from {array.min():g} to {array.max():g}; "
            "expected whole numbers 0 to 255 (not scaled to 0..1)"
        )
    return array.astype(np.uint8)


def _fit(array: np.ndarray, shape: Sequence[int], resize: str, where: str) -> np.ndarray:
    """`array` in the one arrangement that matches `shape`, or that does but for the size, where it may be changed."""
    channels, height, width = shape
    fits = _arranged(array, channels, height, width)
    if fits is None and resize and array.size:
        fits = _arranged(array, channels, None, None)
        fits = None if fits is None else to_size(fits, Resize(height, width, resize))
    if fits is None:
        found = "x".join(map(str, array.shape))
        hint = "" if resize else "; images are not resized silently, the key `resize` of the data asks for it"
        raise StemmaError(f"{where}: shape {found}, expected {channels}x{height}x{width}{hint}")
    return np.ascontiguousarray(fits)


def _arranged(array: np.ndarray, channels: int, height: int | None, width: int | None) -> np.ndarray | None:
    """`array` as `[N, C, H, W]`; a `height` or `width` of None may be any. None where nothing fits."""
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
            return arrange(array)
    return None
