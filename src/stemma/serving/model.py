"""The pyfunc model of every family."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.pyfunc import PythonModel

from stemma.errors import StemmaError
from stemma.serving import inputs
from stemma.serving.answers import ANSWERS
from stemma.spec import DataSpec


class Predictor:
    """Answers raw input with a table: `label`, `probability`, then `p_<class>` for every class; or `value`; or what
    `ANSWERS` names.
    """

    def load_context(self, context: Any) -> None:
        """Load the model folder that stands under the artifact `model`."""
        from stemma import families

        folder = Path(context.artifacts["model"])
        self.model = families.load(folder)
        self.encoding = inputs.Encoding.of(folder)

    def predict(self, context, model_input, params=None):
        """Predict a batch of any size; see `inputs.prepare` for its forms.

        Without type hints: MLflow takes one of `model_input` for the only form that is allowed.

        Raises:
            MlflowException: INVALID_PARAMETER_VALUE (HTTP 400) that says what was found and what is expected.
        """
        try:
            prepared = inputs.prepare(model_input, self.model.spec, self.encoding)
            outputs = self.model.predict(*prepared)
        except StemmaError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from None
        return table(outputs, self.model.spec)


class Classifier(Predictor, PythonModel):
    """The same as MLflow's model; it inherits `predict` since MLflow warns of one that is written in its subclass."""


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
