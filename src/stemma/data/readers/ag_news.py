"""AG News (Zhang et al. 2015): CSV without header, the class from 1 to 4, title, description."""

from pathlib import PurePosixPath

from stemma.data.fetching import archive
from stemma.data.parts import Part, Raw, Reading, check_examples
from stemma.data.readers import tabular
from stemma.data.readers.content import decode
from stemma.errors import StemmaError

FILES = {"train.csv": "train", "test.csv": "test"}


def read(reading: Reading) -> Raw:
    """Train and test of a folder or archive, the text title and description; the test file may be missing.

    Raises:
        StemmaError: no train.csv, a broken row, a class outside 1 to 4, another encoding.
    """
    path, classes = reading.path, reading.entry.classes
    assert classes is not None
    parts = {}
    for name, content in archive.members(path, lambda name: PurePosixPath(name).name in FILES):
        where = path / name
        rows = list(tabular.rows(where, decode(where, content, reading.options.encoding), ","))
        check_examples(where, len(rows))
        wrong = next((i for i, row in enumerate(rows, 1) if len(row) != 3), None)
        if wrong:
            raise StemmaError(
                f"{where}: row {wrong}: {len(rows[wrong - 1])} fields, expected class, title, description"
            )
        numbers = tuple(str(i + 1) for i in range(len(classes)))
        y = tabular.positions(where, [row[0] for row in rows], numbers)
        parts[FILES[PurePosixPath(name).name]] = Part([f"{title} {text}".strip() for _, title, text in rows], y)
    if "train" not in parts:
        raise StemmaError(f"{path}: train.csv is missing")
    return Raw({part: parts[part] for part in FILES.values() if part in parts}, classes)
