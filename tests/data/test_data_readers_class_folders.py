"""Part and class of files in folders: one form for all, or an error that names the file."""

import logging

import making
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemma.data.catalog import CATALOG
from stemma.data.readers import image_folder, text_folder
from stemma.data.readers.class_folders import ALIASES, ClassFolders
from stemma.errors import StemmaError

PICTURE = making.png(np.zeros((4, 4), np.uint8))


def placed(*names: str) -> list[tuple[str, str]]:
    folders = ClassFolders("here", {".png"})
    return [folders.place(name) for name in names]


@pytest.mark.parametrize("top", ["", "set/", "a/b/c/", "Test/set/"])
def test_the_folders_of_an_archives_top_mean_nothing(top):
    if "Test" not in top:
        assert placed(f"{top}cat/1.png", f"{top}dog/2.png") == [("train", "cat"), ("train", "dog")]
    names = [f"{top}{part}/{label}/1.png" for part in ("train", *ALIASES, "TEST") for label in ("cat", "train")]
    expected = [(part, label) for part in ("train", *ALIASES.values(), "test") for label in ("cat", "train")]
    assert placed(*names) == expected


@pytest.mark.parametrize(
    ("names", "wrong"),
    [
        (["test/cat/y.png", "test/cat/sub/x.png"], "test/cat/sub/x.png: a folder of a part holds class folders"),
        (["test/cat/sub/x.png", "test/cat/y.png"], "test/cat/sub/x.png: a folder of a part"),
        (["train/x.png"], "train/x.png: a folder of a part"),
        (["car/1.png", "val/2.png"], "val/2.png: a folder of a part"),
        (["cat/1.png", "dog/a/1.png"], "dog/a/1.png: lies in other folders than cat/1.png"),
        (["cat/a/1.png", "cat/2.png"], "cat/2.png: lies in other folders than cat/a/1.png"),
        (["cat/a/1.png", "dog/a/1.png"], "dog/a/1.png: lies in other folders"),
        (["train/cat/1.png", "cat/2.png"], "cat/2.png: lies in other folders than train/cat/1.png"),
        (["a/train/cat/1.png", "b/test/cat/1.png"], "b/test/cat/1.png: lies in other folders"),
        (["1.png"], "1.png: lies in no class folder"),
    ],
)
def test_one_form_for_all(names, wrong):
    with pytest.raises(StemmaError, match=f"here: {wrong}"):
        placed(*names)


FOLDER = st.sampled_from(["train", "val", "test", "cat", "dog", "x"])


@given(st.lists(st.lists(FOLDER, max_size=4), min_size=1, max_size=4))
def test_what_is_placed_is_what_the_rule_says(paths):
    """Against the rule as it is told: a common top, one part or none for all, one class."""
    parts = {"train": "train", "val": "validation", "test": "test"}
    readings = [
        [
            (path[:-1], False, "train")
            if path and not parts.keys() & {*path}
            else (path[:-2], True, parts[path[-2]])
            if len(path) > 1 and path[-2] in parts
            else None
        ]
        for path in paths
    ]
    found = [reading for (reading,) in readings if reading]
    fits = len(found) == len(paths) and all(reading[:2] == found[0][:2] for reading in found)
    names = ["/".join([*path, "1.png"]) for path in paths]
    if fits:
        assert placed(*names) == [(part, path[-1]) for (*_, part), path in zip(found, paths, strict=True)]
    else:
        with pytest.raises(StemmaError):
            placed(*names)


@pytest.mark.parametrize(("reader", "end", "content"), [(image_folder, "png", PICTURE), (text_folder, "txt", b"a")])
def test_a_folder_too_deep_is_refused_whatever_the_order(tmp_path, reader, end, content):
    entry = CATALOG["images" if reader is image_folder else "text_files"]
    names = ["train/cat/1", "train/dog/1", "test/cat/sub/x", "test/cat/y"]
    for number, some in enumerate((names, names[::-1])):
        path = making.tar(tmp_path / f"{number}.tar", {f"{name}.{end}": content for name in some})
        with pytest.raises(StemmaError, match=f"test/cat/sub/x.{end}: a folder of a part"):
            making.read(reader, path, entry)
    path = making.tar(tmp_path / "top.tar", {f"top/{name}.{end}": content for name in names if "sub" not in name})
    raw = making.read(reader, path, entry)
    assert raw.classes == ("cat", "dog") and [len(part) for part in raw.parts.values()] == [2, 1]


@pytest.mark.parametrize("pack", ["tar", "folder"])
def test_what_is_left_out_is_said(tmp_path, caplog, pack):
    extra = ["cat/a.heic", "dog/b.AVIF", "c.txt", "dog/d.svg", "dog/e", "z.md", ".hidden/f.heic", "cat/.DS_Store"]
    members = {"cat/1.png": PICTURE, "dog/2.PNG": PICTURE} | dict.fromkeys(extra, b"x")
    path = tmp_path / "set"
    if pack == "tar":
        making.tar(path, members)
    for name, content in members.items() if pack == "folder" else ():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    with caplog.at_level(logging.INFO, "stemma.data"):
        assert len(making.read(image_folder, path, CATALOG["images"]).parts["train"]) == 2
    (said,) = caplog.messages
    assert "6 files are no images of a known kind and are left out: " in said and said.endswith(", ...")
    assert said.count(",") == 5 and "hidden" not in said and "DS_Store" not in said


def test_nothing_is_said_where_nothing_is_left_out(tmp_path, caplog):
    path = making.tar(tmp_path / "a.tar", {"cat/1.txt": b"a", "dog/1.txt": b"b", "dog/.x.txt": b"c"})
    with caplog.at_level(logging.INFO, "stemma.data"):
        assert making.read(text_folder, path, CATALOG["text_files"]).parts["train"].x == ["a", "b"]
    assert caplog.messages == []
