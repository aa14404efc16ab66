"""What ingesting costs beside the plain way: PIL in a loop over the members of an archive, or numpy on IDX files.

    python benchmarks/ingest.py DATASET@PATH ...

Each measurement runs in a process of its own: seconds of wall clock and CPU, examples and megabytes of the source a
second, peak memory. Then the time that opening takes for the prepared set, against decoding it again.
"""

import gzip
import io
import json
import multiprocessing
import resource
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

MIB = 1 << 20


def plain(use: str, out: Path) -> int:
    """The usual loop: every image decoded to an array, all of them stacked and saved; nothing is checked."""
    import numpy as np
    from PIL import Image

    path = Path(use.partition("@")[2])
    if path.is_dir():
        return plain_idx(path, out)
    rows = []
    with tarfile.open(path) as archive:
        for member in archive:
            if member.isfile():
                rows.append(np.asarray(Image.open(io.BytesIO(archive.extractfile(member).read())).convert("RGB")))
    np.save(out / "x.npy", np.stack(rows).transpose(0, 3, 1, 2))
    return len(rows)


def plain_idx(folder: Path, out: Path) -> int:
    import numpy as np

    count = 0
    for number, file in enumerate(sorted(folder.glob("*images*"))):
        x = np.frombuffer(gzip.decompress(file.read_bytes())[16:], np.uint8).reshape(-1, 1, 28, 28)
        np.save(out / f"{number}.npy", x)
        count += len(x)
    return count


def ingested(use: str, out: Path) -> int:
    from stemma.data.ingest import ingest

    ingest(use, out / "raw")
    return sum(json.loads((out / "raw/meta.json").read_text())["sizes"].values())


def prepared(use: str, out: Path) -> int:
    from stemma.data.preparation.prepare import prepare

    return sum(prepare(out / "raw", out / "prepared").sizes.values())


def loaded(use: str, out: Path) -> int:
    """The prepared set, opened as training opens it, its first and last example touched."""
    from stemma.data import store

    spec = store.load_spec(out / "prepared")
    for name in spec.sizes:
        x = store.load_split(out / "prepared", name).x
        assert int(x[0].sum()) + int(x[len(x) - 1].sum())
    return sum(spec.sizes.values())


def cost(job: Callable[[str, Path], int], use: str, out: Path) -> dict[str, Any]:
    """Seconds and memory of `job` in a fresh process, its imports left out."""
    fork = multiprocessing.get_context("fork")
    reader, writer = fork.Pipe(duplex=False)
    process = fork.Process(target=_measured, args=(job, use, out, writer))
    process.start()
    writer.close()
    found = reader.recv()
    process.join()
    return found


def _measured(job: Callable[[str, Path], int], use: str, out: Path, writer: Any) -> None:
    import numpy as np  # noqa: F401
    import pandas as pd  # noqa: F401
    import PIL.JpegImagePlugin
    import PIL.PngImagePlugin  # noqa: F401

    from stemma.data import ingest, store  # noqa: F401
    from stemma.data.preparation import prepare  # noqa: F401

    wall, cpu, used = time.perf_counter(), time.process_time(), peak()
    count = job(use, out)
    seconds = time.perf_counter() - wall
    writer.send({"count": count, "wall": seconds, "cpu": time.process_time() - cpu, "memory": peak() - used})


def peak() -> float:
    """Largest resident memory so far, MiB; pages of mapped files count as long as they stay."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def size(path: Path) -> int:
    return sum(f.stat().st_size for f in ([path] if path.is_file() else path.iterdir()))


def main(uses: list[str]) -> None:
    print(f"{'':<12}{'s':>9}{'CPU s':>9}{'items/s':>10}{'MB/s':>8}{'peak MiB':>10}   (items/s and MB/s by CPU)")
    for use in uses:
        print(use)
        with tempfile.TemporaryDirectory() as folder:
            bytes_ = size(Path(use.partition("@")[2]))
            found = {}
            for job in (plain, ingested, prepared, loaded):
                f = found[job] = cost(job, use, Path(folder))
                rate, volume = f["count"] / f["cpu"], bytes_ / 1e6 / f["cpu"]
                line = f"  {job.__name__:<10}{f['wall']:>9.3f}{f['cpu']:>9.3f}"
                rates = "" if job is loaded else f"{rate:>10,.0f}{volume:>8.1f}{f['memory']:>10,.0f}"
                print(line + rates)
            times = found[plain]["wall"] / found[loaded]["wall"]
            print(f"  loading the prepared set is {times:,.0f} times as fast as decoding it the plain way")


if __name__ == "__main__":
    main(sys.argv[1:])
