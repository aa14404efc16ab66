"""Architectures: built from a data description and plain parameters, saved without pickle, loaded by name."""

from pathlib import Path
from typing import Any

from stemma.errors import StemmaError
from stemma.families.catalog import entry
from stemma.files import read_json, write_json


def build(architecture: str, spec: dict[str, Any], parameters: dict[str, Any], origin: Path | None = None) -> Any:
    """A fresh model of `architecture` for data of `spec` (`DataSpec.to_dict()`).

    Args:
        origin: a trained network's model folder, for an estimator that learns on its last hidden layer.

    Raises:
        StemmaError: unknown architecture, or a data kind, task, shape or parameter that it does not accept.
    """
    if origin is not None:
        return _on_features(architecture, spec, parameters, origin)
    known = entry(architecture)
    if spec["kind"] not in known.kinds:
        raise StemmaError(f"{architecture}: accepts {' and '.join(known.kinds)}, the data is {spec['kind']}")
    if spec["task"] not in known.tasks:
        raise StemmaError(f"{architecture}: learns to {' and '.join(known.tasks)}, the data's task is {spec['task']}")
    return known.load()(spec, **parameters)


def _on_features(architecture: str, spec: dict[str, Any], parameters: dict[str, Any], origin: Path) -> Any:
    from stemma.families.features import OnFeatures, hidden_spec
    from stemma.families.start import check_columns
    from stemma.spec import DataSpec

    network, own = load(origin), DataSpec.from_dict(spec)
    if (network.spec.kind, network.spec.shape) != (own.kind, own.shape):
        raise StemmaError(
            f"start.experiment: takes {network.spec.kind} of shape {list(network.spec.shape)}, "
            f"the data is {own.kind} of shape {list(own.shape)}"
        )
    check_columns(own, network.spec)
    estimator = build(architecture, hidden_spec(network, own).to_dict(), parameters)
    return OnFeatures(network, origin, estimator, own)


def save(model: Any, folder: Path, architecture: str, parameters: dict[str, Any]) -> None:
    """Write `model.json` and the weights (safetensors or skops) into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    description = {"architecture": architecture, "parameters": parameters, "spec": model.spec.to_dict()}
    write_json(folder / "model.json", description)
    model.save_weights(folder)


def load(folder: Path) -> Any:
    """The model that `save` wrote, ready to predict."""
    folder = Path(folder)
    path, origin = folder / "model.json", folder / "network"
    if not path.is_file():
        raise StemmaError(f"{path}: missing; this is no model folder")
    description = read_json(path)
    model = build(
        description["architecture"],
        description["spec"],
        description["parameters"],
        origin if origin.is_dir() else None,
    )
    model.load_weights(folder)
    return model
