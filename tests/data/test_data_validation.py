"""The stage as a whole: its files, the page, what is larger than memory."""

import os
import re
import subprocess
import sys
from pathlib import Path

import making
import numpy as np
import pandas as pd
import pytest
import raw_sets

from stemma.data import catalog, shards, store
from stemma.data.ingest import ingest
from stemma.data.parts import Options, Part, Resize
from stemma.data.preparation.prepare import prepare
from stemma.data.validation import page
from stemma.files import read_json

ROOT = Path(__file__).parents[2]


@pytest.fixture
def checked(tmp_path, monkeypatch):
    """A raw folder of the parts, validated."""

    def run(parts, kind="text", task="classify"):
        monkeypatch.setitem(catalog.CATALOG, "toy", raw_sets.entry(kind, task))
        folder = raw_sets.raw_folder(tmp_path / "raw", parts, kind, task)
        return folder, *raw_sets.judge(folder)

    return run


def leaking(kind):
    """Parts of which test repeats two examples of train: one as it is, one nearly, both under another label."""
    parts = raw_sets.clean(kind, "classify")
    if kind == "image":
        parts = {name: raw_sets.images(len(part), seed, channels=3) for seed, (name, part) in enumerate(parts.items())}
    train, test = parts["train"], parts["test"]
    test.x[0], test.x[1] = train.x[1], train.x[3] if kind == "image" else train.x[3] + " indeed"
    if kind == "image":
        test.x[1, :, 0, 0] ^= 8
    return parts


@pytest.mark.parametrize("kind", ["image", "text"])
def test_pairs_are_written_counted_and_shown_side_by_side(checked, kind):
    folder, _, _ = checked(leaking(kind), kind)
    pairs = pd.read_parquet(folder / "pairs.parquet")
    found = {(row.part_a, row.row_a, row.part_b, row.row_b): row.how for row in pairs.itertuples()}
    assert found == {("train", 1, "test", 0): "exact", ("train", 3, "test", 1): "near"}
    report, page = read_json(folder / "r.json"), (folder / "r.html").read_text()
    assert [(row["how"], row["pairs"], row["differ"]) for row in report["duplicates"]] == [
        ("exact", 1, 1),
        ("near", 1, 0),
    ]
    test = next(part for part in report["parts"] if part["part"] == "test")
    assert (test["shared"], test["near_shared"]) == (1 / 80, 1 / 80)
    cards = page.split("Pairs across parts")[1].split("<h3>")[0]
    assert [re.findall(r"(train|test) (\d+):", card)[:2] for card in cards.split('class="card"')[1:]] == [
        [("train", "1"), ("test", "0")],
        [("train", "3"), ("test", "1")],
    ]
    assert "<mark>good</mark>" in cards and "<mark>bad</mark>" in cards
    assert cards.count("data:image/png") == (4 if kind == "image" else 0)
    assert kind == "image" or "<mark>indeed</mark>" in cards


def test_without_pairs_the_table_has_the_same_columns(checked):
    folder, _, _ = checked(raw_sets.clean("table", "classify"), "table")
    pairs = pd.read_parquet(folder / "pairs.parquet")
    assert len(pairs) == 0
    assert list(pairs) == ["part_a", "row_a", "part_b", "row_b", "how", "distance", "change"]


@pytest.mark.parametrize(("kind", "task"), [("image", "classify"), ("sequence", "label"), ("table", "regress")])
def test_equal_data_give_equal_files_and_the_page_needs_no_network(checked, kind, task):
    folder, failed, message = checked(raw_sets.clean(kind, task), kind, task)
    assert (failed, message) == ({}, "")
    names = ["r.json", "r.html", "pairs.parquet"]
    first = [(folder / name).read_bytes() for name in names]
    raw_sets.judge(folder)
    assert first == [(folder / name).read_bytes() for name in names]
    page = first[1].decode()
    assert not re.findall(r"https?:|<script|<link|@import|url\(", page)
    assert os.environ["GX_ANALYTICS_ENABLED"] == "false"
    report = read_json(folder / "r.json")
    documented = set(re.findall(r"^\| `(\w+)` \|", (ROOT / "docs/validation.md").read_text(), re.MULTILINE))
    assert set(report) <= documented and set(report["limits"]) <= documented


def test_the_page_escapes_what_the_data_say(checked):
    parts = raw_sets.clean("text", "classify")
    parts["train"].x[0] = parts["test"].x[0] = "<script>alert(1)</script> & such"
    parts["train"].x[1] = None
    folder, _, _ = checked(parts)
    page = (folder / "r.html").read_text()
    assert "<script" not in page and "&lt;script&gt;" in page


def test_warnings_let_the_pipeline_pass_and_are_said_in_a_line(checked, caplog):
    parts = raw_sets.clean("table", "classify")
    parts["test"].x.loc[4, "town"] = "Wien"
    folder, failed, message = checked(parts, "table")
    assert set(failed) == {"categories known from train"} and not message
    (line,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert (
        "1 of 21 expectations warn: 'categories known from train' (limit unknown_categories)" in line
        and "\n" not in line
    )
    assert "1 warning" in (folder / "r.html").read_text()


def test_what_a_table_and_sequences_hold_is_drawn(checked):
    folder, _, _ = checked(raw_sets.clean("table", "regress"), "table", "regress")
    page = (folder / "r.html").read_text()
    assert len(re.findall('<svg class="histogram"', page)) == 5  # the target in two parts, three columns
    assert 'aria-label="width: 120 values from' in page and "Kiel" in page


def test_a_resized_set_with_a_test_source_of_its_own_goes_through(tmp_path):
    """The catalogue says 28x28 of MNIST, the slot 14x14."""
    for name in ("mine", "theirs"):
        making.mnist_folder(tmp_path / name, 100 if name == "mine" else 10, 50)
    train, test = (f"mnist@{tmp_path / name}" for name in ("mine", "theirs"))
    options = Options(resize=Resize(14, 14, "mean"))
    ingest(train, tmp_path / "raw", test=test, allow_unverified=True, options=options)
    assert raw_sets.judge(tmp_path / "raw")[1] == ""
    spec = prepare(tmp_path / "raw", tmp_path / "set", duplicates=tmp_path / "raw" / "pairs.parquet")
    assert (spec.shape, spec.resize, spec.sizes["test"]) == ((1, 14, 14), "mean", 50)
    assert store.load_split(tmp_path / "set", "train").x.shape[1:] == (1, 14, 14)


def clear_classes(kind, count=300):
    """Two classes that neighbours tell: pictures that vary about one of each, sentences out of words of each."""
    random = np.random.default_rng(0)
    y = np.arange(count) % 2
    if kind == "text":
        words = np.array(
            [[f"{a}{b}{end}" for a in raw_sets.SYLLABLES for b in raw_sets.SYLLABLES] for end in ("mer", "sol")]
        )
        return {"train": Part([" ".join(random.choice(words[label][:40], 9)) for label in y], y)}
    coarse = random.integers(0, 256, (2, 1, 4, 4))[y] * 0.8 + random.integers(0, 256, (count, 1, 4, 4)) * 0.2
    return {"train": Part(coarse.repeat(4, 2).repeat(4, 3).astype(np.uint8), y)}


def mislabelled(kind, share):
    """Two clear classes, with another label for a `share` of the training examples: parts and the rows."""
    parts = clear_classes(kind)
    rows = np.arange(7, len(parts["train"]), round(1 / share)) if share else np.arange(0)
    parts["train"].y[rows] = 1 - parts["train"].y[rows]
    return parts, rows


@pytest.mark.parametrize("kind", ["image", "text"])
def test_labels_that_the_nearest_contradict_are_warned_of_and_shown(checked, kind):
    name = "labels agree with those of near examples"
    parts, rows = mislabelled(kind, 1 / 9)
    folder, failed, message = checked(parts, kind)
    assert not message and failed[name]["limit"] == "suspicious"
    suspected = {row["row"]: row["suspected"] for row in failed[name]["examples"]}
    wanted = {int(row): raw_sets.CLASSES[1 - parts["train"].y[row]] for row in rows}
    assert suspected and suspected.items() <= wanted.items()
    assert 0.5 * len(rows) <= failed[name]["violations"] <= len(rows)
    section = (folder / "r.html").read_text().split("Suspicious labels")[1].split("<h2>")[0]
    shown = [int(row) for row in re.findall(r"train (\d+): <mark>", section)]
    assert set(shown[::2]) <= set(rows.tolist()) and len(shown) == 2 * min(failed[name]["violations"], page.SUSPECTS)


def test_right_labels_and_a_few_wrong_ones_are_not(checked):
    folder, failed, _ = checked(mislabelled("image", 0.01)[0], "image")
    assert not any("labels agree" in name for name in failed)
    assert "Suspicious labels" in (folder / "r.html").read_text()


def test_rules_in_words():
    known = {"expectation": "ExpectColumnValuesToBeBetween"}
    rules = {
        "share ≤ 0.02": {**known, "arguments": {"column": "share", "max_value": 0.02}},
        "deviation > 0 for 99 %": {
            **known,
            "arguments": {"column": "deviation", "min_value": 0, "strict_min": True, "mostly": 0.99},
        },
        "0 ≤ label ≤ 9": {**known, "arguments": {"column": "label", "min_value": 0, "max_value": 9}},
        "words is not 1": {
            "expectation": "ExpectColumnValuesToNotBeInSet",
            "arguments": {"column": "words", "value_set": [1]},
        },
        "a = b": {"expectation": "ExpectColumnPairValuesToBeEqual", "arguments": {"column_A": "a", "column_B": "b"}},
    }
    assert {page.rule(check): check for check in rules.values()} == rules


LIMITED = """
import re, resource, sys
from pathlib import Path
sys.path.insert(0, "tests/data")
import great_expectations, numpy as np, pandas as pd, raw_sets
from stemma.data import catalog, leakage
from stemma.data.validation import expectations
none = pd.DataFrame({column: [] for column in leakage.COLUMNS})
leakage.search = lambda parts, mirrored: leakage.Found(none, np.full((sum(map(len, parts.values())), 8), -1))
catalog.CATALOG["toy"] = raw_sets.entry("image")
small, folder, allowed = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]) << 20
def check(raw): expectations.validate(raw, raw / "r.json", raw / "r.html", raw / "pairs.parquet")
check(small)
now = int(re.search(r"VmData:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) << 10
resource.setrlimit(resource.RLIMIT_DATA, (now + allowed, now + allowed))
check(folder)
"""
"""Memory that the program allocates is limited; pages of mapped files, which the system can drop, are not."""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="reads the size of the heap from /proc")
def test_images_larger_than_memory_are_read_in_pieces(tmp_path):
    """600 MiB in three shards, with 150 MiB to allocate; 20 MiB are too few, so the limit bites."""
    few = np.random.default_rng(0).integers(0, 256, (64, 3, 128, 128), np.uint8)
    small, folder = (
        raw_sets.raw_folder(tmp_path / name, {"train": Part(few, np.arange(64) % 2)}, "image") for name in "ab"
    )
    (folder / "train_x.npy").unlink()
    shards.save(folder, "train_x", (np.bitwise_xor(few, np.uint8(i)) for i in range(200)))
    np.save(folder / "train_y.npy", np.arange(200 * len(few)) % 2)
    assert len(shards.files(folder, "train_x")) == 3
    for allowed, code in (("150", 0), ("20", 1)):
        run = subprocess.run(
            [sys.executable, "-c", LIMITED, small, folder, allowed],
            cwd=ROOT,
            capture_output=True,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
        assert run.returncode == code, run.stderr[-500:]
    assert "MemoryError" in run.stderr
    assert read_json(folder / "r.json")["parts"][0]["examples"] == 12_800
