import json
import os

import numpy as np
import pytest

from stemma.data.expectations import validate
from stemma.data.parts import Part
from stemma.data.raw import save_part
from stemma.data.suite import expected_counts
from stemma.errors import StemmaError
from stemma.files import write_json

CLASSES = ("bad", "good")


def raw_folder(folder, parts, dataset, classes=CLASSES, kind="text", source="./x"):
    folder.mkdir()
    for name, part in parts.items():
        save_part(folder, name, part, kind)
    use = f"{dataset}@{source}"
    meta = {
        "dataset": dataset,
        "source": source,
        "use": use,
        "test": None,
        "kind": kind,
        "task": "classify",
        "classes": list(classes),
    }
    write_json(folder / "meta.json", meta)
    return folder


def texts(count=60):
    x = [f"film number {i} was {'dull' if i % 2 else 'fine'}" for i in range(count)]
    return Part(x, np.arange(count, dtype=np.int64) % 2, [f"film {i % 7}" for i in range(count)])


def images(count=60, seed=0):
    x = np.random.default_rng(seed).integers(0, 256, (count, 1, 8, 8), np.uint8)
    return Part(x, np.arange(count, dtype=np.int64) % 2)


def red(folder):
    """Names of the expectations that fail, as the report says."""
    report, page = folder / "r.json", folder / "r.html"
    try:
        validate(folder, report, page)
    except StemmaError as error:
        message = str(error)
    else:
        message = ""
    summary = json.loads(report.read_text())
    failed = [e for e in summary["expectations"] if not e["success"]]
    assert summary["success"] == (not failed) and all(f"'{e['name']}'" in message for e in failed)
    assert all(e["name"] in page.read_text() for e in failed)
    return {e["name"]: e for e in failed}, message


def change(part, row, text=None, label=None, group=None):
    if text is not None:
        part.x[row] = text or None
    if label is not None:
        part.y[row] = label
    if group is not None:
        part.groups[row] = group or None


TEXT_FAULTS = {
    "labels within the classes": lambda p: change(p, 4, label=2),
    "no missing text": lambda p: change(p, 4, text=""),
    "no blank text": lambda p: change(p, 4, text="  ... "),
    "text of a sane length": lambda p: change(p, 4, text="long " * 5000),
    "text in a sane encoding": lambda p: change(p, 4, text="wÃ¶rse than expected"),
    "every text has its group": lambda p: change(p, 4, group=""),
    "few repetitions within a part": lambda p: [change(p, i, text="film number 0 was fine") for i in range(2, 40, 2)],
    "classes balanced": lambda p: [change(p, i, label=0) for i in range(3, 60)],
    "every class in every part": lambda p: [change(p, i, label=0) for i in range(60)],
}


@pytest.mark.parametrize("name", TEXT_FAULTS)
def test_a_planted_fault_turns_its_expectation_red(tmp_path, name):
    part = texts()
    TEXT_FAULTS[name](part)
    failed, message = red(raw_folder(tmp_path / "raw", {"train": part}, "csv"))
    also = {"classes balanced"} if name == "every class in every part" else set()
    assert set(failed) == {name} | also
    assert failed[name]["violations"] >= 1 and failed[name]["examples"]
    if failed[name]["table"] == "examples":
        assert failed[name]["examples"][0]["row"] == 4 and "row 4" in message


def test_contradicting_labels(tmp_path):
    part = texts()
    for i in range(1, 41):
        change(part, i, text=f"film {i // 2}")
    failed, _ = red(raw_folder(tmp_path / "raw", {"train": part}, "csv"))
    assert "one label for one content" in failed


def constant(p):
    p.x[4] = 9


def shifted(p):
    p.x[:] = p.x // 128


IMAGE_FAULTS = {
    "no constant image": lambda p: constant(p["train"]),
    "values use the range 0 to 255": lambda p: shifted(p["train"]),
    "images of one shape": lambda p: p.update(test=Part(p["test"].x[..., :7], p["test"].y)),
    "few repetitions across parts": lambda p: p.update(test=Part(p["train"].x[:30], p["train"].y[:30])),
    "label does not tell the part": lambda p: p["test"].y.__setitem__(slice(0, 20), 1),
}


@pytest.mark.parametrize("name", IMAGE_FAULTS)
def test_planted_image_faults(tmp_path, name):
    parts = {"train": images(), "test": images(seed=1)}
    IMAGE_FAULTS[name](parts)
    failed, _ = red(raw_folder(tmp_path / "raw", parts, "images", kind="image"))
    assert set(failed) == {name}


def test_counts_are_the_catalogues(tmp_path):
    meta = {"use": "mnist@canonical", "test": None}
    assert expected_counts(meta) == {"train": 60_000, "test": 10_000}
    assert expected_counts({**meta, "use": "mnist@sample"}) == {"train": 5000}
    assert expected_counts({**meta, "use": "mnist@sample", "test": "mnist@canonical"}) == {
        "train": 5000,
        "test": 10_000,
    }
    assert expected_counts({**meta, "test": "mnist@./x"}) == {"train": 60_000}
    part = Part(np.random.default_rng(0).integers(0, 256, (50, 1, 28, 28), np.uint8), np.arange(50) % 10)
    folder = raw_folder(tmp_path / "raw", {"train": part}, "mnist", tuple("0123456789"), "image", "sample")
    assert set(red(folder)[0]) == {"examples as the catalogue counts them"}


def test_clean_data_pass_twice_with_equal_bytes_and_an_offline_page(tmp_path):
    folder = raw_folder(tmp_path / "raw", {"train": images()}, "images", kind="image")
    assert red(folder) == ({}, "")
    first = (folder / "r.json").read_bytes(), (folder / "r.html").read_bytes()
    red(folder)
    assert first == ((folder / "r.json").read_bytes(), (folder / "r.html").read_bytes())
    page = first[1].decode()
    assert "http" not in page and "<script" not in page and "data:image/png;base64" in page
    assert os.environ["GX_ANALYTICS_ENABLED"] == "false"


def test_page_escapes_what_the_data_says(tmp_path):
    part = texts()
    change(part, 0, text="<script>alert(1)</script>")
    red(folder := raw_folder(tmp_path / "raw", {"train": part}, "csv"))
    assert "<script" not in (folder / "r.html").read_text()
