"""`stemma report`: several sets of experiments in one report."""

from pathlib import Path

import made_up_runs
import pytest
from made_up_runs import write_all, write_values
from typer.testing import CliRunner

from stemma.cli.main import app
from stemma.cli.results import _value
from stemma.comparison import compare
from stemma.errors import StemmaError
from stemma.files import read_json, write_json
from stemma.report.numbers import half_width
from stemma.runs import RunFiles, roots_of
from stemma.scores import scoring

MORE = Path("build/more")


@pytest.fixture
def sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A core set of three experiments here and another one in build/more, each with its comparison."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(made_up_runs, "EXPERIMENTS", {"mnist": made_up_runs.EXPERIMENTS["mnist"][:3]})
    for folder, write in ((Path(), write_all), (MORE, write_values)):
        keys = write(folder / "runs", examples=100)
        settings = {"confidence": 0.9, "bootstrap": 100, "seed": 0}
        write_json(folder / "reports/comparison.json", compare(keys, folder / "runs", **settings))


def stemma(*arguments: str) -> str:
    return CliRunner().invoke(app, arguments, catch_exceptions=False).stdout


@pytest.mark.usefixtures("sets")
def test_joins_this_folder_and_others() -> None:
    told = stemma("report", "--set", str(MORE))
    assert told.startswith("6 experiments of ., build/more\n") and told.rstrip().endswith("reports/all.html")
    joined, core = read_json(Path("reports/all.json")), read_json(Path("reports/comparison.json"))
    more = read_json(MORE / "reports/comparison.json")
    assert joined["confidence"] == 0.9
    assert joined["rows"] == [*more["rows"], *core["rows"]]
    html = Path("reports/all.html").read_text()
    assert "diabetes@package" in html and "mnist@sample" in html


@pytest.mark.usefixtures("sets")
def test_the_same_test_examples_are_one_ranking() -> None:
    """An experiment that was tested elsewhere on the same examples is ranked among those of here."""
    other = MORE / "runs/mnist-other"
    (Path("runs") / "mnist-lstm").rename(other)
    summary = read_json(other / "train/summary.json")
    write_json(other / "train/summary.json", {**summary, "experiment": "mnist-other"})
    here = [path.name for path in Path("runs").iterdir()]
    write_json(Path("reports/comparison.json"), compare(here, Path("runs"), bootstrap=100))
    write_json(MORE / "reports/comparison.json", compare(["mnist-other"], MORE / "runs", bootstrap=100))
    stemma("report", "--set", str(MORE))
    ranked = [row for row in read_json(Path("reports/all.json"))["rows"] if row["dataset"] == "mnist"]
    assert [row["rank"] for row in ranked] == [1, 2, 3]
    assert "mnist-other" in [row["experiment"] for row in ranked]


@pytest.mark.usefixtures("sets")
def test_without_results_here_the_others_stand_alone() -> None:
    Path("reports/comparison.json").unlink()
    assert stemma("report", "--set", str(MORE)).startswith("3 experiments of build/more\n")


@pytest.mark.usefixtures("sets")
def test_a_set_that_was_not_run_is_named() -> None:
    with pytest.raises(StemmaError, match=r"--set build/gallery: no build/gallery/reports/comparison.json"):
        stemma("report", "--set", "build/gallery")
    assert not Path("reports/all.html").exists()


@pytest.mark.usefixtures("sets")
def test_one_name_in_two_folders_is_refused() -> None:
    (Path("runs") / "mnist-lenet5").rename(MORE / "runs/mnist-lenet5")
    write_json(MORE / "reports/comparison.json", compare(["mnist-lenet5"], MORE / "runs", bootstrap=100))
    with pytest.raises(StemmaError, match=r"experiment 'mnist-lenet5': in runs and in build/more/runs; rename"):
        stemma("report", "--set", str(MORE))


@pytest.mark.usefixtures("sets")
def test_results_of_another_version_are_named() -> None:
    path = MORE / "runs/diabetes-mlp/train/summary.json"
    write_json(path, {**read_json(path), "seeds": {"seed0": {"epochs": 1, "val_accuracy": 0.5}}})
    with pytest.raises(StemmaError, match=r"diabetes-mlp/train/summary.json: written by another version; run `dvc"):
        stemma("report", "--set", str(MORE))


def test_run_files_know_their_folder() -> None:
    roots = roots_of([(Path("runs"), ["a", "b"]), (MORE / "runs", ["c"]), (Path("runs"), ["b"])])
    assert [RunFiles(key, roots).folder for key in roots] == [Path("runs/a"), Path("runs/b"), MORE / "runs/c"]


def test_an_interval_that_the_scores_bounds_cut_is_told_alike_everywhere() -> None:
    score, found = scoring("classify").scores["accuracy"], {"mean": 0.348, "lo": 0.0, "hi": 0.999, "interval": "t"}
    assert _value(score, found) == "34.8 ± 65.1" and half_width(found, score) == "±\u00a065.1"
