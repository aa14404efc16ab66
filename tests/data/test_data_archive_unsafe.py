"""Archives made to do harm: each refused in one line, nothing written outside, memory bounded by the file."""

import bz2
import gzip
import io
import lzma
import os
import random
import re
import struct
import tarfile
import tracemalloc
import zipfile
from pathlib import Path

import making
import pytest

from stemma.data.entry import File
from stemma.data.fetching import archive, fetch
from stemma.errors import StemmaError

SECRET = b"outside"


def tar(*members, pack=bytes, end=True, form=tarfile.GNU_FORMAT):
    """Members as `(name, content)`, as facts of a header, or as raw bytes."""
    buffer = io.BytesIO()
    for member in members:
        if isinstance(member, bytes):
            buffer.write(member)
            continue
        name, content, facts = (*member, {})[:3] if isinstance(member, tuple) else (member, b"", {})
        info = tarfile.TarInfo(name)
        info.size = len(content)
        for key, value in facts.items():
            setattr(info, key, value)
        buffer.write(info.tobuf(form, errors="surrogateescape") + content + bytes(-len(content) % 512))
    return pack(buffer.getvalue() + bytes(1024 if end else 0))


def zipped(*members, mode=0, method=zipfile.ZIP_DEFLATED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as target:
        for name, content in members:
            info = zipfile.ZipInfo("x")
            info.filename, info.external_attr, info.compress_type = name, mode << 16, method
            target.writestr(info, content)
    return buffer.getvalue()


def link(kind, target="../../outside.txt"):
    return ("x.txt", b"", {"type": kind, "linkname": target})


def declared(content, size):
    """A zip whose only member says that it unpacks to `size` bytes."""
    data = bytearray(zipped(("x.txt", content)))
    for at, mark in ((22, b"PK\3\4"), (24, b"PK\1\2")):
        where = data.index(mark)
        data[where + at : where + at + 4] = struct.pack("<I", size)
    return bytes(data)


def of_many(count):
    """A zip of so many empty members, the names being numbers."""
    names = [b"%07d.txt" % i for i in range(count)]
    heads = [struct.pack("<4s5H3I2H", b"PK\3\4", 20, 0, 0, 0, 33, 0, 0, 0, 11, 0) + name for name in names]
    entry = struct.Struct("<4s6H3I5H2I")
    at = [41 * i for i in range(count)]
    index = b"".join(
        entry.pack(b"PK\1\2", 20, 20, 0, 0, 0, 33, 0, 0, 0, 11, 0, 0, 0, 0, 0, place) + name
        for place, name in zip(at, names, strict=True)
    )
    few = min(count, 65_535)
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, few, few, len(index), 41 * count, 0)
    return b"".join(heads) + index + end


ZEROS = bytes(16 << 20)
HUGE = {"size": 8 << 30}
UNSAFE = {
    "parent": (lambda: tar(("../x.txt", b"x")), "points outside"),
    "parent-inside": (lambda: tar(("a/../../x.txt", b"x")), "points outside"),
    "parent-zip": (lambda: zipped(("../x.txt", b"x")), "points outside"),
    "absolute": (lambda: tar(("/tmp/x.txt", b"x")), "points outside"),
    "absolute-zip": (lambda: zipped(("/tmp/x.txt", b"x")), "points outside"),
    "backslash": (lambda: tar(("..\\x.txt", b"x")), "points outside"),
    "backslash-zip": (lambda: zipped(("a\\..\\..\\x.txt", b"x")), "points outside"),
    "drive": (lambda: tar(("C:x.txt", b"x")), "points outside"),
    "share-zip": (lambda: zipped(("\\\\host\\share\\x.txt", b"x")), "points outside"),
    "symbolic-link": (lambda: tar(link(tarfile.SYMTYPE)), "link or a device"),
    "hard-link": (lambda: tar(link(tarfile.LNKTYPE)), "link or a device"),
    "link-then-file": (lambda: tar(link(tarfile.SYMTYPE), ("x.txt", b"x")), "link or a device"),
    "link-zip": (lambda: zipped(("x.txt", b"/etc/passwd"), mode=0o120777), "link or a device"),
    "device": (lambda: tar(link(tarfile.CHRTYPE)), "link or a device"),
    "block-device": (lambda: tar(link(tarfile.BLKTYPE)), "link or a device"),
    "fifo": (lambda: tar(link(tarfile.FIFOTYPE)), "link or a device"),
    "fifo-zip": (lambda: zipped(("x.txt", b""), mode=0o010644), "link or a device"),
    "unknown-type": (lambda: tar(("x.txt", b"", {"type": b"Z"}), ("y.txt", b"", {"type": b"V"})), None),
    "twice": (lambda: tar(("x.txt", b"a"), ("x.txt", b"b")), "stands in it twice"),
    "twice-other-spelling": (lambda: tar(("a/x.txt", b"a"), ("./a//x.txt", b"b")), "stands in it twice"),
    "nul": (lambda: tar(("x.txt\0../../y", b"x"), form=tarfile.PAX_FORMAT), None),
    "nul-zip": (lambda: zipped(("x.txt\0.png", b"x")), "no text"),
    "long-name": (lambda: tar(("d/" * 5000 + "x.txt", b"x")), "longer than 4,096"),
    "not-utf8": (lambda: tar(("\udcff\udcfe.txt", b"x")), "no text"),
    "sparse": (lambda: tar(("x.txt", b"", {"type": tarfile.GNUTYPE_SPARSE})), "sparse"),
    "sparse-pax": (
        lambda: tar(
            ("x.txt", b"", {"pax_headers": {"GNU.sparse.map": "0,1", "GNU.sparse.size": "9999999999"}}),
            form=tarfile.PAX_FORMAT,
        ),
        None,
    ),
    "sparse-pax-1": (
        lambda: tar(
            ("x.txt", b"9" * 5000, {"pax_headers": {"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}}),
            form=tarfile.PAX_FORMAT,
        ),
        "sparse",
    ),
    "bomb-gzip": (lambda: tar(("x.txt", ZEROS), pack=gzip.compress), "more than 200 times its size"),
    "bomb-bzip2": (lambda: tar(("x.txt", ZEROS), pack=bz2.compress), "more than 200 times its size"),
    "bomb-xz": (lambda: tar(("x.txt", ZEROS), pack=lzma.compress), "more than 200 times its size"),
    "bomb-unwanted": (lambda: tar(("no.dat", ZEROS), ("x.txt", b"x"), pack=gzip.compress), "more than 200 times"),
    "bomb-zip": (lambda: zipped(("x.txt", ZEROS)), "more than 200 times its size"),
    "bomb-of-many": (
        lambda: tar(*((f"{i}.txt", ZEROS[: 1 << 20]) for i in range(16)), pack=gzip.compress),
        "more than 200 times its size",
    ),
    "bomb-long-name": (
        lambda: tar(("x", ZEROS, {"type": tarfile.GNUTYPE_LONGNAME}), pack=gzip.compress),
        "a header of 16,777,216 bytes",
    ),
    "bomb-pax": (lambda: tar(("x", ZEROS, {"type": tarfile.XHDTYPE}), pack=gzip.compress), "a header of 16,777,216"),
    "bomb-of-names": (lambda: of_many(100_000), "a list of members of 5,700,000 bytes"),
    "bomb-of-bombs": (
        lambda: tar(("x.txt", gzip.compress(ZEROS)), pack=gzip.compress),
        None,
    ),
    "declared": (lambda: tar(("x.txt", b"x" * 100, HUGE)), "declares 8,589,934,592 bytes"),
    "declared-negative": (lambda: tar(("x.txt", b"x" * 100, {"size": -100})), None),
    "declared-zip": (lambda: declared(b"x" * 100, 0xFFFFFFF0), "declares 4,294,967,280 bytes"),
    "declared-little-zip": (lambda: declared(os.urandom(20_000), 900_000), "cut short|not a readable"),
    "endless-pax": (lambda: tar(("x", b"9 a=b\n12", {"type": tarfile.XGLTYPE})) * 3000, None),
    "cut-in-member": (lambda: tar(("x.txt", b"x" * 5000))[:3000], "cut short"),
    "cut-between": (lambda: tar(("a.txt", b"x" * 512), ("x.txt", b"x"))[:1024], "cut short"),
    "cut-gzip": (lambda: tar(("a.txt", os.urandom(9000)), pack=gzip.compress)[:5000], "not a readable|cut short"),
    "cut-xz": (lambda: tar(("a.txt", os.urandom(9000)), pack=lzma.compress)[:5000], "not a readable|cut short"),
    "cut-zip": (lambda: zipped(("a.txt", os.urandom(9000)))[:5000], "not a readable"),
    "wrong-crc-gzip": (
        lambda: (data := tar(("x.txt", b"x"), pack=gzip.compress))[:-8] + b"\0\0\0\0" + data[-4:],
        "CRC",
    ),
    "wrong-crc-zip": (
        lambda: (
            zipped(("x.txt", b"abcdefgh" * 99), method=0)[:200]
            + b"!"
            + zipped(("x.txt", b"abcdefgh" * 99), method=0)[201:]
        ),
        "CRC",
    ),
    "no-archive": (lambda: b"hello" * 1000, "not a readable"),
    "empty": (lambda: b"", "not a readable"),
}


def everything(path):
    return list(archive.members(path, lambda name: name.endswith(".txt")))


@pytest.fixture(scope="module")
def unsafe():
    return {name: (make(), said) for name, (make, said) in UNSAFE.items()}


@pytest.mark.parametrize("name", UNSAFE)
def test_refused_in_one_line_with_nothing_outside_and_little_memory(unsafe, name, tmp_path, monkeypatch):
    content, said = unsafe[name]
    place = tmp_path / "a/b"
    place.mkdir(parents=True)
    (tmp_path / "outside.txt").write_bytes(SECRET)
    path = place / "x.archive"
    path.write_bytes(content)
    monkeypatch.chdir(place)
    tracemalloc.start()
    error = ""
    try:
        for _, found in archive.members(path, lambda name: name.endswith(".txt")):
            assert SECRET not in found
    except StemmaError as refused:
        error = str(refused)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    window = 10 << 20 if "xz" in name else 3 << 20
    assert peak < 4 * len(content) + window, "the decoder's own window, whatever the headers declare"
    if said:
        assert re.search(said, error) and "\n" not in error and error.startswith(str(path))
    inside = [File(f"{i}.txt", making.sha(b"never"), 5, (path.as_uri(),), member="x.txt") for i in range(2)]
    with pytest.raises(StemmaError):
        fetch.fetch((inside[0],), place / "out")
    assert sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*")) == [
        *("a", "a/b", "a/b/out", "a/b/x.archive", "outside.txt")
    ]
    assert (tmp_path / "outside.txt").read_bytes() == SECRET


def test_a_tar_that_ends_in_a_zip_is_a_tar(tmp_path):
    inner = zipped(("inner.txt", b"x"))
    (tmp_path / "x").write_bytes(tar(("outer.txt", inner)))
    assert everything(tmp_path / "x") == [("outer.txt", inner)]


@pytest.mark.parametrize("end", ["tar", "tar.gz", "tar.bz2", "tar.xz", "zip", ""])
def test_a_member_of_any_size_is_streamed(tmp_path, end):
    """4 MiB pass through in steps; only a member that is read as a whole is limited."""
    block = random.Random(0).randbytes(1 << 18)
    path = tmp_path / f"x.{end}"
    big = {"big.txt": block * 16, "small.txt": b"s"}
    pack = {"tar.gz": gzip.compress, "tar.bz2": bz2.compress, "tar.xz": lambda c: lzma.compress(c, preset=0)}
    if end:
        path.write_bytes(zipped(*big.items()) if end == "zip" else tar(*big.items(), pack=pack.get(end, bytes)))
    else:
        path.mkdir()
        for name, content in big.items():
            (path / name).write_bytes(content)
    tracemalloc.start()
    sizes = {}
    for name, size, file in archive.open_members(path, lambda _: True):
        assert size == len(big[name])
        while chunk := file.read(1 << 20):
            sizes[name] = sizes.get(name, 0) + len(chunk)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sizes == {name: len(content) for name, content in big.items()}
    assert peak < 3 << 20
    assert dict(archive.members(path, lambda _: True)) == big


def test_a_large_member_is_not_read_as_a_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MAX_MEMBER_BYTES", 99)
    (tmp_path / "x").write_bytes(tar(("x.txt", bytes(100))))
    with pytest.raises(StemmaError, match=r"'x.txt' has 100 bytes; at most 99"):
        everything(tmp_path / "x")


def test_a_zip_of_many_small_files_is_fine(tmp_path):
    (tmp_path / "x").write_bytes(of_many(20_000))
    assert len(everything(tmp_path / "x")) == 20_000


def test_memory_does_not_grow_with_the_members(tmp_path):
    (tmp_path / "x").write_bytes(tar(*((f"{i}.dat", b"") for i in range(10_000))))
    tracemalloc.start()
    assert everything(tmp_path / "x") == []
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 19


WHOLE = {
    "tar": tar(("a/1.txt", b"one"), ("a/" + "long" * 40 + ".txt", b"two" * 300), form=tarfile.PAX_FORMAT),
    "gnu": tar(("a/1.txt", b"one"), ("a/" + "long" * 40 + ".txt", b"two" * 300)),
    "zip": zipped(("a/1.txt", b"one"), ("b/2.txt", b"two" * 300)),
}
WHOLE |= {
    "gz": gzip.compress(WHOLE["tar"], mtime=0),
    "bz2": bz2.compress(WHOLE["tar"]),
    "xz": lzma.compress(WHOLE["gnu"]),
}


def spoilt(whole: bytes, dice: random.Random) -> bytes:
    data = bytearray(whole)
    for _ in range(dice.choice((1, 1, 3, 20))):
        at = dice.randrange(len(data))
        match dice.randrange(4):
            case 0:
                data[at] = dice.randrange(256)
            case 1:
                data[at] ^= 1 << dice.randrange(8)
            case 2:
                del data[at : at + dice.randrange(1, 600)]
            case _:
                data[at:at] = data[: dice.randrange(1, 600)]
        data = data or bytearray(b"x")
    return bytes(data)


def attempts(count: int, path: Path) -> int:
    refused = 0
    for form, whole in WHOLE.items():
        dice = random.Random(form)
        for _ in range(count):
            path.write_bytes(spoilt(whole, dice))
            try:
                everything(path)
            except StemmaError as error:
                refused += 1
                assert "\n" not in str(error)
    return refused


def test_spoilt_archives_end_in_nothing_but_the_own_error(tmp_path):
    assert attempts(100, tmp_path / "x") > 200


@pytest.mark.slow
def test_many_spoilt_archives_end_in_nothing_but_the_own_error(tmp_path):
    assert attempts(2000, tmp_path / "x") > 4000
