"""naive_bayes: features independent of each other within a class (Maron 1961; McCallum, Nigam 1998)."""

from typing import Any

from sklearn.naive_bayes import GaussianNB, MultinomialNB

from stemma.families.baseline.estimator import Estimator


class NaiveBayes(Estimator):
    """Gaussian for pixels and columns, multinomial for counts of words.

    `smoothing`: what is added to each variance, as a share of the largest one; or to each count.
    """

    def __init__(self, spec: dict[str, Any], smoothing: float | None = None) -> None:
        super().__init__(spec)
        if self.spec.kind == "text":
            self.learned = ("feature_log_prob_", "class_log_prior_")
            self.estimator = self.on(MultinomialNB(alpha=1.0 if smoothing is None else smoothing), counts=True)
        else:
            self.learned = ("theta_", "var_", "class_prior_")
            self.estimator = GaussianNB(var_smoothing=1e-9 if smoothing is None else smoothing)
