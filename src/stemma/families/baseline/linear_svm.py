"""linear_svm: a linear support vector machine (Cortes, Vapnik 1995), a class against the rest."""

from typing import Any

from sklearn.svm import LinearSVC

from stemma.families.baseline.estimator import Machine


class LinearSVM(Machine):
    """On pixels in [0, 1], TF-IDF or columns; `c` is the inverse of the L2 penalty, the hinge is squared."""

    def __init__(self, spec: dict[str, Any], c: float = 1.0, max_iter: int = 1000) -> None:
        super().__init__(spec)
        self.estimator = self.with_temperature(LinearSVC(C=c, max_iter=max_iter, random_state=0))
