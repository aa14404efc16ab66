import io
import tarfile
import zipfile

import making
import pytest

from stemma.data.fetching import archive
from stemma.errors import StemmaError


def everything(_):
    return True


def read(path):
    return dict(archive.members(path, everything))


def test_folder_tar_and_zip_give_the_same(tmp_path):
    content = {"a/1.txt": b"one", "b/2.txt": b"two"}
    for name, data in content.items():
        (tmp_path / "folder" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "folder" / name).write_bytes(data)
    (tmp_path / "folder" / ".hidden").write_bytes(b"x")
    making.tar(tmp_path / "x.tar.gz", {"./" + n: c for n, c in content.items()})
    making.wheel(tmp_path / "x.zip", content)
    assert read(tmp_path / "folder") == read(tmp_path / "x.tar.gz") == read(tmp_path / "x.zip") == content


def special(path, kind):
    with tarfile.open(path, "w") as tar:
        info = tarfile.TarInfo("link")
        info.type, info.linkname = kind, "/etc/passwd"
        tar.addfile(info)
    return path


@pytest.mark.parametrize("name", ["../out.txt", "/abs.txt", "a/../../out.txt", "..\\out.txt", "C:/x.txt"])
@pytest.mark.parametrize("make", [making.tar, making.wheel])
def test_names_that_point_outside(tmp_path, make, name):
    with pytest.raises(StemmaError, match="points outside"):
        read(make(tmp_path / "x.tar", {name: b"x"}))
    assert [p.name for p in tmp_path.iterdir()] == ["x.tar"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices(tmp_path, kind):
    with pytest.raises(StemmaError, match="link or a device"):
        read(special(tmp_path / "x.tar", kind))


def test_zip_link(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as z:
        info = zipfile.ZipInfo("link")
        info.external_attr = 0o120777 << 16
        z.writestr(info, "/etc/passwd")
    with pytest.raises(StemmaError, match="is a link"):
        read(tmp_path / "x.zip")


def test_repeated_name(tmp_path):
    with tarfile.open(tmp_path / "x.tar", "w") as tar:
        for content in (b"a", b"b"):
            info = tarfile.TarInfo("same")
            info.size = 1
            tar.addfile(info, io.BytesIO(content))
    with pytest.raises(StemmaError, match="twice"):
        read(tmp_path / "x.tar")


def test_bomb(tmp_path):
    making.tar(tmp_path / "x.tar.gz", {f"{i}": bytes(4 << 20) for i in range(4)})
    with pytest.raises(StemmaError, match="refused"):
        read(tmp_path / "x.tar.gz")


@pytest.mark.parametrize("keep", [0, 10, 100, 600])
def test_cut_or_not_an_archive(tmp_path, keep):
    whole = making.tar(tmp_path / "x.tar", {"a": bytes(range(256)) * 4, "b": b"y" * 900}).read_bytes()
    (tmp_path / "x.tar").write_bytes(whole[:keep])
    with pytest.raises(StemmaError):
        read(tmp_path / "x.tar")


def test_missing(tmp_path):
    with pytest.raises(StemmaError, match="no such file"):
        read(tmp_path / "none")
