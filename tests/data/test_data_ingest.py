import json
from dataclasses import replace

import making
import numpy as np
import pytest

from stemma.data import catalog
from stemma.data.entry import DatasetEntry, File, Source
from stemma.data.folder import content_digest
from stemma.data.ingest import ingest
from stemma.data.parts import Options, Resize
from stemma.data.raw import load_parts
from stemma.errors import StemmaError


def read(folder):
    return json.loads((folder / "meta.json").read_text()), json.loads((folder / "provenance.json").read_text())


def test_path_source(tmp_path):
    making.mnist_folder(tmp_path / "mnist")
    ingest(f"mnist@{tmp_path}/mnist", tmp_path / "raw")
    meta, provenance = read(tmp_path / "raw")
    assert meta["sizes"] == {"train": 40, "test": 20} and meta["source"] == f"{tmp_path}/mnist"
    assert [line["name"] for line in provenance] == sorted(f.name for f in (tmp_path / "mnist").iterdir())
    for line in provenance:
        content = (tmp_path / "mnist" / line["name"]).read_bytes()
        assert (line["sha256"], line["bytes"]) == (making.sha(content), len(content))
    x = load_parts(tmp_path / "raw", "image")["train"].x
    assert x.shape == (40, 1, 28, 28) and x.dtype == np.uint8


def test_digest_of_a_path_is_held_against_its_content(tmp_path):
    folder = making.mnist_folder(tmp_path / "mnist")
    digest = content_digest(folder)
    ingest(f"mnist@{folder}", tmp_path / "raw", digest=digest)
    making.mnist_folder(folder, train=50)
    with pytest.raises(StemmaError, match="run `stemma data use` again"):
        ingest(f"mnist@{folder}", tmp_path / "raw", digest=digest)
    (folder / "train-images-idx3-ubyte.gz").rename(folder / "renamed")
    assert content_digest(folder) not in (
        digest,
        content_digest(making.mnist_folder(tmp_path / "b", train=50)),
    )


def test_missing_path(tmp_path):
    with pytest.raises(StemmaError, match="no such file or folder"):
        ingest(f"mnist@{tmp_path}/none", tmp_path / "raw")


def test_separate_test_source(tmp_path):
    making.mnist_folder(tmp_path / "a", train=40)
    making.mnist_folder(tmp_path / "b", train=40, test=30)
    ingest(f"mnist@{tmp_path}/a", tmp_path / "raw", test=f"mnist@{tmp_path}/b")
    meta, provenance = read(tmp_path / "raw")
    assert meta["sizes"] == {"train": 40, "test": 30} and meta["test"] == f"mnist@{tmp_path}/b"
    assert len(provenance) == 8


def test_separate_test_source_of_another_form(tmp_path):
    making.mnist_folder(tmp_path / "a")
    making.tar(tmp_path / "i.tar", making.images_by_class())
    making.tar(tmp_path / "j.tar", making.images_by_class(side=9))
    with pytest.raises(StemmaError, match="classes cat, dog; expected those of mnist@"):
        ingest(f"mnist@{tmp_path}/a", tmp_path / "raw", test=f"images@{tmp_path}/i.tar")
    with pytest.raises(StemmaError, match="holds images 3x9x9; expected images 3x8x8"):
        ingest(f"images@{tmp_path}/i.tar", tmp_path / "raw", test=f"images@{tmp_path}/j.tar")
    (tmp_path / "t.csv").write_text("text,label\na,cat\nb,dog\n")
    with pytest.raises(StemmaError, match="holds texts; expected images"):
        ingest(f"images@{tmp_path}/i.tar", tmp_path / "raw", test=f"csv@{tmp_path}/t.csv")


def test_separate_test_source_for_another_task(tmp_path, monkeypatch):
    making.mnist_folder(tmp_path / "a")
    ratings = replace(catalog.CATALOG["mnist"], name="ratings", task="regress")
    monkeypatch.setitem(catalog.CATALOG, "ratings", ratings)
    with pytest.raises(StemmaError, match=r"^ratings@.*/a: is for the task regress; expected classify as mnist@.*/a$"):
        ingest(f"mnist@{tmp_path}/a", tmp_path / "raw", test=f"ratings@{tmp_path}/a")
    assert not (tmp_path / "raw").exists()


def test_a_path_without_digest_is_warned_of(tmp_path, caplog):
    folder = making.mnist_folder(tmp_path / "mnist")
    use, digest = f"mnist@{folder}", content_digest(folder)
    ingest(use, tmp_path / "grey", digest=digest, test=use, test_digest=digest)
    assert "no digest" not in caplog.text
    ingest(use, tmp_path / "grey", digest=digest, test=use)
    said = f"grey: {use} has no digest, so a change of its content goes unseen; run `stemma data use`"
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == [said]
    ingest(use, tmp_path / "grey", test=use, test_digest=digest)
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == [said, said]


def test_meta_says_how_the_source_was_read(tmp_path):
    making.mnist_folder(tmp_path / "mnist")
    ingest(f"mnist@{tmp_path}/mnist", tmp_path / "raw", options=Options(resize=Resize(7, 14, "mean")))
    meta = read(tmp_path / "raw")[0]
    assert (meta["resize"], meta["size"], meta["columns"], meta["encoding"]) == ("mean", [7, 14], {}, "")
    (tmp_path / "t.csv").write_bytes("satz,label\nä,cat\nb,dog\n".encode("latin-1"))
    options = Options("latin-1", {"text": "satz"})
    ingest(f"csv@{tmp_path}/t.csv", tmp_path / "raw", options=options)
    meta = read(tmp_path / "raw")[0]
    assert (meta["resize"], meta["size"], meta["columns"], meta["encoding"]) == ("", None, {"text": "satz"}, "latin-1")


def test_catalogue_source_over_http_is_fetched_once(site, tmp_path, monkeypatch):
    packed = making.tar(tmp_path / "i.tar", making.images_by_class()).read_bytes()
    site.pages["/i.tar"] = packed
    file = File("i.tar", making.sha(packed), len(packed), (site.address + "i.tar",))
    entry = DatasetEntry("toy", "image", "Toy", None, "none", "", {"web": Source("image_folder", (file,))})
    monkeypatch.setitem(catalog.CATALOG, "toy", entry)
    for _ in range(2):
        ingest("toy@web", tmp_path / "raw", downloads=tmp_path / "downloads")
    assert site.asked == ["/i.tar"]
    assert read(tmp_path / "raw")[1][0]["address"] == site.address + "i.tar"


def test_mirror_and_single_file_as_url(site, tmp_path, monkeypatch):
    published = []
    for file in sorted(making.mnist_folder(tmp_path / "mnist").iterdir()):
        site.pages[f"/mirror/{file.name}"] = file.read_bytes()
        published.append(File(file.name, making.sha(file.read_bytes()), None, ("http://127.0.0.1:9/x",)))
    entry = making.entry("idx", classes=tuple("0123456789"), sources={"canonical": Source("idx", tuple(published))})
    monkeypatch.setitem(catalog.CATALOG, "toy", entry)
    ingest(f"toy@{site.address}mirror/", tmp_path / "raw", downloads=tmp_path / "downloads")
    assert read(tmp_path / "raw")[0]["sizes"]["train"] == 40
    table = b"text,label\na,0\nb,1\n"
    site.pages["/t.csv"] = table
    with pytest.raises(StemmaError, match="give `digest` or set `allow_unverified: true`"):
        ingest(f"csv@{site.address}t.csv", tmp_path / "raw", downloads=tmp_path / "downloads")
    ingest(
        f"csv@{site.address}t.csv",
        tmp_path / "raw",
        digest=making.sha(table),
        downloads=tmp_path / "downloads",
    )
    assert read(tmp_path / "raw")[0]["sizes"] == {"train": 2}


def test_a_large_folder_has_one_line_of_provenance(tmp_path):
    for name, content in making.images_by_class(count=30).items():
        (tmp_path / "i" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "i" / name).write_bytes(content)
    ingest(f"images@{tmp_path}/i", tmp_path / "raw")
    (line,) = read(tmp_path / "raw")[1]
    assert line["files"] == 120 and line["sha256"] == content_digest(tmp_path / "i")
