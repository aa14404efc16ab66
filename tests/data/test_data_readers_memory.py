"""What a reader may hold: a shard of what streams, a few times the file of what only declares much."""

import gzip
import os
import struct
import subprocess
import sys
import tracemalloc
import zlib
from pathlib import Path

import making
import numpy as np
import pytest

from stemma.data.catalog import CATALOG
from stemma.data.readers import cifar, idx, image_folder, table
from stemma.errors import StemmaError

UNDER_A_LIMIT = """
import resource, sys
from pathlib import Path
import numpy as np
from stemma.data import shards
from stemma.data.parts import Reading
from stemma.data.raw import load_parts, save_part
from stemma.data.readers import READERS
from stemma.data.catalog import CATALOG

shards.SHARD_BYTES, shards.CHUNK_BYTES = 4 << 20, 1 << 20
shards.Writer.__init__.__defaults__ = shards.save.__defaults__ = (4 << 20,)
scratch, out, entry = Path(sys.argv[2]), Path(sys.argv[3]), CATALOG[sys.argv[4]]
used = int(next(line for line in open("/proc/self/status") if line.startswith("VmData")).split()[1]) << 10
limit = used + (24 << 20)
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
try:
    np.ones(48 << 20, np.uint8)
    sys.exit("the limit does not hold")
except MemoryError:
    pass
part = READERS[entry.path_reader](Reading(Path(sys.argv[1]), entry, scratch)).parts["train"]
save_part(out, "train", part, "image")
x = load_parts(out, "image")["train"].x
print(len(x), len(list(out.glob("train_x*"))), sum(int(piece.sum(dtype=np.int64)) for piece in shards.chunks(x)))
"""


def under_a_limit(path: Path, scratch: Path, out: Path, name: str) -> list[int]:
    """Examples, files, and sum of all values, read and written with 24 MiB."""
    command = [sys.executable, "-c", UNDER_A_LIMIT, *map(str, (path, scratch, out)), name]
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}
    found = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert found.returncode == 0, found.stderr[-2000:]
    return [int(word) for word in found.stdout.split()]


@pytest.fixture
def folders(tmp_path):
    for name in ("scratch", "out"):
        (tmp_path / name).mkdir()
    return tmp_path / "scratch", tmp_path / "out"


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the memory of the process from /proc")
def test_images_larger_than_memory(tmp_path, folders):
    count = 9_984
    head = b"P6 32 32 255\n"
    pixels = np.random.default_rng(0).integers(0, 256, (64, 3072), np.uint8)
    members = {
        f"{'cat' if i % 2 else 'dog'}/{i * 7919 % count:05d}.ppm": head + pixels[i % 64].tobytes() for i in range(count)
    }
    path = making.tar(tmp_path / "i.tar", members)
    found = under_a_limit(path, *folders, "images")
    assert found == [count, 8, int(pixels.sum(dtype=np.int64)) * count // 64]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the memory of the process from /proc")
def test_idx_larger_than_memory(tmp_path, folders):
    x = np.random.default_rng(0).integers(0, 256, (36_000, 28, 28), np.uint8)
    making.idx(tmp_path / "train-images-idx3-ubyte", x)
    making.idx(tmp_path / "train-labels-idx1-ubyte", (np.arange(36_000) % 10).astype(np.uint8))
    assert under_a_limit(tmp_path, *folders, "mnist") == [36_000, 7, int(x.sum(dtype=np.int64))]


def idx_that_declares(count: int, packed: bool) -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, 1 << 20, np.uint8).tobytes()
    content = bytes((0, 0, 8, 3)) + struct.pack(">3I", count, 28, 28) + noise
    return gzip.compress(content, mtime=0) if packed else content


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (idx_that_declares(1_000_000, True), "holds only 1,048,576"),
        (idx_that_declares(4_000_000_000, True), "more than a file of its length can hold"),
        (idx_that_declares(1400, False), "more than a file of its length can hold"),
    ],
)
def test_idx_allocates_for_what_is_there(tmp_path, content, said):
    path = tmp_path / ("x.gz" if content[:2] == b"\x1f\x8b" else "x")
    path.write_bytes(content)
    assert peak(lambda: idx.load(path, 3), said) < 4 * len(content)


def png_that_declares(width: int, height: int) -> bytes:
    start = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    whole = making.png(np.zeros((8, 8), np.uint8))
    return whole[:12] + start + struct.pack(">I", zlib.crc32(start)) + whole[33:]


@pytest.mark.parametrize(
    ("name", "reader", "entry", "content", "said"),
    [
        ("a.tar", cifar, "cifar10", b"\x80\x04\x8e" + struct.pack("<Q", 1 << 40) + bytes(1 << 20), "not a readable pickle"),
        ("a.tar", cifar, "cifar10", b"\x80\x02K\x00r\xff\xff\xff\x7f" + b"0" * (1 << 20), "asks for code"),
        ("i.tar", image_folder, "images", png_that_declares(7000, 7000), "declares 7000x7000 pixels, more than"),
        ("a.parquet", table, "table", b"PAR1" + bytes(1 << 20) + struct.pack("<I", 1 << 30) + b"PAR1", "not a readable"),
    ],
)  # fmt: skip
def test_other_declared_sizes(tmp_path, name, reader, entry, content, said):
    if name.endswith(".tar"):
        inside = "data_batch_1" if name == "a.tar" else "a/1.png"
        making.tar(tmp_path / name, {inside: content})
    else:
        (tmp_path / name).write_bytes(content)
    making.read(table, making_csv(tmp_path), CATALOG["table"])
    used = peak(lambda: making.read(reader, tmp_path / name, CATALOG[entry]), said)
    assert used < max(4 * len(content), 1 << 20)


def making_csv(folder: Path) -> Path:
    """A table whose reading imports what the readers import when they are first used."""
    (folder / "warm.csv").write_text("a,label\n1,x\n2,y\n")
    return folder / "warm.csv"


def peak(action, said: str) -> int:
    """Bytes that the refused `action` held at most."""
    import pyarrow.parquet  # noqa: F401

    tracemalloc.start()
    try:
        with pytest.raises(StemmaError, match=said):
            action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
