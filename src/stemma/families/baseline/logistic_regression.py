"""logistic_regression: on raw pixels or columns (Cox 1958)."""

from typing import Any

from sklearn import linear_model

from stemma.families.baseline.estimator import Estimator


class LogisticRegression(Estimator):
    """Multinomial logistic regression on pixels in [0, 1] or columns; `c` is the inverse of the L2 penalty."""

    def __init__(self, spec: dict[str, Any], c: float = 1.0, max_iter: int = 200) -> None:
        super().__init__(spec)
        self.estimator = linear_model.LogisticRegression(C=c, max_iter=max_iter)
