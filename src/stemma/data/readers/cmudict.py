"""The CMU Pronouncing Dictionary: lines of `word PH0 ON EM1 ES # remark`; `word(2)` is its second pronunciation."""

import re

from stemma.data.parts import Part, Raw, Reading, check_examples
from stemma.data.readers.content import decode, lines, load, shown
from stemma.errors import StemmaError

LINE = re.compile(r"(\S+?)(\(\d+\))?((?: +[A-Z]{1,2}[012]?)+)(?: *#.*)?")


def read(reading: Reading) -> Raw:
    """Letters and phonemes of every pronunciation as one part `train`; the word is the group.

    Raises:
        StemmaError: another encoding, or a line in another form.
    """
    x, y, groups = [], [], []
    text = decode(reading.path, load(reading.path), reading.options.encoding)
    for number, line in enumerate(lines(text), 1):
        if line.startswith(";;;"):
            continue
        match = LINE.fullmatch(line)
        if match is None:
            raise StemmaError(f"{reading.path}: line {number}: expected `word PHONEMES`, found '{shown(line)}'")
        word, _, phonemes = match.groups()
        x.append(list(word))
        y.append(phonemes.split())
        groups.append(word)
    check_examples(reading.path, len(x))
    return Raw({"train": Part(x, y, groups)}, ())
