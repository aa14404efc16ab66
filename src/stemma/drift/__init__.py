"""Drift: has the data changed against what a model was trained on? Two-sample tests, a verdict, a page."""

from stemma.drift.detect import compare
from stemma.drift.result import Item, Report, Test

__all__ = ["Item", "Report", "Test", "compare"]
