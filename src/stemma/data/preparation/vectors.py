"""Word vectors from a text file in the form of word2vec (first line: number and length) or of GloVe (none).

Mikolov et al. 2013; Pennington, Socher, Manning 2014. Plain or gzip, UTF-8, a word and its numbers a line.
"""

import gzip
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from stemma.errors import StemmaError
from stemma.files import sha256
from stemma.spec import PAD

log = logging.getLogger("stemma.data")


def load(path: Path, vocabulary: Sequence[str], digest: str | None = None, seed: int = 0) -> np.ndarray:
    """Vectors float32 `[tokens, length]` of the `vocabulary`, read a line at a time.

    A word that the file lacks is drawn uniformly with the deviation of those found (as Kim 2014 does);
    padding is zero.

    Raises:
        StemmaError: not there, another digest, unequal lengths, something else than finite numbers, or no
            word of the vocabulary.
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
    """Word and vector of each line; the head of a word2vec file is left out."""
    length = 0
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                word, *values = line.rstrip().split(" ")
                if number == 1 and len(values) == 1 and word.isdecimal() and values[0].isdecimal():
                    continue
                length = length or len(values)
                vector = _vector(path, number, values, length)
                yield word, vector
    except (UnicodeDecodeError, OSError, EOFError) as error:
        raise StemmaError(f"vectors: {path}: not readable as UTF-8 text ({error})") from None


def _vector(path: Path, number: int, values: list[str], length: int) -> np.ndarray:
    try:
        vector = np.array(values, np.float32)
    except ValueError:
        raise StemmaError(f"vectors: {path}: line {number} holds something else than numbers") from None
    if len(vector) != length or length == 0 or not np.isfinite(vector).all():
        raise StemmaError(f"vectors: {path}: line {number} holds {len(vector)} numbers, expected {length} finite ones")
    return vector
