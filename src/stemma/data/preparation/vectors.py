"""Word vectors from a text file in the form of word2vec (first line: number and length) or of GloVe (none).

Mikolov et al. 2013; Pennington, Socher, Manning 2014. Plain or gzip, UTF-8, a word and its numbers a line, divided
by single blanks or tabs. GloVe's words may hold blanks themselves (`. . .`), so a line is divided from its end.
"""

import gzip
import logging
import re
import zlib
from collections.abc import Iterator, Sequence
from itertools import takewhile
from pathlib import Path

import numpy as np

from stemma.errors import StemmaError
from stemma.files import sha256
from stemma.spec import PAD

HEAD = re.compile(r"([1-9]\d*) ([1-9]\d*)", re.ASCII)
"""First line of a word2vec file: number of words, length of the vectors."""

log = logging.getLogger("stemma.data")


def load(path: Path, vocabulary: Sequence[str], digest: str | None = None, seed: int = 0) -> np.ndarray:
    """Vectors float32 `[tokens, length]` of the `vocabulary`, read a line at a time.

    A word that the file lacks is drawn uniformly with the deviation of those found (as Kim 2014 does);
    padding is zero.

    Raises:
        StemmaError: not there, another digest, unequal lengths, something else than finite numbers, other
            numbers of words or length than the first line declares, or no word of the vocabulary.
    """
    if not path.is_file():
        raise StemmaError(f"vectors: {path}: no such file")
    if digest is not None and sha256(path) != digest:
        raise StemmaError(f"vectors: {path}: its SHA-256 is {sha256(path)}, params.yaml says {digest}")
    wanted = {word: i for i, word in enumerate(vocabulary)}
    found = {wanted[word]: vector for word, vector in _lines(path) if word in wanted}
    if not found:
        raise StemmaError(f"vectors: {path}: holds none of the {len(wanted):,} words of the vocabulary")
    known = np.stack(list(found.values()))
    edge = np.sqrt(3) * float(known.std())
    result = np.random.default_rng(seed).uniform(-edge, edge, (len(vocabulary), known.shape[1])).astype(np.float32)
    result[list(found)] = known
    result[PAD] = 0
    log.info("%s: vectors of length %d for %d of %d words", path, known.shape[1], len(found), len(wanted))
    return result


def _lines(path: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Word and vector of each line; a word may hold blanks, and what the head of a word2vec file says must be true."""
    length, declared, count = 0, None, 0
    for number, line in enumerate(_text(path), 1):
        head = HEAD.fullmatch(line) if number == 1 else None
        if head:
            declared, length = int(head[1]), int(head[2])
            continue
        length = length or _numbers_behind(line)
        if not length:
            raise StemmaError(f"vectors: {path}: line {number} holds something else than numbers behind a word")
        yield _entry(path, number, line, length)
        count += 1
    if declared not in (None, count):
        raise StemmaError(f"vectors: {path}: its first line declares {declared:,} words, but it holds {count:,}")


def _text(path: Path) -> Iterator[str]:
    """The lines, blanks at their ends left out and tabs as blanks."""
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8", newline="\n") as file:
            for line in file:
                yield line.rstrip(" \t\r\n").replace("\t", " ")
    except (UnicodeDecodeError, OSError, EOFError, zlib.error) as error:
        raise StemmaError(f"vectors: {path}: not readable as UTF-8 text ({error})") from None


def _numbers_behind(line: str) -> int:
    """How many numbers end the line behind its first word."""
    _, *values = line.split(" ")
    return sum(1 for _ in takewhile(_is_number, reversed(values)))


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _entry(path: Path, number: int, line: str, length: int) -> tuple[str, np.ndarray]:
    """The last `length` numbers of a line and the word before them, which ends in no number of its own."""
    word, *values = line.rsplit(" ", length)
    try:
        vector = np.array(values, np.float32)
    except ValueError:
        raise StemmaError(f"vectors: {path}: line {number} holds something else than numbers") from None
    more = _numbers_behind(word)
    if len(vector) != length or more or not np.isfinite(vector).all():
        found = len(vector) + more
        raise StemmaError(f"vectors: {path}: line {number} holds {found} numbers, expected {length} finite ones")
    return word, vector
