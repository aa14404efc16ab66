"""The pyfunc model of every family."""

from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import Model
from mlflow.models.model import MLMODEL_FILE_NAME
from mlflow.pyfunc import PythonModel

from stemma.errors import StemmaError
from stemma.serving import inputs, integrity
from stemma.serving.answers import ANSWERS
from stemma.spec import DataSpec


class Predictor:
    """Answers raw input with a table: `label`, `probability`, then `p_<class>` for every class; or `value`; or what
    `ANSWERS` names.
    """

    def load_context(self, context: Any) -> None:
        """Load the model folder that stands under the artifact `model`, as it was when it was packaged.

        Raises:
            StemmaError: its files are not those whose digests the package tells.
        """
        from stemma import families

        folder = Path(context.artifacts["model"])
        integrity.check(integrity.digests(folder), _packaged(folder), "model")
        self.model = families.load(folder)
        self.encoding = inputs.Encoding.of(folder)
        self.alone = Lock()

    def predict(self, context, model_input, params=None):
        """Predict a batch of any size; see `inputs.prepare` for its forms. Of several threads one at a time asks.

        Without type hints: MLflow takes one of `model_input` for the only form that is allowed.

        Raises:
            MlflowException: INVALID_PARAMETER_VALUE (HTTP 400) that says what was found and what is expected.
        """
        try:
            prepared = inputs.prepare(model_input, self.model.spec, self.encoding)
            with self.alone:
                outputs = self.model.predict(*prepared)
        except StemmaError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from None
        return table(outputs, self.model.spec)


class Classifier(Predictor, PythonModel):
    """The same as MLflow's model; it inherits `predict` since MLflow warns of one that is written in its subclass."""


def _packaged(folder: Path) -> integrity.Digests:
    """The digests that the package around the model's `folder` tells of it; none if it tells none."""
    root = next(parent for parent in folder.parents if (parent / MLMODEL_FILE_NAME).is_file())
    return (Model.load(root).metadata or {}).get("sha256", {})


def table(outputs: np.ndarray, spec: DataSpec) -> pd.DataFrame:
    """Predictions from probabilities float `[N, classes]`, or from what a model of another task answers."""
    if spec.task in ANSWERS:
        return pd.DataFrame({ANSWERS[spec.task].name: ANSWERS[spec.task].of(outputs)})
    probabilities, classes = outputs, spec.classes
    best = probabilities.argmax(axis=1)
    head = {
        "label": np.array(classes, dtype=object)[best],
        "probability": probabilities.max(axis=1).astype(float),
    }
    return pd.DataFrame({**head, **{f"p_{c}": probabilities[:, k].astype(float) for k, c in enumerate(classes)}})
