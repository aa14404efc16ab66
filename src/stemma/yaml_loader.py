"""The YAML of params.yaml, without two of YAML's traps."""

import re
from pathlib import Path
from typing import Any

import yaml

from stemma.errors import StemmaError


class Loader(yaml.SafeLoader):
    """PyYAML's safe loader that also refuses a key given twice and reads 1e-3 as the number it is."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for place, key in enumerate(keys):
            if key in keys[:place]:
                mark = node.value[place][0].start_mark
                raise yaml.constructor.ConstructorError(None, None, f"the key '{key}' stands there twice", mark)
        return super().construct_mapping(node, deep)


NUMBER = re.compile(r"^[-+]?\d+(\.\d*)?[eE][-+]?\d+$")
Loader.add_implicit_resolver("tag:yaml.org,2002:float", NUMBER, list("-+0123456789"))


def read_mapping(path: Path, keys: str) -> dict[str, Any]:
    """The mapping that a YAML file holds; `keys` says in an error which ones are looked for.

    Raises:
        StemmaError: it is not YAML, or no mapping.
    """
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), Loader)  # noqa: S506
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        where = getattr(error, "problem_mark", None)
        line = f" in line {where.line + 1}" if where else ""
        raise StemmaError(f"{path}: not valid YAML{line}: {getattr(error, 'problem', None) or error}") from None
    if not isinstance(values, dict):
        raise StemmaError(f"{path}: expected a mapping with {keys}; found {type(values).__name__}")
    return values
