"""Pictures as data URIs: contact sheets of filters and samples, and single mistakes."""

import base64
from io import BytesIO
from math import ceil, sqrt
from typing import Any

import numpy as np
from PIL import Image

TILE = 26
"""Pixels that a tile of a contact sheet is shown at, at least."""


def data_uri(picture: np.ndarray) -> str:
    """PNG of uint8 `[H, W, C]`, C of 1, 3 or 4."""
    buffer = BytesIO()
    Image.fromarray(picture[:, :, 0] if picture.shape[2] == 1 else picture).save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def sheet(tiles: np.ndarray, columns: int | None = None) -> dict[str, Any]:
    """All of uint8 `[n, H, W, C]` on a sheet with transparent gaps: its URI and width on the page.

    `columns`: tiles beside each other; None makes the sheet near-square.
    """
    number, height, width, _ = tiles.shape
    columns = columns or ceil(sqrt(number))
    rows = ceil(number / columns)
    colours = np.repeat(tiles, 3, axis=3) if tiles.shape[3] == 1 else tiles
    picture = np.zeros((rows * (height + 1) - 1, columns * (width + 1) - 1, 4), np.uint8)
    for index, tile in enumerate(colours):
        top, left = (index // columns) * (height + 1), (index % columns) * (width + 1)
        picture[top : top + height, left : left + width, :3] = tile
        picture[top : top + height, left : left + width, 3] = 255
    scale = max(1, round(TILE / width))
    return {"uri": data_uri(picture), "width": picture.shape[1] * scale, "count": number}
