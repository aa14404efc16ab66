"""Architectures: built from a data description and plain parameters, saved without pickle, loaded by name."""

from pathlib import Path
from typing import Any

from stemma.errors import StemmaError
from stemma.families.catalog import entry
from stemma.files import read_json, write_json


def build(architecture: str, spec: dict[str, Any], parameters: dict[str, Any]) -> Any:
    """A fresh model of `architecture` for data of `spec` (`DataSpec.to_dict()`).

    Raises:
        StemmaError: unknown architecture, or a data kind, task, shape or parameter that it does not accept.
    """
    known = entry(architecture)
    if spec["kind"] not in known.kinds:
        raise StemmaError(f"{architecture}: accepts {' and '.join(known.kinds)}, the data is {spec['kind']}")
    if spec["task"] not in known.tasks:
        raise StemmaError(f"{architecture}: learns to {' and '.join(known.tasks)}, the data's task is {spec['task']}")
    return known.load()(spec, **parameters)


def save(model: Any, folder: Path, architecture: str, parameters: dict[str, Any]) -> None:
    """Write `model.json` and the weights (safetensors or skops) into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    description = {"architecture": architecture, "parameters": parameters, "spec": model.spec.to_dict()}
    write_json(folder / "model.json", description)
    model.save_weights(folder)


def load(folder: Path) -> Any:
    """The model that `save` wrote, ready to predict."""
    path = Path(folder) / "model.json"
    if not path.is_file():
        raise StemmaError(f"{path}: missing; this is no model folder")
    description = read_json(path)
    model = build(description["architecture"], description["spec"], description["parameters"])
    model.load_weights(Path(folder))
    return model
