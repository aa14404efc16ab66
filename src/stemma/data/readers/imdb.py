"""Large movie review dataset (Maas et al. 2011): `aclImdb/train|test/neg|pos/<id>_<stars>.txt`, UTF-8.

The lists `urls_neg.txt` and `urls_pos.txt` hold, on the line of a review's id (the first is 0), the address of its
film; several reviews are of one film.
"""

import re
from pathlib import PurePosixPath

import numpy as np

from stemma.data.fetching import archive
from stemma.data.parts import Part, Raw, Reading
from stemma.data.readers.content import decode, lines
from stemma.errors import StemmaError

FOLDERS = ("neg", "pos")
NAME = re.compile(r"(?:.*/)?(train|test)/(?:(neg|pos)/(\d{1,9})_\d+\.txt|urls_(neg|pos)\.txt)")
FILM = re.compile(r"/title/(tt\d+)")


def read(reading: Reading) -> Raw:
    """Train and test, each by class and id; the film is the group where its list is there.

    Raises:
        StemmaError: a class is missing, another encoding, or a review without a line in the list of its class.
    """
    path = reading.path
    texts: dict[tuple[str, str], dict[int, str]] = {}
    films: dict[tuple[str, str], list[str]] = {}
    for name, content in archive.members(path, lambda name: NAME.fullmatch(name) is not None):
        match = NAME.fullmatch(name)
        assert match is not None
        part, label, number, listed = match.groups()
        text = decode(f"{path}: {name}", content, reading.options.encoding)
        if listed:
            films[part, listed] = lines(text)
        elif texts.setdefault((part, label), {}).setdefault(int(number), text) is not text:
            raise StemmaError(f"{path}: {PurePosixPath(name)}: its id is there twice")
    assert reading.entry.classes is not None
    parts = ("train", "test") if any(part == "test" for part, _ in texts) else ("train",)
    return Raw({part: _part(reading, part, texts, films) for part in parts}, reading.entry.classes)


def _part(
    reading: Reading,
    part: str,
    texts: dict[tuple[str, str], dict[int, str]],
    films: dict[tuple[str, str], list[str]],
) -> Part:
    x: list[str] = []
    y: list[int] = []
    groups: list[str | None] = []
    for label, folder in enumerate(FOLDERS):
        found = texts.get((part, folder))
        if not found:
            raise StemmaError(f"{reading.path}: no reviews in {part}/{folder}")
        x += [found[number] for number in sorted(found)]
        y += [label] * len(found)
        listed = films.get((part, folder), [])
        if listed and max(found) >= len(listed):
            raise StemmaError(f"{reading.path}: {part}/urls_{folder}.txt has no line for review {max(found)}")
        groups += [_film(listed[number]) if listed else None for number in sorted(found)]
    return Part(x, np.array(y, np.int64), groups if films else None)


def _film(address: str) -> str:
    match = FILM.search(address)
    return match.group(1) if match else address
