"""Changing or adding an entry of params.yaml in its text, so that every other character stays as it is."""

import json
from pathlib import Path
from textwrap import indent
from typing import Any

import yaml

from stemma.errors import StemmaError, unknown


def rewritten(params: Path, slot: str, values: dict[str, str | None]) -> str:
    """The text of `params` with the `values` in `datasets.<slot>`; None removes a key, new ones follow `use`.

    Raises:
        StemmaError: no such file or slot, or not a file with `datasets`.
    """
    try:
        text = params.read_text(encoding="utf-8")
        entry = _child(_child(yaml.compose(text, Loader=yaml.SafeLoader), "datasets", params), slot, params)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise StemmaError(f"{params}: not a readable parameter file ({error})") from None
    return _flow(text, entry, values) if entry.flow_style else _block(text, entry, values)


def appended(params: Path, section: str, block: str) -> str:
    """The text of `params` with `block`, the lines of an entry, at the end of a section that has one a line.

    Raises:
        StemmaError: the section is written within braces.
    """
    text = params.read_text(encoding="utf-8")
    node = _child(yaml.compose(text, Loader=yaml.SafeLoader), section, params)
    if node.flow_style or not node.value:
        raise StemmaError(f"{params}: {section}: written within braces; add the entry by hand")
    last = node
    while isinstance(last, yaml.CollectionNode) and not last.flow_style and last.value:
        last = last.value[-1][1] if isinstance(last, yaml.MappingNode) else last.value[-1]
    text, end = (text, _line_end(text, last.end_mark.index)) if text.endswith("\n") else (text + "\n", len(text) + 1)
    return text[:end] + indent(block, " " * node.value[0][0].start_mark.column) + text[end:]


def _child(node: Any, key: str, params: Path) -> Any:
    """The mapping under `key` of the mapping `node`."""
    found = {k.value: v for k, v in node.value} if isinstance(node, yaml.MappingNode) else {}
    if key not in found:
        raise unknown(f"{params}: {'dataset slot' if key != 'datasets' else 'section'}", key, found)
    if not isinstance(found[key], yaml.MappingNode):
        raise StemmaError(f"{params}: {key}: expected a mapping")
    return found[key]


def _block(text: str, entry: Any, values: dict[str, str | None]) -> str:
    """Edit an entry of one line a key, from its end to its start so that positions hold."""
    nodes = {key.value: (key, value) for key, value in entry.value}
    indent = " " * entry.value[0][0].start_mark.column
    new = [f"{indent}{k}: {_scalar(v)}\n" for k, v in values.items() if v is not None and k not in nodes]
    anchor = "use" if "use" in nodes else entry.value[0][0].value
    for name, (key, value) in sorted(nodes.items(), key=lambda item: -item[1][0].start_mark.index):
        start, end = key.start_mark.index, _line_end(text, value.end_mark.index)
        if name == anchor:
            end = end if text[:end].endswith("\n") else len(text := text + "\n")
            text = text[:end] + "".join(new) + text[end:]
        if name in values:
            change = values[name]
            if change is None:
                text = text[: start - len(indent)] + text[end:]
            else:
                text = text[: value.start_mark.index] + _scalar(change) + text[value.end_mark.index :]
    return text


def _line_end(text: str, index: int) -> int:
    found = text.find("\n", index)
    return len(text) if found < 0 else found + 1


def _flow(text: str, entry: Any, values: dict[str, str | None]) -> str:
    """Write an entry of the form `{use: ...}` anew."""
    old = {key.value: text[value.start_mark.index : value.end_mark.index] for key, value in entry.value}
    merged = old | {key: None if value is None else _scalar(value) for key, value in values.items()}
    body = ", ".join(f"{key}: {value}" for key, value in merged.items() if value is not None)
    return text[: entry.start_mark.index] + "{" + body + "}" + text[entry.end_mark.index :]


def _scalar(value: str) -> str:
    """`value` as YAML, quoted where it would not be read back as the same text."""
    try:
        plain = yaml.safe_load(f"{{key: {value}}}") == {"key": value} == yaml.safe_load(f"key: {value}")
    except yaml.YAMLError:
        plain = False
    return value if plain else json.dumps(value)
