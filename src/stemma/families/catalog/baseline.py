"""Estimators to compare with."""

from typing import Literal

from stemma.families.catalog.base import Count, Entry, Positive, at

BASELINE: dict[str, Entry] = {
    "logistic_regression": Entry(
        "baseline",
        ("image", "table"),
        "Cox 1958",
        at("baseline.logistic_regression", "LogisticRegression"),
        {"c": Positive, "max_iter": Count},
        descends="none",
    ),
    "colour_statistics": Entry(
        "baseline",
        ("image",),
        "Swain, Ballard 1991 (recognition by colour alone), reduced to mean and deviation of each channel",
        at("baseline.colour_statistics", "ColourStatistics"),
        {"c": Positive, "max_iter": Count},
        descends="none",
    ),
    "tfidf_logistic_regression": Entry(
        "baseline",
        ("text",),
        "Sparck Jones 1972; Cox 1958",
        at("baseline.tfidf_logistic_regression", "TfidfLogisticRegression"),
        {"c": Positive, "max_iter": Count, "ngrams": Count, "min_count": Count},
        descends="none",
    ),
    "ridge": Entry(
        "baseline",
        ("image", "text", "table"),
        "Hoerl, Kennard 1970",
        at("baseline.ridge", "Ridge"),
        {"alpha": Positive},
        ("regress",),
        descends="none",
    ),
    "linear_svm": Entry(
        "baseline",
        ("image", "text", "table"),
        "Cortes, Vapnik 1995",
        at("baseline.linear_svm", "LinearSVM"),
        {"c": Positive, "max_iter": Count},
        descends="none",
    ),
    "rbf_svm": Entry(
        "baseline",
        ("image", "text", "table"),
        "Boser, Guyon, Vapnik 1992",
        at("baseline.rbf_svm", "RBFSVM"),
        {"c": Positive, "gamma": Literal["scale"] | Positive},
        descends="none",
    ),
    "naive_bayes": Entry(
        "baseline",
        ("image", "text", "table"),
        "Maron 1961; McCallum, Nigam 1998 (multinomial)",
        at("baseline.naive_bayes", "NaiveBayes"),
        {"smoothing": Positive},
        descends="none",
    ),
    "decision_tree": Entry(
        "baseline",
        ("image", "text", "table"),
        "Breiman, Friedman, Olshen, Stone 1984",
        at("baseline.decision_tree", "DecisionTree"),
        {"max_depth": Count, "min_leaf": Count},
        descends="none",
    ),
    "knn": Entry(
        "baseline",
        ("image", "text", "table"),
        "Fix, Hodges 1951; Cover, Hart 1967",
        at("baseline.knn", "KNN"),
        {"neighbours": Count, "weights": Literal["uniform", "distance"]},
        descends="none",
    ),
    "lda": Entry(
        "baseline",
        ("image", "table"),
        "Fisher 1936; Rao 1948; Ledoit, Wolf 2004 (shrinkage)",
        at("baseline.lda", "LDA"),
        {},
        descends="none",
    ),
    "pca": Entry(
        "baseline",
        ("image", "text", "table"),
        "Pearson 1901; Hotelling 1933",
        at("baseline.pca", "PCA"),
        {"components": Count, "words": Count},
        ("reconstruct",),
        descends="none",
    ),
}
