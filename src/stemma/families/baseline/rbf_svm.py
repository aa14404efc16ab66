"""rbf_svm: a support vector machine with a Gaussian kernel (Boser, Guyon, Vapnik 1992)."""

from typing import Any

from sklearn.svm import SVC

from stemma.families.baseline.estimator import Machine


class RBFSVM(Machine):
    """On pixels in [0, 1], TF-IDF or columns; kernel exp(-gamma |x - z|^2).

    `gamma`: `scale` is 1 / (features * their variance), so that typical distances have a value near 1.
    """

    learned = ("support_vectors_", "dual_coef_", "intercept_")

    def __init__(self, spec: dict[str, Any], c: float = 1.0, gamma: float | str = "scale") -> None:
        super().__init__(spec)
        self.estimator = self.with_temperature(SVC(C=c, gamma=gamma))
