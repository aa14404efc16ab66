import io
import pickle
import pickletools
import struct
import zipfile

import making
import numpy as np
import pytest

from stemma.data.catalog import CATALOG
from stemma.data.parts import Options, Reading
from stemma.data.readers import cifar, emnist, pickled
from stemma.errors import StemmaError

TEN, FINE, COARSE, EMNIST = (CATALOG[name] for name in ("cifar10", "cifar100", "cifar100_coarse", "emnist"))


def old(data, labels, key=b"labels"):
    """A batch as Python 2 and its numpy pickled the published ones: protocol 2, bytes as texts."""
    shape = b"".join(b"M" + struct.pack("<H", size) for size in data.shape)
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\nq\x04cnumpy\nndarray\nq\x05K\x00\x85U\x01b\x87Rq\x06(K\x01"
        + shape + b"\x86cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
        + b"T" + struct.pack("<I", data.size) + data.tobytes() + b"tb"
    )  # fmt: skip
    numbers = b"](" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"
    text = b"U" + bytes([len(key)]) + key
    return b"\x80\x02}q\x01(U\x0bbatch_labelU\x15training batch 1 of 5U\x04data" + array + text + numbers + b"u."


def ten(pack):
    """Name -> batch of four images, made by `pack(data, labels)`."""
    random = np.random.default_rng(0)
    names = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    return {
        f"cifar-10-batches-py/{name}": pack(random.integers(0, 256, (4, 3072), np.uint8), [0, 9, i, 5])
        for i, name in enumerate(names)
    }


def new(data, labels):
    return pickle.dumps({b"data": data, b"labels": labels}, protocol=4)


def test_old_pickles_are_what_python_reads():
    data = np.random.default_rng(0).integers(0, 256, (3, 3072), np.uint8)
    whole = pickle.loads(old(data, [1, 2, 3]), encoding="bytes")
    assert np.array_equal(whole[b"data"], data) and whole[b"labels"] == [1, 2, 3]


@pytest.mark.parametrize("pack", [old, new])
def test_python_archive(tmp_path, pack):
    raw = making.read(cifar, making.tar(tmp_path / "c.tar.gz", ten(pack)), TEN)
    data = np.random.default_rng(0).integers(0, 256, (4, 3072), np.uint8)
    train = raw.parts["train"]
    assert train.x.shape == (20, 3, 32, 32) and np.array_equal(train.x[:4], data.reshape(4, 3, 32, 32))
    assert train.y.tolist()[:8] == [0, 9, 0, 5, 0, 9, 1, 5] and raw.parts["test"].y.tolist() == [0, 9, 5, 5]


def test_binary_and_python_say_the_same(tmp_path):
    python = ten(old)
    binary = {}
    for name, content in python.items():
        batch = pickle.loads(content, encoding="bytes")
        rows = np.concatenate([np.array(batch[b"labels"], np.uint8)[:, None], batch[b"data"]], axis=1)
        binary[f"{name}.bin"] = rows.tobytes()
    one = making.read(cifar, making.tar(tmp_path / "a.tar", python), TEN).parts
    two = making.read(cifar, making.tar(tmp_path / "b.tar", dict(reversed(binary.items()))), TEN).parts
    for part in ("train", "test"):
        assert np.array_equal(one[part].x[:], two[part].x[:]) and np.array_equal(one[part].y, two[part].y)


def test_hundred_classes_and_twenty(tmp_path):
    random = np.random.default_rng(0)
    members, batches = {}, {}
    for part, count in (("train", 5), ("test", 3)):
        rows = random.integers(0, 256, (count, 3074), np.uint8)
        rows[:, 0], rows[:, 1] = rows[:, 0] % 20, rows[:, 1] % 100
        members[f"cifar-100-binary/{part}.bin"] = rows.tobytes()
        values = {
            b"data": rows[:, 2:].copy(),
            b"coarse_labels": rows[:, 0].tolist(),
            b"fine_labels": rows[:, 1].tolist(),
        }
        batches[f"cifar-100-python/{part}"] = pickle.dumps(values, protocol=3)
    binary, python = making.tar(tmp_path / "b.tar.gz", members), making.tar(tmp_path / "p.tar.gz", batches)
    for path in (binary, python):
        for read, entry, column in ((cifar.fine, FINE, 1), (cifar.coarse, COARSE, 0)):
            raw = read(Reading(path, entry, tmp_path))
            expected = np.frombuffer(members["cifar-100-binary/test.bin"], np.uint8).reshape(3, 3074)
            assert raw.parts["test"].y.tolist() == expected[:, column].tolist() and len(raw.parts["train"]) == 5
            assert np.array_equal(raw.parts["test"].x[:].reshape(3, 3072), expected[:, 2:])


class Harm:
    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


def harmful(tmp_path):
    target = tmp_path / "harm"
    yield pickle.dumps(Harm(open, str(target), "w"), protocol=0), "_io.open|io.open"
    yield pickle.dumps({"data": Harm(target.touch)}, protocol=4), "getattr"
    yield (
        pickle.dumps({"data": Harm(eval, f"open({str(target)!r}, 'w')")}, protocol=2),
        "__builtin__.eval|builtins.eval",
    )
    yield b"cos\nsystem\n(S'touch " + str(target).encode() + b"'\ntR.", "os.system"
    yield b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x04true\x85R.", "posix.system"
    yield b"(S'true'\nios\nsystem\n.", "INST"
    yield b"\x80\x02(cnumpy\nndarray\no.", "OBJ"
    yield b"\x80\x02cnumpy\nndarray\n)\x81.", "NEWOBJ"
    yield b"\x80\x02\x82\x01.", "EXT1"
    yield b"P1\n.", "PERSID"
    yield b"\x80\x02cnumpy\nload\n.", "numpy.load"
    yield b"\x80\x02cnumpy\ndtype\nU\x02O8\x85R.", "other than arrays of uint8"
    yield b"\x80\x02cnumpy\nndarray\n)R.", "other than arrays of uint8"


def test_code_in_a_pickle_is_refused_by_name_and_not_run(tmp_path):
    for number, (content, said) in enumerate(harmful(tmp_path)):
        with pytest.raises(
            StemmaError, match=f"data_batch_1: a pickle (that asks for code .*({said}).*|of {said}); refused"
        ):
            members = ten(old) | {"cifar-10-batches-py/data_batch_1": content}
            making.read(cifar, making.tar(tmp_path / f"{number}.tar", members), TEN)
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not a readable pickle"),
        (b"\x80\x02}.", "expected a pickled dictionary with data and labels"),
        (pickle.dumps({"data": np.zeros((2, 3071), np.uint8), "labels": [0, 1]}), r"shape \(2, 3071\), expected"),
        (pickle.dumps({"data": [1], "labels": [0]}), "data: list, expected an array"),
        (pickle.dumps({"data": np.zeros((2, 3072)), "labels": [0, 1]}), "other than arrays of uint8"),
        (new(np.zeros((2, 3072), np.uint8), [0]), "1 labels, but 2 images"),
        (new(np.zeros((2, 3072), np.uint8), [0, 10]), "label 10 of example 1"),
        (new(np.zeros((2, 3072), np.uint8), [0, "1"]), "labels: expected a list of whole numbers"),
        (old(np.zeros((2, 3072), np.uint8), [0, 1]).replace(b"M\x02\x00", b"M\x03\x00"), "in 6,144 bytes"),
        (old(np.zeros((2, 3072), np.uint8), [0, 1])[:-900], "not a readable pickle"),
        (b"\x80\x02r\xff\xff\xff\x7f.", "not a readable pickle"),
        (b"\x80\x02" + b"(" * 99 + b".", "expected a pickled dictionary"),
        (b"\x80\x04\x8c\x03o\ns\x8c\x06system\x93.", r"asks for code \(o.s.system\); refused"),
        (b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7f.", "not a readable pickle"),
    ],
)  # fmt: skip
def test_broken_pickles(tmp_path, content, said):
    members = ten(new) | {"cifar-10-batches-py/data_batch_1": content}
    with pytest.raises(StemmaError, match=said):
        making.read(cifar, making.tar(tmp_path / "a.tar", members), TEN)


def test_every_plain_value_is_read():
    value = {"a": [1, -1, 2**40, None, True, False, 1.5, "é", b"x", (), (1,), (1, 2), (1, 2, 3, 4), [[], {}]]}
    for protocol in range(5):
        content = pickle.dumps(
            {**value, "a": [v for v in value["a"] if protocol > 2 or not isinstance(v, bytes)]}, protocol
        )
        assert pickled.load("x", pickletools.optimize(content)) == pickle.loads(content)


def emnist_files(split, first=0, classes=10):
    random = np.random.default_rng(1)
    members = {}
    for part, count in (("train", 6), ("test", 4)):
        for what, array in (
            ("images-idx3", random.integers(0, 256, (count, 28, 28), np.uint8)),
            ("labels-idx1", (np.arange(count) % classes + first).astype(np.uint8)),
        ):
            buffer = io.BytesIO()
            with making.gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as file:
                header = bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape)
                file.write(header + array.tobytes())
            members[f"gzip/emnist-{split}-{part}-{what}-ubyte.gz"] = buffer.getvalue()
    return members


def read_emnist(path, scratch, **options):
    return emnist.read(Reading(path, EMNIST, scratch, Options(generate=options)))


def test_emnist_stands_upright_and_knows_its_splits(tmp_path):
    both = making.wheel(tmp_path / "gzip.zip", emnist_files("letters", 1, 26) | emnist_files("digits"))
    raw = read_emnist(both, tmp_path, split="letters")
    images = np.random.default_rng(1).integers(0, 256, (6, 28, 28), np.uint8)
    assert np.array_equal(raw.parts["train"].x[:, 0], images.transpose(0, 2, 1))
    assert raw.classes[:3] == ("A", "B", "C") and raw.parts["train"].y.tolist() == list(range(6))
    assert read_emnist(both, tmp_path, split="digits").classes == tuple("0123456789")
    with pytest.raises(StemmaError, match="holds the splits digits, letters; expected the files of one split"):
        read_emnist(both, tmp_path)
    with zipfile.ZipFile(both) as archive:
        archive.extractall(tmp_path / "all", [name for name in archive.namelist() if "digits" in name])
    assert len(read_emnist(tmp_path / "all", tmp_path).parts["test"]) == 4
    with pytest.raises(StemmaError, match=r"emnist-balanced-train-images-idx3-ubyte.gz or its labels are missing"):
        read_emnist(both, tmp_path, split="balanced")
    wrong = making.wheel(tmp_path / "wrong.zip", emnist_files("letters", 0, 26))
    with pytest.raises(StemmaError, match="label -1 of example 0 is outside the classes 0 to 25"):
        read_emnist(wrong, tmp_path)
    assert [len(names) for names in emnist.CLASSES.values()] == [47, 62, 47, 10, 26, 10]
