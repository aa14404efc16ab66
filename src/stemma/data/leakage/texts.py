"""Near duplicates among texts: other punctuation, a word more, less or another one, misspelt words."""

import difflib
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from stemma.data.leakage import thresholds
from stemma.data.leakage.examples import Examples
from stemma.data.leakage.neighbours import CANDIDATES, NONE, Pairs, candidates, nearest

if TYPE_CHECKING:
    from scipy.sparse import csr_array

LETTERS = 4
"""Texts are compared by runs of that many characters, which suits typing errors and languages without spaces."""

BUCKETS = 1 << 16
"""Runs are told apart by a hash of 16 bits."""

DIMENSIONS = 128
"""Of the random projection that finds neighbours; a cosine of 0.8 comes out within 0.03."""

RARE = 50
"""Runs that fewer than one text in so many has weigh alike: else a typing error, whose runs no other text has, counts
for more than the words around it."""

MOST = 0.6
"""No pair is called a duplicate that is farther (cosine 0.8 of the weighted runs)."""

LENGTHS = (32, 64)
"""Characters below which a text is short or middling; the shorter, the nearer its neighbours are by nature."""

COMPARED = 16384


def near(examples: Examples, numbers: np.ndarray) -> tuple[Pairs, np.ndarray]:
    """Pairs among the examples `numbers` (distinct ones, ascending), and the numbers of the nearest of each.

    Texts without a letter or digit have no pair and, as those that differ from another one in signs alone, no
    neighbours: -1 in int64 `[len(numbers), K]`.
    """
    texts = examples.texts()
    keys = normalised([texts[n] for n in numbers])
    first: dict[str, int] = {}
    heads = np.array([first.setdefault(key, i) for i, key in enumerate(keys)], np.int64)
    written = np.array([bool(key) for key in keys], bool)
    same = np.flatnonzero((heads != np.arange(len(keys))) & written)
    rows = np.flatnonzero((heads == np.arange(len(keys))) & written)
    (a, b, distance), nearest_rows = _edited([keys[row] for row in rows], examples.classes[numbers[rows]])
    changes = [_change(keys[rows[i]], keys[rows[j]]) for i, j in zip(a, b, strict=True)]
    found = np.full((len(keys), nearest_rows.shape[1]), -1, np.int64)
    found[rows] = numbers[rows][nearest_rows]
    pairs = (
        numbers[np.concatenate([heads[same], rows[a]])],
        numbers[np.concatenate([same, rows[b]])],
        np.concatenate([np.zeros(len(same)), distance]),
        ["punctuation"] * len(same) + changes,
    )
    return pairs, found


def normalised(texts: Sequence[str]) -> list[str]:
    """The words in lower case, one space between them; signs, symbols and apostrophes are left out.

    >>> normalised(["It's  GOOD -- really!"])
    ['its good really']
    """
    folded = [unicodedata.normalize("NFKC", text).casefold() for text in texts]
    marks = {ord(c): " " for c in set().union(*folded) if unicodedata.category(c)[0] in "PSZC"}
    marks |= {ord(c): "" for c in "'\u2019"}
    return [" ".join(text.translate(marks).split()) for text in folded]


def weighted_runs(texts: Sequence[str]) -> "csr_array":
    """TF-IDF of the runs of LETTERS characters, float32 `[N, BUCKETS]`, rows of length 1.

    A run begins at each character and at the space set before the text; logarithmic counts, smoothed inverse
    document frequency up to RARE.
    """
    from scipy.sparse import coo_array

    padding = " " * (LETTERS - 1)
    lengths = np.array([len(text) for text in texts]) + 1 + len(padding)
    letters = np.frombuffer("".join(f" {text}{padding}" for text in texts).encode("utf-32-le"), np.uint32)
    owner = np.repeat(np.arange(len(texts)), lengths)
    starts = np.arange(len(letters)) < (np.cumsum(lengths) - len(padding))[owner]
    shape = (len(texts), BUCKETS)
    owner, buckets = owner[starts], _hashes(letters)[starts]
    runs = coo_array((np.ones(len(owner), np.float32), (owner, buckets)), shape=shape).tocsr()
    spread = np.bincount(runs.indices, minlength=BUCKETS)
    weight = (np.log(np.minimum((1 + len(texts)) / (1 + spread), RARE)) + 1).astype(np.float32)
    runs.data = (1 + np.log(runs.data)) * weight[runs.indices]
    runs.data /= np.repeat(np.sqrt(runs.multiply(runs).sum(1)), np.diff(runs.indptr))
    return runs


def _hashes(letters: np.ndarray) -> np.ndarray:
    """Bucket of the run that begins at each letter (of no meaning for the last ones): a polynomial, then mixed."""
    code = np.zeros(len(letters), np.uint64)
    for shift in range(LETTERS):
        code = code * np.uint64(0x9E3779B97F4A7C15) + np.roll(letters, -shift).astype(np.uint64)
    code = (code ^ code >> np.uint64(29)) * np.uint64(0xBF58476D1CE4E5B9)
    return ((code ^ code >> np.uint64(32)) % np.uint64(BUCKETS)).astype(np.int64)


def _edited(keys: list[str], y: np.ndarray) -> tuple[tuple[np.ndarray, np.ndarray, np.ndarray], np.ndarray]:
    """Pairs of different `keys` nearer than those of their classes and lengths are by nature, and their distances.

    Also the rows of the nearest of each.
    """
    if len(keys) < 2:
        return NONE[:3], np.zeros((len(keys), 0), np.int64)
    runs = weighted_runs(keys)
    projection = np.random.default_rng(0).standard_normal((BUCKETS, DIMENSIONS), np.float32)
    rows = nearest(runs @ projection, thresholds.NEIGHBOURS)
    kinds = y * (len(LENGTHS) + 1) + np.digitize([len(key) for key in keys], LENGTHS)
    own = thresholds.sample(kinds)
    measured = _distance(runs, np.repeat(own, rows.shape[1]), rows[own].ravel()).reshape(len(own), -1)
    limits = thresholds.by_class(measured, kinds[own], int(kinds.max()) + 1, MOST)
    a, b = candidates(rows[:, :CANDIDATES])
    distance = _distance(runs, a, b)
    keep = distance <= np.minimum(limits[kinds[a]], limits[kinds[b]])
    return (a[keep], b[keep], distance[keep]), rows


def _distance(runs: "csr_array", a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """sqrt(1 - cosine^2) of the rows pair by pair, as for images."""
    found: list[Any] = [np.zeros(0)]
    for i in range(0, len(a), COMPARED):
        found.append(runs[a[i : i + COMPARED]].multiply(runs[b[i : i + COMPARED]]).sum(1))
    return np.sqrt(1 - np.clip(np.concatenate(found), 0, 1) ** 2)


def _change(a: str, b: str) -> str:
    """A guess at what was done: order, drop (or insert) of words, spelling, another word; else edit."""
    one, other = a.split(), b.split()
    if sorted(one) == sorted(other):
        return "order"
    blocks = [block for block in difflib.SequenceMatcher(None, one, other, False).get_opcodes() if block[0] != "equal"]
    if len({kind for kind, *_ in blocks}) > 1 or len(blocks) > 2:
        return "edit"
    if blocks[0][0] != "replace":
        return "drop"
    similar = [
        difflib.SequenceMatcher(None, " ".join(one[i:j]), " ".join(other[k:m]), False).ratio()
        for _, i, j, k, m in blocks
    ]
    return "spelling" if min(similar) >= 0.6 else "word"
