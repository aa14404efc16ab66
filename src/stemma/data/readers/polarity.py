"""Sentence polarity (Pang and Lee 2005): `rt-polarity.neg` and `.pos`, a sentence a line, Latin-1."""

from stemma.data.parts import Part, Raw, Reading
from stemma.data.readers import class_files
from stemma.data.readers.content import decode_latin

FILES = ("rt-polarity.neg", "rt-polarity.pos")


def read(reading: Reading) -> Raw:
    """All sentences as one part `train`, negative ones (label 0) first; `path` is a folder or an archive.

    Raises:
        StemmaError: a file is missing or empty, or is not Latin-1 text.
    """
    assert reading.entry.classes is not None
    texts, labels = class_files.load(reading, FILES, decode_latin)
    return Raw({"train": Part(texts, labels)}, reading.entry.classes)
