"""`stemma drift` as a user runs it: one line, a page, exit codes 0, 2 and 3."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import shifting
from typer.testing import CliRunner

from stemma import drift, families
from stemma.cli.main import app
from stemma.data.store import load_spec, load_split
from stemma.drift import features
from stemma.errors import StemmaError
from stemma.runs import RunFiles, SeedSummary, Summary

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shifting.prepared(tmp_path_factory.mktemp("drift"), "bars", "image", shifting.images(500, 0))


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shifting.prepared(tmp_path_factory.mktemp("drift"), "texts", "text", shifting.texts(60, 0))


def run(folder: Path, *arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["drift", "--report", str(folder), *map(str, arguments)])
    if isinstance(result.exception, StemmaError):
        raise result.exception
    return result.exit_code, result.stdout


def files(folder: Path, count: int, seed: int, by_class: bool = True, **shift: float) -> Path:
    """A folder of PNG files."""
    part = shifting.images(count, seed, **shift)
    for i, (x, y) in enumerate(zip(part.x, part.y, strict=True)):
        path = folder / (str(y) if by_class else "") / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(shifting.png(x[0]))
    return folder


def test_exit_codes_and_one_line(images: Path, tmp_path: Path) -> None:
    same, moved = files(tmp_path / "same", 150, 1), files(tmp_path / "moved", 150, 2, slant=0.3)
    code, output = run(tmp_path / "a", "--reference", images, "--current", same)
    assert code == 0 and output.startswith("no drift: 150 of") and len(output.splitlines()) == 1
    code, output = run(tmp_path / "b", "--reference", images, "--current", moved)
    assert code == 3 and output.startswith("drift in ") and len(output.splitlines()) == 1
    assert run(tmp_path / "c", "--reference", images, "--current", moved, "--min-effect", 0.99)[0] == 0


def test_archive_without_classes_and_json(images: Path, tmp_path: Path) -> None:
    folder = files(tmp_path / "new", 120, 3, by_class=False)
    archive = shutil.make_archive(str(tmp_path / "new"), "zip", folder)
    code, output = run(tmp_path / "out", "--reference", images, "--current", archive, "--json")
    found = json.loads(output)
    assert code == 0 and found == json.loads((tmp_path / "out" / "drift.json").read_text())
    assert [test["name"] for test in found["tests"]] == ["pixels", "features"]
    assert "labels are not compared" in found["notes"][0] and "evidence" not in found
    assert found["compared"] == [360, 120] and found["alpha"] == 0.05


def test_page_needs_no_network(images: Path, texts: Path, tmp_path: Path) -> None:
    run(tmp_path / "image", "--reference", images, "--current", files(tmp_path / "new", 80, 4, contrast=0.4))
    raw = shifting.write_raw(tmp_path / "raw", "text", shifting.texts(30, 5, other=True))
    run(tmp_path / "text", "--reference", texts, "--current", raw)
    table = shifting.prepared(tmp_path, "table", "table", shifting.table(300, 0))
    run(tmp_path / "table", "--reference", table, "--current", table, "--current-split", "test")
    pages = {name: (tmp_path / name / "drift.html").read_text() for name in ("image", "text", "table")}
    for page in pages.values():
        assert not re.search(r"(?:src|href)=\"(?!data:|#)|@import|url\((?!#)|<script", page)
        assert "prefers-color-scheme: dark" in page and page.count("<svg") >= 3
    assert pages["image"].count("data:image/png;base64,") == 2 and "drift in" in pages["image"]
    assert "Most typical of the current data" in pages["text"] and "word1" in pages["text"]
    assert "no drift" in pages["table"] and "colour=red" in pages["table"]


def test_text_on_the_page_is_text(texts: Path, tmp_path: Path) -> None:
    rows = "".join(f'"<script>alert({n})</script> word{n}",good\n' for n in range(20))
    (tmp_path / "new.csv").write_text("text,label\n" + rows)
    run(tmp_path / "out", "--reference", texts, "--current", tmp_path / "new.csv")
    page = (tmp_path / "out" / "drift.html").read_text()
    assert "<script" not in page and "&lt;script&gt;" in page


def test_images_that_do_not_fit(images: Path, tmp_path: Path) -> None:
    (tmp_path / "big" / "1").mkdir(parents=True)
    (tmp_path / "big" / "1" / "a.png").write_bytes(shifting.png(np.zeros((16, 16), np.uint8)))
    (tmp_path / "strange" / "9").mkdir(parents=True)
    (tmp_path / "strange" / "9" / "a.png").write_bytes(shifting.png(np.zeros((12, 12), np.uint8)))
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.tar").write_bytes(b"no archive")
    for name, said in (
        ("big", r"big: 1/a.png: grey 16x16, expected grey 12x12"),
        ("strange", "strange: label: unknown name '9'"),
        ("empty", "empty: holds no images"),
        ("broken.tar", "not a readable tar or zip archive"),
    ):
        with pytest.raises(StemmaError, match=said):
            run(tmp_path / "out", "--reference", images, "--current", tmp_path / name)
    black = run(tmp_path / "out", "--reference", images, "--current", tmp_path / "strange", "--no-labels")
    assert black[0] == 3 and black[1].startswith("drift in pixels")
    with pytest.raises(StemmaError, match=r"spec.json is missing"):
        run(tmp_path / "out", "--reference", tmp_path, "--current", images)


def test_the_real_command(images: Path, tmp_path: Path) -> None:
    def stemma(current: Path) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "stemma.cli.main", "drift", "--reference", images, "--current", current]
        return subprocess.run([*map(str, command)], cwd=tmp_path, capture_output=True, text=True)

    moved = stemma(files(tmp_path / "moved", 150, 2, slant=0.3))
    assert moved.returncode == 3 and moved.stdout.startswith("drift in") and moved.stderr == ""
    assert (tmp_path / "reports" / "drift" / "drift.html").is_file()
    wrong = stemma(tmp_path / "nowhere")
    assert wrong.returncode == 2 and wrong.stdout == "" and len(wrong.stderr.splitlines()) == 1


def test_neither_torch_nor_mlflow_is_imported(images: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from stemma import drift; from stemma.drift import page\n"
        f"found = drift.compare(Path({str(images)!r}), Path({str(images)!r}), current_split='test')\n"
        f"page.write(found, Path({str(tmp_path)!r}))\n"
        "sys.exit(','.join({'torch', 'mlflow', 'great_expectations'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def model(folder: Path, prepared: Path) -> Path:
    """A logistic regression trained on `prepared`."""
    fitted = families.build("logistic_regression", load_spec(prepared).to_dict(), {})
    fitted.solve(load_split(prepared, "train"))
    families.save(fitted, folder, "logistic_regression", {})
    return folder


def test_predictions_of_a_model(images: Path, tmp_path: Path) -> None:
    trained = model(tmp_path / "model", images)
    same, moved = files(tmp_path / "same", 150, 1), files(tmp_path / "moved", 150, 2, slant=0.4)
    report = drift.compare(images, same, model=trained)
    assert not report.drift and report.reference.endswith("(validation)")
    assert [test.name for test in report.tests] == ["labels", "pixels", "predictions", "features"]
    found = {test.name for test in drift.compare(images, moved, model=trained).tests if test.drifted}
    assert found & {"predictions", "features"}
    runs = RunFiles("bars", tmp_path / "runs")
    seeds = {f"seed{n}": SeedSummary(1, 0.5, score, 10, 10) for n, score in enumerate((0.7, 0.9))}
    runs.write_summary(Summary("bars", "baseline", "logistic_regression", "", "", "", "", "", [], {}, seeds))
    shutil.copytree(trained, runs.model_folder(1))
    assert features.model_folder(tmp_path / "runs" / "bars") == runs.model_folder(1)
    other = shifting.prepared(tmp_path, "other", "image", shifting.images(300, 9))
    with pytest.raises(StemmaError, match="was not trained on the reference"):
        drift.compare(other, same, model=trained)
