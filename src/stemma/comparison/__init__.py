"""Run files -> results: a ranked table with intervals, paired differences, learning curves. Torch-free."""

from stemma.comparison.curves import learning_curves
from stemma.comparison.families import FAMILY_COLOURS, FAMILY_COLOURS_DARK, FAMILY_MARKERS, FAMILY_NAMES
from stemma.comparison.table import compare

__all__ = [
    "FAMILY_COLOURS",
    "FAMILY_COLOURS_DARK",
    "FAMILY_MARKERS",
    "FAMILY_NAMES",
    "compare",
    "learning_curves",
]
