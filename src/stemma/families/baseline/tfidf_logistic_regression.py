"""tfidf_logistic_regression: weighted word counts and a linear classifier."""

from typing import Any

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from stemma.families.baseline.estimator import Estimator


class TfidfLogisticRegression(Estimator):
    """Logistic regression on TF-IDF of runs of 1 to `ngrams` words (Sparck Jones 1972), from the raw text."""

    def __init__(
        self, spec: dict[str, Any], c: float = 3.0, max_iter: int = 1000, ngrams: int = 2, min_count: int = 2
    ) -> None:
        super().__init__(spec)
        vectors = TfidfVectorizer(ngram_range=(1, ngrams), min_df=min_count, sublinear_tf=True)
        self.estimator = make_pipeline(vectors, LogisticRegression(C=c, max_iter=max_iter))
