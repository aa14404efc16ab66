"""Commands about architectures and parameters: check, list, shapes."""

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, cast, get_args

import typer
import yaml
from rich.console import Console
from rich.table import Table

from stemma import config
from stemma.errors import StemmaError, unknown
from stemma.families import catalog
from stemma.spec import DataSpec, Kind, Task

LARGEST = 10_000_000

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Params = Annotated[Path, typer.Option("--params", help="The parameter file.")]


def register(app: typer.Typer) -> None:
    app.command()(check)
    app.command("list")(list_architectures)
    app.command()(shapes)


def check(params: Params = Path("params.yaml")) -> None:
    """Check params.yaml as a whole: every key, type, range and name."""
    checked = config.load(params)
    missing = [name for name in config.Config.model_fields if name not in checked.model_fields_set]
    if missing:
        raise StemmaError(f"{params}: {', '.join(missing)}: missing; dvc.yaml reads these sections (write NAME: {{}})")
    print(f"{params}: in order, {len(checked.datasets)} datasets, {len(checked.trained)} experiments")


def list_architectures(as_json: Json = False) -> None:
    """Print every architecture: family, tasks, data kinds, source."""
    rows: list[dict[str, Any]] = [
        {
            "architecture": key,
            **{k: v for k, v in asdict(entry).items() if k in ("family", "tasks", "kinds", "paper")},
        }
        for key, entry in catalog.CATALOG.items()
    ]
    if as_json:
        print(json.dumps(rows, indent=1))
        return
    table = Table("architecture", "family", "tasks", "data", "source", box=None)
    for row in rows:
        table.add_row(
            row["architecture"], row["family"], ", ".join(row["tasks"]), ", ".join(row["kinds"]), row["paper"]
        )
    Console().print(table)


def shapes(
    architecture: str,
    size: Annotated[str, typer.Option("--input", help="CxHxW of an image, tokens of a text, or columns of a table.")],
    settings: Annotated[list[str], typer.Option("--set", help="A parameter, as depth=20; repeatable.")] = [],  # noqa: B006
    classes: Annotated[int, typer.Option(min=2)] = 10,
    vocabulary: Annotated[int, typer.Option(min=3, help="Token ids of a text.")] = 10_000,
    table: Annotated[bool, typer.Option("--table", help="The input is a row of a table.")] = False,
    task: Annotated[
        str, typer.Option(help=", ".join(get_args(Task)) + ", as far as the architecture learns it.")
    ] = "classify",
    as_json: Json = False,
) -> None:
    """Print the layer table of an architecture: output shape and parameters of each layer."""
    known = catalog.entry(architecture).tasks
    if task not in known:
        raise unknown("--task", task, known)
    mistakes: list[str] = []
    values = dict(_assignment(text) for text in settings)
    parameters = config.check_parameters(architecture, values, architecture, mistakes)
    if mistakes:
        raise StemmaError("\n".join(mistakes))
    spec = _spec(size, task, classes, vocabulary, table)

    from stemma import families
    from stemma.families.base import Model
    from stemma.families.shapes import shapes as layer_table

    model = families.build(architecture, spec.to_dict(), parameters)
    if not isinstance(model, Model):
        raise StemmaError(f"{architecture}: no network, it has no layers")
    layers, total = layer_table(model), model.parameter_count()
    if as_json:
        print(json.dumps({"architecture": architecture, "layers": layers, "total_parameters": total}, indent=1))
        return
    shown = Table("layer", "kind", "output", "parameters", box=None)
    for row in layers:
        shown.add_row(row["name"], row["kind"], "x".join(map(str, row["output"])), f"{row['parameters']:,}")
    Console().print(shown, f"total parameters: {total:,}")


def _assignment(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise StemmaError(f"--set {text}: expected name=value")
    try:
        parsed = yaml.safe_load(value)
    except yaml.YAMLError:
        raise StemmaError(f"--set {text}: '{value}' is not a YAML value") from None
    return name, tuple(parsed) if isinstance(parsed, list) else parsed


def _spec(size: str, task: str, classes: int, vocabulary: int, table: bool) -> DataSpec:
    """A made-up description of data of `size`: `CxHxW`, `T` or, of a table, `F`."""
    parts = size.split("x")
    if len(parts) not in (1, 3) or not all(part.isdecimal() and int(part) for part in parts):
        raise StemmaError(f"--input {size}: expected CxHxW such as 1x28x28, or a number of tokens such as 48")
    shape = tuple(map(int, parts))
    if math.prod(shape) > LARGEST:
        raise StemmaError(f"--input {size}: larger than {LARGEST:,} values")
    kind: Kind = "image" if len(shape) == 3 else "table" if table else "text"
    channels = shape[0] if kind == "image" else 0
    return DataSpec(
        dataset="none",
        source="none",
        kind=kind,
        shape=shape,
        classes=() if task == "regress" else tuple(map(str, range(classes))),
        task=cast(Task, task),
        mean=(0.5,) * channels,
        std=(0.25,) * channels,
        vocabulary_size=vocabulary if kind == "text" else 0,
    )
