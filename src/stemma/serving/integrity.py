"""Digests of what a package holds: written when it is made, checked before anything of it is used."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from stemma.errors import StemmaError
from stemma.files import sha256

Digests = Mapping[str, str]
"""SHA-256 by path, as POSIX text relative to a folder."""
PARTS = ("artifacts", "code", "script.py")
"""What of a package is read or run when it is loaded."""
FLAVOR = {"loader_module": "mlflow.pyfunc.loaders.code_model", "code": "code"}
"""What the package's `MLmodel` says of it, besides the script and the artifact `model`."""


def digests(folder: Path, within: str = "") -> dict[str, str]:
    """Of every file below `folder`, under paths that begin with `within`; Python's own caches are left out."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {f"{within}{path.relative_to(folder).as_posix()}": sha256(path) for path in files}


def check(found: Digests, expected: Digests, what: str) -> None:
    """That `found` is what was `expected`, no file more and none less.

    Raises:
        StemmaError: naming `what` and the first file that is missing, was added or has changed.
    """
    for name in sorted({*found, *expected}):
        if found.get(name) != expected.get(name):
            happened = "missing" if name not in found else "added" if name not in expected else "changed"
            raise StemmaError(f"{what}: refused, {name} was {happened} since it was packaged")


def parts(model: Path, code: Path, script: Path) -> dict[str, str]:
    """The digests that a package will have which is made of these: a model folder, a package of Python, a script."""
    return {
        **digests(model, f"artifacts/{model.name}/"),
        **digests(code, f"code/{code.name}/"),
        script.name: sha256(script),
        **_wiring(
            {**FLAVOR, "model_code_path": script.name, "artifacts": {"model": {"path": f"artifacts/{model.name}"}}}
        ),
    }


def executed(package: Path) -> dict[str, str]:
    """The digests of a package as it lies in a folder: all that its loading reads or runs."""
    flavor = yaml.safe_load((package / "MLmodel").read_text(encoding="utf-8"))["flavors"]["python_function"]
    found = {name: digest for name, digest in digests(package).items() if name.split("/")[0] in PARTS}
    return {**found, **_wiring(flavor)}


def seal(found: Digests) -> str:
    """One digest for all."""
    return hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()


def _wiring(flavor: Mapping[str, Any]) -> dict[str, str]:
    """What leads MLflow to the parts: its loader, and where they lie."""
    return {
        **{name: str(flavor.get(name)) for name in FLAVOR},
        "model_code_path": Path(flavor.get("model_code_path", "")).name,
        **{f"artifact {name}": str(artifact.get("path")) for name, artifact in flavor.get("artifacts", {}).items()},
    }
