"""What a slot says of its data holds for new data too: few labels, names of columns, encoding; images drawn by name."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shifting
from typer.testing import CliRunner

from stemma import drift
from stemma.cli.main import app
from stemma.data import image
from stemma.data.parts import Options, Part
from stemma.data.store import load_split
from stemma.drift import samples
from stemma.errors import StemmaError


def uneven(count: int, seed: int, first: float = 0.7) -> Part:
    """Images of which the share `first` is of class 0."""
    part, random = shifting.images(6 * count, seed), np.random.default_rng(seed)
    wanted = np.where(random.random(count) < first, 0, random.integers(1, 4, count))
    places = {label: iter(np.flatnonzero(part.y == label)) for label in range(4)}
    return part.take(np.array([next(places[label]) for label in wanted]))


def uneven_texts(count: int, seed: int) -> Part:
    return replace(shifting.texts(count, seed, a_film=1, good=0.85), groups=None)


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Sets of uneven classes with ten labels of each in train, by kind."""
    root = tmp_path_factory.mktemp("few")
    parts = {"image": uneven(900, 0), "text": uneven_texts(900, 0)}
    return {kind: shifting.prepared(root, kind, kind, part, labels_per_class=10) for kind, part in parts.items()}


@pytest.mark.parametrize("kind", ["image", "text"])
def test_few_labels_are_no_drift(kind: str, few: dict[str, Path], tmp_path: Path) -> None:
    reference = samples.reference(few[kind])
    train, withheld = (load_split(few[kind], name) for name in ("train", "unlabelled"))
    assert len(reference) == len(train) + len(withheld) and reference.y is None
    ends = np.array([len(train) - 1, len(train), len(reference) - 1])
    expected = np.stack([train.x[-1], withheld.x[0], withheld.x[-1]])
    assert (reference.take(ends).x == expected).all()
    make = {"image": uneven, "text": uneven_texts}[kind]
    fresh = [shifting.write_raw(tmp_path / f"new{seed}", kind, make(200, seed)) for seed in range(1, 6)]
    reports = [drift.compare(few[kind], one) for one in fresh]
    report = reports[0]
    assert sum(one.drift for one in reports) <= 1 and report.available[0] == len(reference)
    assert report.tests[0].name == "labels" and "(train and unlabelled)" in report.reference
    assert "Labels are compared with" in report.notes[0] and "(validation)" in report.notes[0]
    assert not drift.compare(few[kind], few[kind], current_split="test").drift


def test_a_shift_of_labels_is_found_although_few_are_known(few: dict[str, Path], tmp_path: Path) -> None:
    moved = shifting.write_raw(tmp_path / "new", "image", uneven(300, 2, first=0.3))
    labels = drift.compare(few["image"], moved).tests[0]
    valid = load_split(few["image"], "validation").y
    assert labels.name == "labels" and labels.drifted and labels.items[0].name == "0"
    assert labels.items[0].reference == pytest.approx((valid == 0).mean())
    without = drift.compare(few["image"], moved, labels=False)
    assert "labels" not in [test.name for test in without.tests]


def test_few_labels_on_the_current_side(few: dict[str, Path], tmp_path: Path) -> None:
    full = shifting.prepared(tmp_path, "full", "image", uneven(600, 3))
    report = drift.compare(full, few["image"])
    assert not report.drift and "labels" not in [test.name for test in report.tests]
    assert "One side has no labels" in report.notes[0]


@pytest.fixture(scope="module")
def slot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table whose label is called `species`."""
    root = tmp_path_factory.mktemp("slot")
    return shifting.prepared(root, "flowers", "table", shifting.table(500, 0), columns={"label": "species"})


def rows(path: Path, seed: int, label: str, yes: float = 0.5) -> Path:
    random = np.random.default_rng(seed)
    names = np.where(random.random(200) < yes, "yes", "no")
    shifting.table(200, seed).x.assign(**{label: names}).to_csv(path, index=False)
    return path


def test_columns_of_the_slot(slot: Path, tmp_path: Path) -> None:
    found = drift.compare(slot, rows(tmp_path / "a.csv", 1, "species", yes=0.9))
    assert [test.name for test in found.tests if test.drifted] == ["labels"]
    for name, columns in (("label", {}), ("kind", {"label": "kind"}), ("species", {"label": "species"})):
        same = drift.compare(slot, rows(tmp_path / f"{name}.csv", 1, name), columns=columns)
        assert not same.drift and same.tests[0].name == "labels"
    other = drift.compare(slot, rows(tmp_path / "other.csv", 1, "kind"))
    assert "One side has no labels" in other.notes[0]


def test_columns_that_are_mistaken(slot: Path, tmp_path: Path) -> None:
    path = rows(tmp_path / "new.csv", 1, "species")
    for columns, said in (
        ({"lable": "species"}, r"columns: unknown name 'lable' .did you mean 'label'"),
        ({"label": "specie"}, r"columns.label: no such column: unknown name 'specie' .did you mean 'species'"),
    ):
        with pytest.raises(StemmaError, match=said):
            drift.compare(slot, path, columns=columns)
    pd.read_csv(path).assign(label="yes").to_csv(path, index=False)
    with pytest.raises(StemmaError, match=r"both .species. \(the slot.s\) and .label.: drop one, or say label=label"):
        drift.compare(slot, path)
    assert drift.compare(slot, path, columns={"label": "label"}).tests[0].items[0].effect > 0.4


def test_encoding_and_text_column_of_the_slot(tmp_path: Path) -> None:
    said = {"columns": {"text": "kritik"}, "encoding": "cp1252"}
    reference = shifting.prepared(tmp_path, "slot", "text", shifting.texts(60, 0), **said)
    new = tmp_path / "new.csv"
    new.write_bytes("kritik,label\nschön word1,good\nword2,bad\n".encode("cp1252"))
    assert samples.current(new, reference).texts == ["schön word1", "word2"]
    new.write_text("review,label\nschön word1,good\nword2,bad\n", encoding="utf-8")
    found = samples.current(new, reference, options=Options("utf-8", {"text": "review"}))
    assert found.texts == ["schön word1", "word2"] and found.y is not None and found.y.tolist() == [1, 0]
    with pytest.raises(StemmaError, match="column 'kritik' is missing"):
        samples.current(new, reference)


def test_options_of_the_command(slot: Path, tmp_path: Path) -> None:
    path = rows(tmp_path / "new.csv", 1, "kind", yes=0.9)
    path.write_bytes(path.read_text().encode("utf-16"))
    (tmp_path / "file").write_text("")

    def run(*arguments: object) -> tuple[int, str]:
        command = ["drift", "--reference", slot, "--current", path, "--report", tmp_path / "out", *arguments]
        result = CliRunner().invoke(app, [str(each) for each in command])
        assert result.exception is None or isinstance(result.exception, (StemmaError, SystemExit))
        code = result.exception.exit_code if isinstance(result.exception, StemmaError) else result.exit_code
        return code, str(result.exception if isinstance(result.exception, StemmaError) else result.stdout)

    code, output = run("--columns", "label=kind", "--encoding", "utf-16")
    assert code == 3 and output.startswith("drift in labels")
    shutil.rmtree(tmp_path / "out")
    for arguments, said in (
        (("--seed", -1), "seed is -1; expected seed >= 0"),
        (("--alpha", 1.5), "alpha is 1.5; expected 0 < alpha < 1"),
        (("--min-effect", "nan"), "min_effect is nan; expected a number"),
        (("--min-effect", -0.1), "min_effect is -0.1"),
        (("--examples", 0), "examples is 0"),
        (("--report", tmp_path / "file"), f"{tmp_path / 'file'} is a file; expected a folder"),
        (("--report", tmp_path / "file" / "new"), f"{tmp_path / 'file'} is a file; expected a folder"),
        (("--columns", "label"), "expected ROLE=NAME"),
        (("--columns", "label=a", "--columns", "label=b"), "label is already 'a'"),
        (("--encoding", "utf-99"), "utf-99"),
    ):
        code, output = run(*arguments)
        assert code == 2 and said in output and len(output.splitlines()) == 1
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("form", ["folder", "zip", "gztar"])
def test_only_drawn_images_are_decoded(
    form: str, few: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = shifting.images(60, 4)
    for i, (x, y) in enumerate(zip(part.x, part.y, strict=True)):
        path = tmp_path / "new" / str(y) / f"{i:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(shifting.png(x[0]))
    path = tmp_path / "new"
    current = path if form == "folder" else Path(shutil.make_archive(str(tmp_path / "packed"), form, path))
    decoded: list[str] = []
    decode = image.decode
    monkeypatch.setattr(image, "decode", lambda content, where: decoded.append(where) or decode(content, where))
    found = samples.current(current, few["image"])
    assert len(found) == 60 and not decoded
    order = np.random.default_rng(0).permutation(60)[:20]
    taken = found.take(order)
    assert taken.y is not None and found.y is not None and (taken.y == found.y[order]).all()
    numbers = [int(Path(found.x.names[row]).stem) for row in order]
    assert (taken.x == part.x[numbers]).all() and (taken.y == part.y[numbers]).all() and len(decoded) == 20
    decoded.clear()
    one, two = (drift.compare(few["image"], current, examples=15, seed=3) for _ in range(2))
    assert one == two and one.compared[1] == 15 and one.available[1] == 60
    assert len(decoded) == 2 * 15 and decoded[:15] == decoded[15:]
