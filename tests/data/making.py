"""Tiny synthetic files in the formats that the readers know."""

import gzip
import hashlib
import io
import struct
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from stemma.data.entry import DatasetEntry, File, Source
from stemma.data.parts import Options, Part, Raw, Reading
from stemma.data.raw import save_part
from stemma.files import write_json


def idx(path: Path, array: np.ndarray) -> Path:
    """`array` (uint8) as an IDX file, gzipped where the name says so; after the description."""
    content = bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)
    return path


def mnist_folder(folder: Path, train: int = 40, test: int = 20, end: str = ".gz") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for seed, (prefix, count) in enumerate({"train": train, "t10k": test}.items()):
        random = np.random.default_rng(seed)
        idx(folder / f"{prefix}-images-idx3-ubyte{end}", random.integers(0, 256, (count, 28, 28), np.uint8))
        idx(folder / f"{prefix}-labels-idx1-ubyte{end}", (np.arange(count) % 10).astype(np.uint8))
    return folder


def png(array: np.ndarray, mode: str | None = None) -> bytes:
    buffer = io.BytesIO()
    image = Image.fromarray(array)
    (image.convert(mode) if mode else image).save(buffer, format="PNG")
    return buffer.getvalue()


def tar(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def images_by_class(count: int = 3, side: int = 8, parts: tuple[str, ...] = ("train", "test")) -> dict[str, bytes]:
    """Name -> PNG of random colour images, `count` a class and part."""
    random = np.random.default_rng(0)
    return {
        f"{part}/{label}/{i}.png": png(random.integers(0, 256, (side, side, 3), np.uint8))
        for part in parts
        for label in ("cat", "dog")
        for i in range(count)
    }


def wheel(path: Path, members: dict[str, bytes]) -> Path:
    """A wheel good enough to be found and read: only its name and its members matter."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def entry(reader: str, kind: str = "image", classes: tuple[str, ...] | None = None, **facts: object) -> DatasetEntry:
    return DatasetEntry("toy", kind, "Toy", classes, "none", "", path_reader=reader, **facts)  # type: ignore[arg-type]


def source(reader: str, *files: File) -> Source:
    return Source(reader, files)


def read(reader: Any, path: Path, entry: DatasetEntry, scratch: Path | None = None, **options: Any) -> Raw:
    """What the module `reader` makes of `path`."""
    return reader.read(Reading(path, entry, scratch or path.parent, Options(**options)))


def raw_folder(
    folder: Path, kind: str, parts: dict[str, Part], classes: tuple[str, ...], task: str = "classify"
) -> Path:
    """What `ingest` would leave of a dataset with these `parts`."""
    folder.mkdir(parents=True)
    for name, part in parts.items():
        save_part(folder, name, part, kind)
    sizes = {name: len(part) for name, part in parts.items()}
    facts = {
        "dataset": "toy",
        "source": "here",
        "use": "toy@here",
        "test": None,
        "resize": "",
        "size": None,
        "licence": "",
        "columns": {},
        "encoding": "",
    }
    write_json(folder / "meta.json", {**facts, "kind": kind, "task": task, "classes": classes, "sizes": sizes})
    return folder
