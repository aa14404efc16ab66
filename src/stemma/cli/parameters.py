"""`stemma parameters`: every key of params.yaml as a page, from the same types that check it."""

import json
from typing import Any

import typer
from pydantic import BaseModel, TypeAdapter

from stemma import config
from stemma.families.catalog import CATALOG

HEAD = """# Parameters

Every key of `params.yaml`, with its type, range and default. `stemma check` checks the file as a whole and
names each mistake with its place; `dvc exp run -S` changes a value for one run. (`stemma parameters` prints this page.)
"""
SECTIONS: tuple[tuple[str, type[BaseModel], str], ...] = (
    ("datasets.SLOT", config.Dataset, "A slot names a dataset and its source (`stemma data list`; `stemma data use` "
     "writes the entry)."),
    ("datasets.SLOT.limits", config.Limits, "Limits of the expectations ([validation.md](validation.md))."),
    ("datasets.SLOT.resize", config.Resize, "Images of another size are brought to this one."),
    ("training", config.Training, "Defaults of every experiment."),
    ("training.augment", config.Augment, "Random changes of training images."),
    ("experiments.KEY", config.Experiment, "Any key of `training`, and:"),
    ("transfers.KEY", config.Transfer, "Any key of an experiment, and ([transfer.md](transfer.md)):"),
    ("transfers.KEY.start", config.Start, "A network starts from the other one's weights, an estimator learns on its "
     "last hidden layer."),
    ("evaluation", config.Evaluation, "Perturbations against each model, and corruptions "
     "([robustness.md](robustness.md))."),
    ("evaluation.corruptions", config.Corruptions, "Strengths, ascending; an empty list: not tried."),
    ("comparison", config.Comparison, "How results are compared ([comparison.md](comparison.md))."),
    ("comparison.budgets", config.Budgets, "Within which the families are compared once more, ascending."),
    ("gate", config.Gate, "When a challenger takes the alias `champion` ([gate.md](gate.md))."),
)  # fmt: skip
INHERITED: dict[type[BaseModel], set[str]] = {
    config.Experiment: set(config.Training.model_fields),
    config.Transfer: set(config.Experiment.model_fields),
}
BOUNDS = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
WORDS = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false", "null": "null"}


def register(app: typer.Typer) -> None:
    app.command("parameters")(lambda: print(page(), end=""))


def page() -> str:
    """Markdown: a table a section, then the parameters of every architecture."""
    tables = [_section(*section) for section in SECTIONS]
    rows = [
        f"| `{key}` | {entry.family} | {', '.join(entry.kinds)} | {_parameters(entry.parameters)} |"
        for key, entry in CATALOG.items()
    ]
    head = "| architecture | family | data | parameters |\n|---|---|---|---|\n"
    last = f"\n## experiments.KEY.parameters\n\nBy architecture; defaults stand in the constructors.\n\n{head}"
    return HEAD + "".join(tables) + last + "\n".join(rows) + "\n"


def _section(title: str, section: type[BaseModel], about: str) -> str:
    schema = section.model_json_schema()
    inherited = INHERITED.get(section, set())
    rows = [
        f"| `{name}` | {_type(value, schema)} | {_default(value)} | {value.get('description', '')} |"
        for name, value in schema["properties"].items()
        if name not in inherited
    ]
    return (
        f"\n## {title}\n\n{about}\n\n| key | type and range | default | meaning |\n|---|---|---|---|\n"
        + "\n".join(rows)
        + "\n"
    )


def _default(value: dict[str, Any]) -> str:
    if value.get("type") == "object" or isinstance(value.get("default"), dict):
        return "none"
    if "default" not in value:
        return "required"
    return f"`{json.dumps(value['default']).strip(chr(34)) or chr(39) * 2}`"


def _type(value: dict[str, Any], schema: dict[str, Any]) -> str:
    """A JSON schema in words."""
    if "$ref" in value:
        return "mapping, see below"
    if "anyOf" in value:
        return " or ".join(dict.fromkeys(_type(option, schema) for option in value["anyOf"]))
    if "enum" in value or "const" in value:
        return ", ".join(f"`{word}`" for word in value.get("enum", [value.get("const")]))
    if value.get("type") == "array":
        items = value.get("items") or value.get("prefixItems", [{}])[0]
        return f"list of {_type(items, schema)}"
    if value.get("type") == "object":
        return "mapping"
    bounds = [f"{sign} {value[key]:,}" for key, sign in BOUNDS.items() if key in value]
    return " ".join([WORDS.get(value.get("type", ""), "any"), " and ".join(bounds)]).strip()


def _parameters(parameters: dict[str, Any]) -> str:
    schemas = {name: TypeAdapter(kind).json_schema() for name, kind in parameters.items()}
    return "; ".join(f"`{name}` {_type(schema, schema)}" for name, schema in schemas.items())
