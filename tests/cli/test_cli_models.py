"""The commands about architectures and parameters, run as a user runs them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stemma.cli.main import app
from stemma.errors import StemmaError
from stemma.families.catalog import CATALOG

ROOT = Path(__file__).parents[2]
runner = CliRunner()


def stemma(*arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "stemma.cli.main", *arguments], cwd=folder, capture_output=True, text=True
    )


def test_list_as_json() -> None:
    rows = json.loads(runner.invoke(app, ["list", "--json"]).stdout)
    assert [row["architecture"] for row in rows] == list(CATALOG)
    assert all(set(row) == {"architecture", "family", "tasks", "kinds", "paper"} for row in rows)


@pytest.mark.parametrize(
    ("arguments", "total"),
    [
        (["lenet5", "--input", "1x28x28"], 60_000),
        (["lenet5", "--input", "1x28x28", "--set", "form=modern"], 61_706),
        (["resnet", "--input", "3x32x32", "--set", "depth=20"], 269_722),
        (["simple_rnn", "--input", "20", "--classes", "46", "--vocabulary", "100"], 42_414),
        (["mlp", "--input", "1x28x28", "--set", "hidden=[10]"], 7_960),
        (["mlp", "--input", "4", "--table", "--task", "regress", "--set", "hidden=[3]"], 19),
        (["autoencoder", "--input", "1x28x28", "--task", "reconstruct", "--set", "hidden=[10]"], 16_474),
        (["rbm", "--input", "1x28x28", "--task", "density", "--set", "hidden=10"], 8_634),
    ],
)
def test_shapes_as_json(arguments: list[str], total: int) -> None:
    table = json.loads(runner.invoke(app, ["shapes", *arguments, "--json"]).stdout)
    assert table["total_parameters"] == total == sum(row["parameters"] for row in table["layers"])


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["lenet", "--input", "1x28x28"], "did you mean 'lenet5'"),
        (["resnet", "--input", "3x32x32", "--set", "dept=20"], "did you mean 'depth'"),
        (["resnet", "--input", "3x32x32", "--set", "depth=21"], "depth must be 6n + 2"),
        (["resnet", "--input", "3x32x32", "--set", "depth"], "expected name=value"),
        (["resnet", "--input", "32x32"], "expected CxHxW"),
        (["kim_cnn", "--input", "1x28x28"], "accepts text, the data is image"),
        (["lenet5", "--input", "1x28x28", "--task", "density"], "unknown name 'density'; known: classify"),
        (["logistic_regression", "--input", "1x28x28"], "no network"),
    ],
)
def test_shapes_refuses(arguments: list[str], expected: str) -> None:
    result = runner.invoke(app, ["shapes", *arguments])
    assert isinstance(result.exception, StemmaError) and expected in str(result.exception)


def test_a_mistake_is_one_line_on_stderr_and_exit_code_2() -> None:
    done = stemma("shapes", "lenet", "--input", "1x28x28")
    assert done.returncode == 2 and done.stdout == ""
    assert len(done.stderr.splitlines()) == 1 and done.stderr.startswith("stemma: architecture: unknown name 'lenet'")


def test_check_of_the_project() -> None:
    done = stemma("check")
    assert done.returncode == 0 and "in order" in done.stdout


@pytest.mark.parametrize("command", [["check"], ["list"], ["data", "list"], ["--help"]])
def test_light_commands_import_neither_torch_nor_mlflow(command: list[str]) -> None:
    code = (
        "import sys; from stemma.cli.main import app\n"
        f"try: app({command})\nexcept SystemExit: pass\n"
        "sys.exit(','.join({'torch', 'mlflow', 'great_expectations'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_ranking_needs_a_comparison(tmp_path: Path) -> None:
    done = stemma("ranking", folder=tmp_path)
    assert done.returncode == 2 and "run `dvc repro`" in done.stderr


def test_check_names_the_sections_that_dvc_would_miss(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("datasets: {}\nexperiments: {}\ntraining: {}\ncomparison: {}\n")
    done = stemma("check", "--params", str(path))
    assert done.returncode == 2 and "transfers, " in done.stderr and "gate: missing; dvc.yaml reads" in done.stderr
