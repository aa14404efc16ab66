"""ridge: least squares with a penalty on the weights (Hoerl, Kennard 1970)."""

from typing import Any

from sklearn import linear_model

from stemma.families.baseline.estimator import Estimator


class Ridge(Estimator):
    """Linear regression on pixels in [0, 1], TF-IDF or columns; `alpha` is the L2 penalty."""

    def __init__(self, spec: dict[str, Any], alpha: float = 1.0) -> None:
        super().__init__(spec)
        self.estimator = self.on(linear_model.Ridge(alpha=alpha))
