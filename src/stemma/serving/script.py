"""What MLflow runs to get the model object (models-from-code): nothing is pickled."""

from mlflow.models import set_model

from stemma.serving.model import Classifier

set_model(Classifier())
