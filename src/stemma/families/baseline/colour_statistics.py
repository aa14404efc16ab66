"""colour_statistics: how far the colours alone reach."""

from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from stemma.families.baseline.estimator import Estimator


class ColourStatistics(Estimator):
    """Logistic regression on mean and standard deviation of each channel, with their squares and products.

    Six numbers an RGB image. The squares let a class be a range of colours rather than a direction.
    """

    def __init__(self, spec: dict[str, Any], c: float = 100.0, max_iter: int = 1000) -> None:
        super().__init__(spec)
        self.estimator = make_pipeline(
            StandardScaler(), PolynomialFeatures(2, include_bias=False), LogisticRegression(C=c, max_iter=max_iter)
        )

    def features(self, x: np.ndarray, texts: list[str] | None) -> np.ndarray:
        pixels = np.asarray(x) / np.float32(255)
        return np.concatenate([pixels.mean((2, 3)), pixels.std((2, 3))], axis=1)
