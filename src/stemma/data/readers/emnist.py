"""EMNIST (Cohen et al. 2017): gzipped IDX files of six splits, in one archive or a folder.

The published images are transposed; here they stand upright, as those of MNIST do.
"""

import re
from pathlib import Path, PurePosixPath

import numpy as np

from stemma.data import shards
from stemma.data.fetching import archive
from stemma.data.parts import Raw, Reading
from stemma.data.readers import idx
from stemma.errors import StemmaError

FILE = re.compile(r"emnist-([a-z]+)-(train|test)-(images-idx3|labels-idx1)-ubyte(?:\.gz)?")
UPRIGHT = (0, 2, 1)
DIGITS = tuple("0123456789")
CAPITALS = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
MERGED = (*DIGITS, *CAPITALS, *"abdefghnqrt")
CLASSES = {
    "balanced": MERGED,
    "byclass": (*DIGITS, *CAPITALS, *map(str.lower, CAPITALS)),
    "bymerge": MERGED,
    "digits": DIGITS,
    "letters": CAPITALS,
    "mnist": DIGITS,
}
"""Small letters that look like capitals are merged with those; letters have the labels 1 to 26."""


def read(reading: Reading) -> Raw:
    """Train and test of the split that the option `split` names, or of the only one that is there.

    Raises:
        StemmaError: a file is missing, several splits and no option, or as `idx.load`.
    """
    path = reading.path
    split = reading.options.generate.get("split") or _only(path)
    images: dict[str, tuple[Path, shards.Array]] = {}
    labels: dict[str, tuple[Path, np.ndarray]] = {}
    for name, size, file in archive.open_members(path, lambda name: _parts(name)[:1] == (split,)):
        _, part, what = _parts(name)
        with idx.unpacked(path / name, file) as content:
            if what == "images-idx3":
                x = idx.store(path / name, content, size, reading.scratch, part, UPRIGHT)
                images[part] = (path / name, x)
            else:
                labels[part] = (path / name, idx.whole(path / name, content, size, 1))
    for part in ("train", "test"):
        if part not in images or part not in labels:
            raise StemmaError(f"{path}: emnist-{split}-{part}-images-idx3-ubyte.gz or its labels are missing")
    classes = CLASSES[split]
    first = 1 if split == "letters" else 0
    parts = {
        part: idx.to_part(*images[part], labels[part][0], labels[part][1].astype(np.int64) - first, len(classes))
        for part in ("train", "test")
    }
    return Raw(parts, classes)


def _parts(name: str) -> tuple[str, ...]:
    """Split, part and what the file holds; nothing for other files."""
    match = FILE.fullmatch(PurePosixPath(name).name)
    return match.groups() if match and match.group(1) in CLASSES else ()


def _only(path: Path) -> str:
    """The one split that is at `path`."""
    names = (name for name, *_ in archive.open_members(path, lambda name: bool(_parts(name))))
    found = {_parts(name)[0] for name in names}
    if len(found) != 1:
        what = f"the splits {', '.join(sorted(found))}" if found else "no file of EMNIST"
        raise StemmaError(f"{path}: holds {what}; expected the files of one split")
    return found.pop()
