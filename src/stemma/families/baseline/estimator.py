"""What the scikit-learn baselines share: one phase that solves on the whole set, weights without pickle."""

import re
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile, ZipInfo

import numpy as np
import skops.io
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.pipeline import Pipeline, make_pipeline

from stemma.errors import StemmaError
from stemma.families.phase import Phase
from stemma.spec import DataSpec

FOLDS = 3
"""Parts in which a temperature is fitted: each on the answers of a model that was fitted to the others."""


class Estimator:
    """A scikit-learn classifier or regressor with the contract of a model: phases, predictions, weights.

    A subclass sets `self.estimator`, by `on` where it takes texts too.
    """

    differentiable = False
    estimator: BaseEstimator
    learned: tuple[str, ...] = ("coef_", "intercept_")
    """Attributes of the fitted estimator whose numbers count as its parameters."""
    trusted: tuple[str, ...] = ("scipy.sparse._csr.csr_matrix",)
    """Types beyond those that skops trusts by itself that its weights may hold; all others are refused."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.spec = DataSpec.from_dict(spec)

    def on(self, estimator: BaseEstimator, counts: bool = False) -> BaseEstimator:
        """`estimator` for the data's kind: behind TF-IDF (or `counts`) of the words where they are texts."""
        if self.spec.kind != "text":
            return estimator
        return make_pipeline(CountVectorizer() if counts else TfidfVectorizer(sublinear_tf=True), estimator)

    def phases(self) -> list[Phase]:
        return [Phase("fit", solve=self.solve)]

    def solve(self, split: Any) -> None:
        """Fit to the training split (`x`, `y`, `texts`)."""
        self.estimator.fit(self.features(split.x, split.texts), split.y)

    def features(self, x: np.ndarray, texts: list[str] | None) -> Any:
        """Prepared examples -> what the estimator takes: flat pixels in [0, 1], texts, or columns."""
        if self.spec.kind == "text":
            assert texts is not None, "a prepared text set carries its texts"
            return texts
        flat = np.asarray(x).reshape(len(x), -1)
        return flat / np.float32(255) if self.spec.kind == "image" else flat

    def predict(self, x: np.ndarray, lengths: np.ndarray | None = None, texts: list[str] | None = None) -> np.ndarray:
        """Class probabilities `[N, classes]`, 0 for a class that training never saw; or values `[N]`."""
        if self.spec.task == "regress":
            return self.estimator.predict(self.features(x, texts))
        seen = self.estimator.predict_proba(self.features(x, texts))
        result = np.zeros((len(seen), len(self.spec.classes)))
        result[:, self.estimator.classes_] = seen
        return result / result.sum(axis=1, keepdims=True)

    def parameter_count(self) -> int:
        final = self.final
        return sum(int(np.size(getattr(final, name))) for name in self.learned)

    @property
    def final(self) -> Any:
        """The fitted estimator itself, without what stands before and around it."""
        inner = self.estimator[-1] if isinstance(self.estimator, Pipeline) else self.estimator
        return inner.calibrated_classifiers_[0].estimator if isinstance(inner, CalibratedClassifierCV) else inner

    def pictures(self) -> dict[str, np.ndarray]:
        return {}

    def save_weights(self, folder: Path) -> None:
        (folder / "estimator.skops").write_bytes(repeatable(skops.io.dumps(self.estimator)))

    def load_weights(self, folder: Path) -> None:
        self.estimator = skops.io.load(folder / "estimator.skops", trusted=list(self.trusted))


def repeatable(archive: bytes) -> bytes:
    """A file of skops with equal bytes for equal estimators: addresses in memory become numbers, dates go."""
    source, written = ZipFile(BytesIO(archive)), BytesIO()
    schema = source.read("schema.json").decode()
    numbers = {address: str(n) for n, address in enumerate(dict.fromkeys(re.findall(r'"__id__": (\d+)', schema)))}
    named = re.sub(r'("__id__": |"file": ")(\d+)', lambda found: found[1] + numbers[found[2]], schema)
    with ZipFile(written, "w") as target:
        for name in source.namelist():
            address, dot, suffix = name.partition(".")
            content = named.encode() if name == "schema.json" else source.read(name)
            target.writestr(ZipInfo(numbers.get(address, address) + dot + suffix), content)
    return written.getvalue()


class Machine(Estimator):
    """A classifier that gives scores instead of probabilities: their softmax at a temperature (Guo et al. 2017).

    The temperature is fitted by cross-validation within train; unlike Platt's method it changes no prediction.
    """

    trusted = (
        *Estimator.trusted,
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._TemperatureScaling",
    )

    def with_temperature(self, machine: BaseEstimator) -> BaseEstimator:
        return CalibratedClassifierCV(self.on(machine), method="temperature", ensemble=False, cv=FOLDS)

    @property
    def final(self) -> Any:
        inner = super().final
        return inner[-1] if isinstance(inner, Pipeline) else inner

    def solve(self, split: Any) -> None:
        """As `Estimator.solve`.

        Raises:
            StemmaError: a class has too few examples to fit the temperature.
        """
        labels, counts = np.unique(split.y, return_counts=True)
        if counts.min() < FOLDS:
            name, count = self.spec.classes[labels[counts.argmin()]], counts.min()
            known = f"a support vector machine needs {FOLDS} training examples of every class"
            raise StemmaError(f"{known}, '{name}' has {count}")
        super().solve(split)
