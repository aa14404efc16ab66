"""One text file a class, a text a line."""

from collections.abc import Callable
from pathlib import PurePosixPath

import numpy as np

from stemma.data.fetching import archive
from stemma.data.parts import Part, Raw, Reading, check_examples
from stemma.data.readers.content import decode, lines
from stemma.errors import StemmaError

Decode = Callable[[object, bytes, str], str]


def read(reading: Reading) -> Raw:
    """The files `<class>.txt` of a folder or archive as one part `train`, classes by alphabet.

    Raises:
        StemmaError: fewer than two such files, one is empty, or another encoding.
    """
    names = sorted(PurePosixPath(n).name for n, _ in archive.members(reading.path, lambda n: n.endswith(".txt")))
    if len(names) < 2:
        raise StemmaError(f"{reading.path}: {len(names)} files <class>.txt; at least two are needed")
    texts, labels = load(reading, tuple(names), decode)
    return Raw({"train": Part(texts, labels)}, tuple(name.removesuffix(".txt") for name in names))


def load(reading: Reading, names: tuple[str, ...], decoder: Decode) -> tuple[list[str], np.ndarray]:
    """The lines of the files `names`, and the position of each one's file among them, int64 `[N]`.

    Empty lines stay, for the stage `validate` to see.

    Raises:
        StemmaError: a file is missing, there twice or empty, or has another encoding.
    """
    path = reading.path
    contents: dict[str, bytes] = {}
    for name, content in archive.members(path, lambda name: PurePosixPath(name).name in names):
        if contents.setdefault(PurePosixPath(name).name, content) is not content:
            raise StemmaError(f"{path}: {PurePosixPath(name).name} is there twice")
    texts, labels = [], []
    for label, name in enumerate(names):
        if name not in contents:
            raise StemmaError(f"{path}: {name} is missing")
        found = lines(decoder(f"{path}: {name}", contents[name], reading.options.encoding))
        check_examples(f"{path}: {name}", len(found))
        texts += found
        labels += [label] * len(found)
    return texts, np.array(labels, np.int64)
