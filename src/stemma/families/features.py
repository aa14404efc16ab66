"""An estimator on the last hidden layer of a trained network (Razavian et al. 2014; Tang 2013 with an SVM)."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from stemma.families.base import Model
from stemma.families.phase import Phase
from stemma.families.shapes import example
from stemma.spec import DataSpec

NETWORK = "network"
"""Folder of the network within the model's."""


def hidden_spec(network: Model, spec: DataSpec) -> DataSpec:
    """The hidden layer of `network` as a table, with the classes or values of `spec`."""
    with torch.inference_mode():
        size = network.last_hidden(*example(network.spec)).shape[1]
    return replace(spec, kind="table", shape=(size,), features=tuple(f"h{k}" for k in range(size)), vocabulary_size=0)


class OnFeatures:
    """Answers prepared examples of `spec` by `estimator`, which sees nothing but `network`'s last hidden layer.

    The network, that of the model folder `origin`, stays as it is. The whole has the contract of a model: phases,
    predictions, weights.
    """

    differentiable = False

    def __init__(self, network: Model, origin: Path, estimator: Any, spec: DataSpec) -> None:
        self.network, self.origin, self.estimator, self.spec = network, origin, estimator, spec

    def phases(self) -> list[Phase]:
        return [Phase("fit", solve=self.solve)]

    def solve(self, split: Any) -> None:
        """Fit the estimator to the training split."""
        self.estimator.solve(replace(split, x=self.network.hidden(split.x, split.lengths), lengths=None, texts=None))

    def predict(self, x: np.ndarray, lengths: np.ndarray | None = None, texts: list[str] | None = None) -> np.ndarray:
        """As the estimator's own `predict`, from the network's prepared examples."""
        return self.estimator.predict(self.network.hidden(x, lengths))

    def parameter_count(self) -> int:
        """The network's and the estimator's: both are needed for an answer."""
        return self.network.parameter_count() + self.estimator.parameter_count()

    def pictures(self) -> dict[str, np.ndarray]:
        return self.network.pictures()

    def save_weights(self, folder: Path) -> None:
        """The estimator's, and the network's whole model folder below `network`."""
        self.estimator.save_weights(folder)
        shutil.copytree(self.origin, folder / NETWORK, dirs_exist_ok=True)

    def load_weights(self, folder: Path) -> None:
        self.estimator.load_weights(folder)
