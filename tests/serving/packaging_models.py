"""Models on made-up data, packaged and loaded as MLflow loads them."""

from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import torch

from made_up import TABLE_COLUMNS, examples
from stemma import families
from stemma.files import write_json
from stemma.serving.inputs import Encoding
from stemma.serving.package import input_example, package
from stemma.spec import DataSpec

TOKENS = ["<pad>", "<unk>", *(f"w{n}" for n in range(2, 60))]
PARAMETERS: dict[str, dict[str, Any]] = {"dbn": {"hidden": [8, 6]}, "rbm": {"hidden": 8}}


def packaged(folder: Path, architecture: str, spec: DataSpec) -> tuple[Any, Any]:
    """A model of `architecture`, and the same after packaging and loading."""
    torch.manual_seed(0)
    parameters = PARAMETERS.get(architecture, {})
    model = families.build(architecture, spec.to_dict(), parameters)
    if hasattr(model, "solve"):
        model.solve(examples(spec, 60))
    families.save(model, folder / "model", architecture, parameters)
    if spec.kind == "text":
        write_json(folder / "model" / "vocabulary.json", TOKENS)
    if spec.kind == "table":
        write_json(folder / "model" / "table.json", TABLE_COLUMNS)
    example = input_example(spec, Encoding.of(folder / "model"))
    mlflow.pyfunc.save_model(folder / "packaged", input_example=example, **package(folder / "model"))
    return model, mlflow.pyfunc.load_model(str(folder / "packaged"))


def raw_rows(split: Any) -> pd.DataFrame:
    """The rows that `TABLE_COLUMNS` encodes as the examples of `split`, and a column that no model knows."""
    age, weight, bergen, _ = np.array(split.x, np.float64).T
    city = np.where(bergen == 1, "Bergen", "Oslo")
    return pd.DataFrame({"id": range(len(age)), "city": city, "weight": 70 + 5 * weight, "age": 40 + 10 * age})
