"""What a comparison finds."""

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from stemma.drift.samples import Sample

NO_DRIFT, DRIFT = 0, 3
"""Exit codes; 2 is a user's mistake."""


@dataclass(frozen=True)
class Item:
    """A class, token or column within a test.

    Attributes:
        reference, current: its share, or the column's mean.
        effect: the change as the test measures it: the difference of shares, or the largest distance between
            the distribution functions less what chance gives.
        p_value: corrected for the number of columns of the test; None where only the test as a whole has one.
    """

    name: str
    reference: float
    current: float
    effect: float
    p_value: float | None = None


@dataclass(frozen=True)
class Test:
    """One two-sample test.

    Attributes:
        name: labels, target, pixels, form, words, columns, features or predictions.
        method: the statistic, in words.
        p_value: share of the arrangements that are at least as extreme.
        adjusted: the p-value corrected for the number of tests (Holm 1979).
        effect: size of the change beyond what chance gives, 0 none; see docs/drift.md for the scale.
        drifted: `adjusted` is at most alpha and `effect` at least the minimal effect.
        items: what changed most, first.
    """

    __test__ = False

    name: str
    method: str
    p_value: float
    adjusted: float
    effect: float
    drifted: bool
    items: tuple[Item, ...] = ()


@dataclass(frozen=True)
class Evidence:
    """What the page draws: both samples as compared, their columns, and how typical each example is.

    Attributes:
        columns: name -> values of the reference, of the current examples.
        typical: witness function of the features (Gretton et al. 2012, section 2.3) of the reference and the
            current examples: high where the current sample is dense and the reference is not; an example does not
            count for itself.
    """

    reference: Sample
    current: Sample
    columns: dict[str, tuple[np.ndarray, np.ndarray]]
    typical: tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Report:
    """The verdict and what it rests on.

    Attributes:
        compared: examples of the reference and of the current data that were compared.
        available: how many there are.
        unit: what was permuted: `example` or `group`.
        notes: what a reader should know of this comparison.
    """

    reference: str
    current: str
    kind: str
    compared: tuple[int, int]
    available: tuple[int, int]
    unit: str
    arrangements: int
    alpha: float
    min_effect: float
    drift: bool
    tests: tuple[Test, ...]
    notes: tuple[str, ...] = ()
    evidence: Evidence | None = field(default=None, repr=False, compare=False)

    @property
    def exit_code(self) -> int:
        return DRIFT if self.drift else NO_DRIFT

    def to_dict(self) -> dict[str, Any]:
        """For JSON: all but the evidence."""
        return asdict(self, dict_factory=lambda pairs: {k: v for k, v in pairs if k != "evidence"})

    def line(self) -> str:
        """The finding in one line."""
        found = [f"{t.name} (p {t.adjusted:.3g}, effect {t.effect:.3f})" for t in self.tests if t.drifted]
        sizes = f"{self.compared[1]:,} of {self.current} against {self.compared[0]:,} of {self.reference}"
        return f"drift in {', '.join(found)}: {sizes}" if self.drift else f"no drift: {sizes}"
