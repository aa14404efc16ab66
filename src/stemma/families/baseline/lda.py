"""lda: linear discriminant analysis, a Gaussian a class with one covariance (Fisher 1936; Rao 1948)."""

from typing import Any

from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from stemma.families.baseline.estimator import Estimator


class LDA(Estimator):
    """On pixels in [0, 1] or columns; the covariance is shrunk towards a scaled identity (Ledoit, Wolf 2004)."""

    def __init__(self, spec: dict[str, Any]) -> None:
        super().__init__(spec)
        self.estimator = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
