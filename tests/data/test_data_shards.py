import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stemma.data import shards
from stemma.data.shards import View
from stemma.errors import StemmaError


def numbers(count, width=3):
    return np.arange(count * width, dtype=np.uint8).reshape(count, width)


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 60), st.integers(1, 9), st.integers(3, 60), st.data())
def test_what_was_appended_is_read_in_order(tmp_path_factory, count, piece, shard_bytes, data):
    folder, whole = tmp_path_factory.mktemp("shards"), numbers(count)
    shards.save(folder, "x", (whole[i : i + piece] for i in range(0, count, piece)), shard_bytes)
    array = shards.load(folder, "x")
    files = shards.files(folder, "x")
    assert len(files) == -(-count // (shard_bytes // 3)) and all(np.load(f).nbytes <= shard_bytes for f in files)
    assert (array.shape, array.dtype, len(array)) == (whole.shape, whole.dtype, count)
    rows = np.array(data.draw(st.lists(st.integers(0, count - 1))), np.int64)
    for chosen in (rows, slice(2, 7), slice(None, None, 2), int(count - 1)):
        assert np.array_equal(array[chosen], whole[chosen])
    assert np.array_equal(np.asarray(array), whole) and np.array_equal(list(array), whole)
    view = View(array, rows)
    assert np.array_equal(np.asarray(view), whole[rows]) and np.array_equal(view[:3], whole[rows][:3])
    assert [row.tolist() for row in view] == whole[rows].tolist()


def test_chunks_are_bounded(monkeypatch):
    monkeypatch.setattr(shards, "CHUNK_BYTES", 12)
    pieces = list(shards.chunks(numbers(10)))
    assert [len(piece) for piece in pieces] == [4, 4, 2]
    assert np.array_equal(np.concatenate(pieces), numbers(10))


def test_nothing_and_nowhere(tmp_path):
    with pytest.raises(StemmaError, match="no rows"):
        shards.save(tmp_path, "x", [])
    with pytest.raises(StemmaError, match="no such array"):
        shards.load(tmp_path, "x")


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32"])
def test_files_are_those_of_numpy(tmp_path, dtype):
    whole = numbers(7).astype(dtype)
    shards.save(tmp_path, "x", [whole[:3], whole[3:]])
    np.save(tmp_path / "y.npy", whole)
    assert (tmp_path / "x.npy").read_bytes() == (tmp_path / "y.npy").read_bytes()


def test_a_file_cut_short_is_said(tmp_path):
    np.save(tmp_path / "x.npy", numbers(7))
    for size in (0, 40, 140):
        (tmp_path / "y.npy").write_bytes((tmp_path / "x.npy").read_bytes()[:size])
        with pytest.raises(StemmaError, match=r"y.npy: not a whole array file"):
            shards.load(tmp_path, "y")
