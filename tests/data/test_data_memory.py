"""A set larger than the memory that a process may have goes through the stages."""

import subprocess
import sys
from pathlib import Path

import numpy as np

from stemma.data import shards
from stemma.files import write_json

PREPARE = """
import resource, sys
from pathlib import Path
import stemma.data.preparation.prepare as p, scipy.sparse.csgraph, pyarrow.parquet
words = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
limit = int(words["VmData"].split()[0]) * 1024 + (int(sys.argv[1]) << 20)
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
spec = p.prepare(Path("raw"), Path("out"))
print(spec.sizes["train"])
"""
COUNT = 60_000


def test_preparing_needs_less_memory_than_the_set(tmp_path: Path) -> None:
    raw, random = tmp_path / "raw", np.random.default_rng(0)
    raw.mkdir()
    images = (random.integers(0, 256, (2000, 3, 32, 32), np.uint8) for _ in range(COUNT // 2000))
    shards.save(raw, "train_x", images, shard_bytes=32 << 20)
    np.save(raw / "train_y.npy", np.arange(COUNT) % 10)
    facts = {
        "dataset": "toy",
        "source": "here",
        "use": "toy@here",
        "test": None,
        "resize": "",
        "kind": "image",
        "columns": {},
        "encoding": "",
    }
    write_json(raw / "meta.json", {**facts, "task": "classify", "classes": list("abcdefghij")})
    size = sum(path.stat().st_size for path in raw.glob("*.npy")) >> 20
    assert size > 170
    run = subprocess.run([sys.executable, "-c", PREPARE, "100"], cwd=tmp_path, capture_output=True, text=True)
    assert run.stdout.split() == ["43200"], run.stderr[-2000:]
    greedy = PREPARE.replace("spec = ", "whole = p.load_parts(Path('raw'), 'image')['train'].x[:]; spec = ")
    run = subprocess.run([sys.executable, "-c", greedy, "100"], cwd=tmp_path, capture_output=True, text=True)
    assert "MemoryError" in run.stderr, "the limit is one that the whole array exceeds"
