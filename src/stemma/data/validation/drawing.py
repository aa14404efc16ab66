"""Small pictures inside a page: images as PNG data addresses, distributions and curves as SVG."""

import base64
import io

import numpy as np
from markupsafe import Markup
from PIL import Image

LARGEST_SIDE = 64
"""Pixels; larger images are thinned out."""
BINS = 24


def sheet(x: np.ndarray) -> str:
    """Images uint8 `[N, C, H, W]` side by side as the data address of a PNG."""
    step = max(1, -(-max(x.shape[2:]) // LARGEST_SIDE))
    row = np.concatenate(list(np.pad(x[..., ::step, ::step], ((0, 0), (0, 0), (0, 0), (0, 1)))), axis=2)[..., :-1]
    pixels = row[:3].transpose(1, 2, 0) if row.shape[0] >= 3 else row[0]
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, format="PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def edges(values: np.ndarray) -> np.ndarray:
    """Borders of the bins of finite `values`: one a whole number where there are few, else equal widths."""
    low, high = float(values.min()), float(values.max())
    if (values == np.floor(values)).all() and high - low < BINS:
        return np.arange(low, high + 2) - 0.5
    return np.linspace(low, high if high > low else low + 1, BINS + 1)


def histogram(values: np.ndarray, borders: np.ndarray, name: str) -> Markup:
    """Bars of the finite `values` between `borders`; a line of text says the same to a screen reader."""
    values = values[np.isfinite(values)]
    counts = np.histogram(values, borders)[0]
    highest = max(int(counts.max(initial=0)), 1)
    bars = [
        f'<rect x="{i + 0.05:g}" y="{1 - n / highest:.3f}" width="0.9" height="{n / highest:.3f}">'
        f"<title>{int(n):,} from {number(borders[i])} to {number(borders[i + 1])}</title></rect>"
        for i, n in enumerate(counts)
        if n
    ]
    spoken = f"{name}: {len(values):,} values" + (
        f" from {number(values.min())} to {number(values.max())}, middle {number(np.median(values))}"
        if len(values)
        else ""
    )
    return _svg("histogram", f"0 0 {len(counts)} 1", spoken, "".join(bars))


def curves(values: np.ndarray, name: str, most: int = 4) -> Markup:
    """The first `most` features of float `[T, F]` over time, each between its least and largest value."""
    columns = values.reshape(len(values), -1)[:, :most].T
    lines = [
        f'<polyline class="line{i}" points="{_points(column)}" vector-effect="non-scaling-stroke"/>'
        for i, column in enumerate(columns)
    ]
    return _svg("curve", f"0 -0.05 {max(len(values) - 1, 1)} 1.1", name, "".join(lines))


def _points(column: np.ndarray) -> str:
    column = np.nan_to_num(column.astype(np.float64))
    scaled = 1 - (column - column.min(initial=0)) / (np.ptp(column) or 1.0)
    return " ".join(f"{i},{value:.3f}" for i, value in enumerate(scaled))


def _svg(kind: str, box: str, spoken: str, inside: str) -> Markup:
    start = Markup('<svg class="{}" viewBox="{}" preserveAspectRatio="none" role="img" aria-label="{}">').format(
        kind, box, spoken
    )
    return start + Markup(inside + "</svg>")  # noqa: S704 - numbers alone


def number(value: float) -> str:
    """At most four significant digits, thousands apart."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
