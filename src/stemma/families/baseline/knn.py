"""knn: the classes of the nearest training examples (Fix, Hodges 1951; Cover, Hart 1967)."""

from typing import Any

from sklearn.neighbors import KNeighborsClassifier

from stemma.families.baseline.estimator import Estimator


class KNN(Estimator):
    """Euclidean distance of pixels, TF-IDF or columns; its parameters are the training examples that it keeps."""

    learned = ("_fit_X",)

    def __init__(self, spec: dict[str, Any], neighbours: int = 5, weights: str = "uniform") -> None:
        super().__init__(spec)
        self.estimator = self.on(KNeighborsClassifier(neighbours, weights=weights, algorithm="brute"))
