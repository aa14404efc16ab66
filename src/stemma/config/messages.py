"""pydantic's errors as a line each: the key, what was found and what is allowed."""

from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from stemma.config.section import Section
from stemma.errors import unknown

UNION_MEMBERS = ("function-", "tuple[", "constrained-", "literal[")


def validated(model: type[Section], values: Any, prefix: str, mistakes: list[str]) -> Any:
    """`model` made from `values` with lists as tuples, or None with the mistakes appended."""
    try:
        return model.model_validate(_tuples(values))
    except ValidationError as error:
        found = {_place(item, prefix, ints=False): item for item in reversed(error.errors())}
        mistakes += [_line(model, item, prefix) for item in reversed(found.values())]
        return None


def _tuples(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _tuples(v) for k, v in value.items()}
    return tuple(_tuples(v) for v in value) if isinstance(value, list) else value


def _place(item: Any, prefix: str, ints: bool = True) -> str:
    """The key that an error of pydantic is about, with dots; without positions in lists if not `ints`.

    What pydantic adds for the members of a union and for keys is left out.
    """
    parts = [p for p in item["loc"] if isinstance(p, str) or ints]
    own = [str(p) for p in parts if not str(p).startswith(UNION_MEMBERS) and str(p) not in ("int", "float", "[key]")]
    return ".".join(filter(None, [prefix, *own]))


def _line(model: type[BaseModel], item: Any, prefix: str) -> str:
    """One pydantic error in the form `key: what is wrong, found ...`."""
    where = _place(item, prefix)
    kind, message = item["type"], item["msg"].removeprefix("Value error, ")
    if kind == "extra_forbidden":
        *parents, key = map(str, item["loc"])
        section = ".".join(filter(None, [prefix, *parents])) or "top level"
        return str(unknown(section, key, _fields(model, parents))).replace("name", "key", 1)
    if kind == "missing":
        return f"{where}: missing"
    found = "" if kind == "value_error" else f", found {item['input']!r}"
    message = message.replace("tuple", "list").replace("dictionary", "mapping")
    return f"{where}: {message[0].lower()}{message[1:]}{found}"


def _fields(model: type[BaseModel], parts: list[str]) -> list[str]:
    """Keys that are allowed where `parts` leads, walking sections and dicts of sections."""
    current: Any = model
    for part in parts:
        if get_origin(current) in (Union, UnionType):
            current = next((c for c in get_args(current) if hasattr(c, "model_fields")), current)
        if get_origin(current) is dict:
            current = get_args(current)[1]
        elif part in getattr(current, "model_fields", {}):
            current = current.model_fields[part].annotation
    options = get_args(current) if get_origin(current) in (Union, UnionType) else (current,)
    return [name for option in options for name in getattr(option, "model_fields", {})]
