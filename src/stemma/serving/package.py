"""Packaging a model folder for MLflow: a script, the weights and the code, without pickle. Torch-free."""

import shutil
from functools import cache
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

import stemma
from stemma.files import read_json
from stemma.serving import integrity
from stemma.serving.answers import ANSWERS
from stemma.serving.inputs import Encoding
from stemma.spec import DataSpec

if TYPE_CHECKING:
    from mlflow.models import ModelSignature

REQUIREMENTS = (
    "mlflow",
    "numpy",
    "pandas",
    "pillow",
    "pydantic",
    "pytorch-lightning",
    "safetensors",
    "scikit-learn",
    "skops",
    "torch",
    "torchmetrics",
)
STEMMA, SCRIPT = Path(stemma.__file__).parent, Path(__file__).with_name("script.py")
CODE = (
    "__init__.py",
    "errors.py",
    "files.py",
    "garbage.py",
    "spec.py",
    "data/__init__.py",
    "data/image.py",
    "data/parts.py",
    "data/preparation/__init__.py",
    "data/preparation/columns.py",
    "data/resize.py",
    "data/shards.py",
    "data/text.py",
    "families",
    "nn",
    "serving",
)
"""What of Stemma a model needs to answer; to copy a file costs about a millisecond, on a server much more."""
EXAMPLE_TEXTS = ["a warm, funny and thoughtful film", "two hours that feel like four"]


def log_model(run_id: str, folder: Path) -> str:
    """Log the model in `folder` (see `stemma.families.save`) to a run; returns the id of the logged model.

    Its tag `sha256` tells what the package is made of, apart from the package.
    """
    import mlflow

    description = read_json(folder / "model.json")
    example = input_example(DataSpec.from_dict(description["spec"]), Encoding.of(folder))
    tags = {"sha256": integrity.seal(integrity.parts(folder, code(), SCRIPT))}
    with mlflow.start_run(run_id=run_id):
        logged = mlflow.pyfunc.log_model(
            **package(folder), name=description["architecture"], input_example=example, tags=tags
        )
    return str(logged.model_id)


def package(folder: Path) -> dict[str, Any]:
    """Arguments that `mlflow.pyfunc.save_model` and `log_model` share."""
    spec = DataSpec.from_dict(read_json(folder / "model.json")["spec"])
    return {
        "python_model": str(SCRIPT),
        "artifacts": {"model": str(folder)},
        "code_paths": [str(code())],
        "pip_requirements": [f"{name}=={version(name).partition('+')[0]}" for name in REQUIREMENTS],
        "signature": signature(spec, Encoding.of(folder)),
        "metadata": {
            "kind": spec.kind,
            "dataset": spec.dataset,
            "source": spec.source,
            "digest": spec.digest,
            "shape": list(spec.shape),
            "resize": spec.resize,
            "sha256": integrity.digests(folder),
        },
    }


def code() -> Path:
    """A folder `stemma` with `CODE` and nothing else, for as long as the process lasts."""
    return Path(_copied().name) / STEMMA.name


@cache
def _copied() -> TemporaryDirectory[str]:
    scratch = TemporaryDirectory(prefix="stemma-code-")
    for name in CODE:
        for path in [STEMMA / name] if name.endswith(".py") else sorted((STEMMA / name).rglob("*.py")):
            copy = Path(scratch.name) / path.relative_to(STEMMA.parent)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
    return scratch


def signature(spec: DataSpec, encoding: Encoding) -> "ModelSignature":
    """What goes in and comes out. The forms that go in are many (`inputs.prepare`), and MLflow's check of a
    named column or a fixed shape would refuse some: texts have one column without name, of any type since MLflow
    makes a `string` of numbers and missing values, images any array. Tables have their columns, none required and of
    any type: MLflow takes no whole number for a `double`.
    """
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema, TensorSpec
    from mlflow.types.schema import AnyType, Array

    if encoding.columns is not None:
        taken: list[Any] = [ColSpec(AnyType(), column.name, required=False) for column in encoding.columns.columns]
    else:
        taken = [ColSpec(AnyType()) if spec.kind == "text" else TensorSpec(np.dtype(object), (-1,))]
    if spec.task in ANSWERS:
        answer = ANSWERS[spec.task]
        told = ColSpec(Array("double") if answer.several else "double", answer.name)
        return ModelSignature(Schema(taken), Schema([told]))
    numbers = ["probability", *(f"p_{name}" for name in spec.classes)]
    given = [ColSpec("string", "label"), *(ColSpec("double", name) for name in numbers)]
    return ModelSignature(Schema(taken), Schema([*given]))


def input_example(spec: DataSpec, encoding: Encoding) -> Any:
    """Two texts, two images uint8 `[2, H, W]` (grey) or `[2, H, W, C]`, or two rows of a table."""
    if encoding.columns is not None:
        columns = encoding.columns.columns
        rows = {c.name: [*c.categories, *c.categories][:2] or [c.centre, c.centre + c.spread] for c in columns}
        return pd.DataFrame(rows)
    if spec.kind == "text":
        return EXAMPLE_TEXTS
    channels, height, width = spec.shape
    ramp = np.linspace(0, 255, height * width).astype(np.uint8).reshape(height, width)
    images = np.stack([ramp, ramp[::-1]])
    return images if channels == 1 else np.repeat(images[..., None], channels, axis=3)
