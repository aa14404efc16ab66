"""What the scikit-learn baselines share: one phase that solves on the whole set, weights without pickle."""

from pathlib import Path
from typing import Any

import numpy as np
import skops.io
from sklearn.base import BaseEstimator

from stemma.families.phase import Phase
from stemma.spec import DataSpec


class Estimator:
    """A scikit-learn classifier with the contract of a model: phases, probabilities, weights.

    A subclass sets `self.estimator` and `features`: prepared examples -> what the estimator takes.
    """

    estimator: BaseEstimator
    trusted: tuple[str, ...] = ()
    """Types beyond scikit-learn's own that its weights may hold (skops refuses all others)."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.spec = DataSpec.from_dict(spec)

    def phases(self) -> list[Phase]:
        return [Phase("fit", solve=self.solve)]

    def solve(self, split: Any) -> None:
        """Fit to the training split (`x`, `y`, `texts`)."""
        self.estimator.fit(self.features(split.x, split.texts), split.y)

    def features(self, x: np.ndarray, texts: list[str] | None) -> Any:
        raise NotImplementedError

    def probabilities(
        self, x: np.ndarray, lengths: np.ndarray | None = None, texts: list[str] | None = None
    ) -> np.ndarray:
        """Class probabilities `[N, classes]`; 0 for a class that training never saw."""
        seen = self.estimator.predict_proba(self.features(x, texts))
        result = np.zeros((len(seen), len(self.spec.classes)))
        result[:, self.estimator.classes_] = seen
        return result / result.sum(axis=1, keepdims=True)

    def parameter_count(self) -> int:
        return sum(int(np.size(value)) for value in self._coefficients())

    def _coefficients(self) -> list[np.ndarray]:
        final = self.estimator[-1] if hasattr(self.estimator, "steps") else self.estimator
        return [final.coef_, final.intercept_]

    def pictures(self) -> dict[str, np.ndarray]:
        return {}

    def save_weights(self, folder: Path) -> None:
        skops.io.dump(self.estimator, folder / "estimator.skops")

    def load_weights(self, folder: Path) -> None:
        self.estimator = skops.io.load(folder / "estimator.skops", trusted=list(self.trusted))
