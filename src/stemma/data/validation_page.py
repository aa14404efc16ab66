"""The validation report as a page: self-contained, readable offline, light and dark."""

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader
from PIL import Image

from stemma.data.parts import Part
from stemma.files import write_text

IMAGES, TEXTS = 16, 4
"""Examples of each class on the page."""


def write(path: Path, summary: dict[str, Any], train: Part, classes: tuple[str, ...]) -> None:
    """Render `summary` with the first training examples of each class."""
    environment = Environment(loader=PackageLoader("stemma.data", "."), autoescape=True)
    shown = {name: _shown(train, label) for label, name in enumerate(classes)}
    write_text(path, environment.get_template("validation.html").render(report=summary, shown=shown))


def _shown(train: Part, label: int) -> dict[str, Any]:
    rows = np.flatnonzero(train.y == label)
    if isinstance(train.x, np.ndarray):
        rows = rows[np.linspace(0, len(rows) - 1, min(IMAGES, len(rows))).astype(int)]
        return {"sheet": _sheet(train.x[rows])} if len(rows) else {}
    return {"texts": [str(train.x[row])[:300] for row in rows[:TEXTS]]}


def _sheet(x: np.ndarray) -> str:
    """Images uint8 `[N, C, H, W]` side by side as the data address of a PNG."""
    row = np.concatenate(list(np.pad(x, ((0, 0), (0, 0), (0, 0), (0, 1)), constant_values=255)), axis=2)
    pixels = row[0] if row.shape[0] == 1 else row[:3].transpose(1, 2, 0)
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, format="PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
