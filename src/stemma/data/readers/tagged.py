"""Tagged sentences: one a line, `word/tag` separated by blanks; the last stroke divides word from tag."""

from pathlib import Path

from stemma.data.parts import Part, Raw, Reading, check_examples
from stemma.data.readers.content import decode, lines, load, shown
from stemma.data.readers.label_lines import part_files
from stemma.errors import StemmaError, unknown

Sentences = tuple[list[list[str]], list[list[str]]]


def read(reading: Reading) -> Raw:
    """A file as one part `train`, or a folder with a file a part; empty lines are left out.

    Raises:
        StemmaError: nothing there, another encoding, a word without a tag, an unknown tag, a single tag.
    """
    files = part_files(reading.path)
    found = {part: _sentences(path, decode(path, load(path), reading.options.encoding)) for part, path in files.items()}
    tags = {tag for _, y in found.values() for sentence in y for tag in sentence}
    classes = reading.entry.classes or tuple(sorted(tags))
    if tags - set(classes):
        raise unknown(f"{reading.path}: tag", min(tags - set(classes)), classes)
    if len(classes) < 2:
        raise StemmaError(f"{reading.path}: only the tag '{classes[0]}'; at least two are needed")
    return Raw({part: Part(*sentences) for part, sentences in found.items()}, classes)


def _sentences(path: Path, text: str) -> Sentences:
    words, tags = [], []
    for number, line in enumerate(lines(text), 1):
        pairs = [token.rpartition("/") for token in line.split()]
        wrong = next(
            (token for token, (word, _, tag) in zip(line.split(), pairs, strict=True) if not word or not tag), None
        )
        if wrong is not None:
            raise StemmaError(f"{path}: line {number}: expected word/tag, found '{shown(wrong)}'")
        if pairs:
            words.append([word for word, _, _ in pairs])
            tags.append([tag for _, _, tag in pairs])
    check_examples(path, len(words))
    return words, tags
