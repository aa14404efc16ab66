"""What must not be told: values of the environment and of configuration files that are called like secrets."""

import re
from collections.abc import Iterable, Mapping
from configparser import ConfigParser, Error
from pathlib import Path
from urllib.parse import quote, unquote

from stemma.errors import without_credentials

NAME = re.compile(
    r"token|passw|secret|credential|api_?key|access_?key|private_?key|account_?key|_pat$|auth(?!or)|extraheader", re.I
)
"""What a name has that stands for a secret."""
IN_ADDRESS = re.compile(r"://([^/\s]*)@")
SIGNED = re.compile(r"([?&](?:[\w-]*token|key|sig|signature|password|x-amz-[\w-]+)=)[^&\s'\"]+", re.I)
SHORTEST, HIDDEN = 6, "***"
"""Characters below which a value is no secret but a word such as `true`."""


class Secrets:
    """Replaces in a text all that it knows to be secret, and credentials in any address."""

    def __init__(self, values: Iterable[str]) -> None:
        lines = {line.strip() for value in values for line in value.splitlines()}
        forms = {form for line in lines for form in (line, quote(line, safe=""), unquote(line))}
        self.values = sorted((form for form in forms if len(form) >= SHORTEST), key=len, reverse=True)

    def hide(self, text: str) -> str:
        for value in self.values:
            text = text.replace(value, HIDDEN)
        return SIGNED.sub(rf"\1{HIDDEN}", without_credentials(text))


def collect(environment: Mapping[str, str], configurations: Iterable[Path]) -> Secrets:
    """The secrets of the environment and of configuration files of Git and DVC."""
    values = [value for name, value in environment.items() if NAME.search(name)]
    values += [part for value in environment.values() for part in _in_addresses(value)]
    for path in configurations:
        if path.is_file():
            values += _of_file(path)
    return Secrets(values)


def holds_secret(value: str) -> bool:
    """Whether an address within `value` carries credentials."""
    return bool(IN_ADDRESS.search(value) or SIGNED.search(value))


def _in_addresses(text: str) -> Iterable[str]:
    """Name, password, or token before the host of addresses; a name that goes with a password is none."""
    for found in IN_ADDRESS.findall(text):
        name, _, password = found.partition(":")
        yield password or name


def _of_file(path: Path) -> Iterable[str]:
    text = path.read_text(encoding="utf-8", errors="replace")
    yield from _in_addresses(text)
    parser = ConfigParser(interpolation=None, strict=False, allow_no_value=True)
    try:
        parser.read_string("\n".join(line.strip() for line in text.splitlines()))
    except Error:
        return
    yield from (value for section in parser.values() for key, value in section.items() if value and NAME.search(key))
