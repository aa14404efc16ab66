"""Settings of a retraining in params.yaml: written with its comments kept, judged by the configuration itself."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from stemma.errors import StemmaError
from stemma.retraining.secrets import holds_secret
from stemma.yaml_loader import Loader, read_mapping


def parsed(settings: Sequence[str]) -> dict[str, Any]:
    """`KEY=VALUE` each, the value read as YAML.

    Raises:
        StemmaError: not of that form, no YAML, or the same key twice.
    """
    found: dict[str, Any] = {}
    for text in settings:
        key, sign, value = text.partition("=")
        key = key.strip()
        if not sign or not all(key.split(".")):
            raise StemmaError(f"--set {key}: expected KEY=VALUE, for example training.epochs=3")
        if key in found:
            raise StemmaError(f"--set {key}: given twice")
        try:
            found[key] = yaml.load(value, Loader)  # noqa: S506 - a safe loader
        except yaml.YAMLError:
            raise StemmaError(f"--set {key}: its value is no YAML") from None
    return found


def write(path: Path, settings: dict[str, Any]) -> None:
    """Set each key of `settings` in the file at `path`; everything else stays as it is.

    Raises:
        StemmaError: there is no such file, it is no YAML, or what should hold a key is no mapping.
    """
    if not settings:
        return
    _read(path)
    from ruamel.yaml import YAML

    editor = YAML()
    editor.width, editor.preserve_quotes = 10_000, True
    values = editor.load(path.read_text(encoding="utf-8"))
    for key, value in settings.items():
        *parents, last = key.split(".")
        _section(path, values, key, parents)[last] = value
    with path.open("w", encoding="utf-8") as file:
        editor.dump(values, file)


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise StemmaError(f"{path.name}: the commit has no such file")
    return read_mapping(path, "datasets, training, experiments")


def _section(path: Path, values: Any, key: str, parents: list[str]) -> Any:
    """Where the last part of `key` belongs; sections not written yet are made, for the configuration to judge."""
    for parent in parents:
        values = values.setdefault(parent, {}) if isinstance(values, dict) else None
    if not isinstance(values, dict):
        raise StemmaError(f"{path.name}: --set {key}: '{'.'.join(parents)}' is no section")
    return values


def refuse_secrets(path: Path) -> None:
    """Parameters stand in dvc.lock, in reports and in MLflow: none may be an address with a password or token.

    Raises:
        StemmaError: one is, named by its key alone.
    """
    for key, value in _leaves(_read(path)):
        if isinstance(value, str) and holds_secret(value):
            raise StemmaError(
                f"{path.name}: {key}: an address with credentials, which results would carry; "
                "put a file beside, or use an address without"
            )


def _leaves(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, child in children:
        yield from _leaves(child, f"{key}.{name}" if key else str(name))
    if not isinstance(value, dict | list):
        yield key, value


def digest(settings: dict[str, Any]) -> str:
    """Eight digits that stand for the settings."""
    return hashlib.sha256(repr(sorted(settings.items())).encode()).hexdigest()[:8]
