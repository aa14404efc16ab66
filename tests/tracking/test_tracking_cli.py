"""The commands publish, promote, history, explain, rollback, predict and ui."""

import json
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from made_up_results import reports
from PIL import Image
from typer.testing import CliRunner

from stemma.cli.main import app
from stemma.errors import StemmaError
from stemma.files import write_json
from stemma.tracking.store import connect

MLP = {"dataset": "grey", "family": "mlp", "architecture": "mlp", "parameters": {"hidden": [8]}}
TFIDF = {"dataset": "text", "family": "baseline", "architecture": "tfidf_logistic_regression"}
PARAMS = {
    "datasets": {"grey": {"use": "mnist@sample"}, "text": {"use": "mr@./my reviews.csv"}},
    "experiments": {"mnist-mlp": MLP, "mr-tfidf": TFIDF},
}


@pytest.fixture
def decided(project: Path) -> Path:
    """A project with parameters, run files and reports."""
    (project / "params.yaml").write_text(yaml.safe_dump(PARAMS))
    comparison, decision = reports(project / "runs", ["mnist-mlp", "mr-tfidf"])
    write_json(project / "reports/comparison.json", comparison)
    write_json(project / "reports/decision.json", decision)
    return project


def stemma(*arguments: str) -> str:
    return str(CliRunner().invoke(app, arguments, catch_exceptions=False).stdout)


def answers(*arguments: str) -> list[dict[str, Any]]:
    return list(json.loads(stemma("predict", *arguments, "--json"))["predictions"])


def test_publish_promote_predict(decided: Path) -> None:
    assert "2 added, 0 were there already" in stemma("publish")
    again = stemma("publish")
    assert "0 added, 2 were there already" in again
    assert "http://127.0.0.1:5000/#/experiments/" in again and "viewStateShareKey=leaderboard" in again
    assert "promote mnist-mlp" in stemma("promote")
    assert {row["verdict"] for row in json.loads(stemma("promote", "--json"))} == {"same"}

    Image.fromarray(np.full((28, 28), 9, np.uint8)).save(decided / "digit.png")
    (row,) = answers("grey", "digit.png")
    assert row["input"] == "digit.png" and len(row["top"]) == 3
    assert row["probability"] == max(row["top"].values()) == row["top"][row["label"]]

    Path("review.txt").write_text("w3 w4 w5")
    rows = answers("text", "w3 w4 w5", "@review.txt", "review.txt")
    assert len({json.dumps(row["top"]) for row in rows}) == 1
    assert stemma("predict", "text", "w3").startswith("w3: ")


def test_history_explain_and_rollback(decided: Path) -> None:
    stemma("publish")
    stemma("promote")
    assert stemma("history", "grey").startswith("champion: version 1\n")
    lines = dict(line.split(maxsplit=1) for line in stemma("explain", "champion", "grey").splitlines()[:7])
    assert lines["champion"] == "mnist-sample version 1: mnist-mlp, seed 1"
    assert (lines["from"], lines["to"], lines["what"]) == ("none", "version 1", "promote")
    assert "@" in lines["who"] and lines["when"].endswith("UTC") and "no champion yet" in lines["why"]
    told = json.loads(stemma("explain", "champion", "text", "--json"))
    assert told["version"] == "1" and told["event"]["after"] == "1" and "**Limits.**" in told["card"]
    assert json.loads(stemma("history", "text", "--json"))["aliases"] == {"champion": "1"}
    with pytest.raises(StemmaError, match="no version with the alias `previous`"):
        stemma("rollback", "grey")
    client = connect()
    first = client.get_model_version("mnist-sample", "1")
    client.create_model_version("mnist-sample", first.source, first.run_id, {**first.tags, "key": "other"})
    assert "champion is version 2 now, no longer 1" in stemma("rollback", "grey", "--to", "2", "--why", "a trial")
    history = stemma("history", "grey")
    assert "champion: version 2, previous: version 1" in history and "rollback  1 -> 2" in history
    assert "a trial" in history
    assert json.loads(stemma("promote", "--json"))[0]["reasons"][0].startswith("Version 1, of the same results, was")
    assert json.loads(stemma("promote", "--json", "--again"))[0]["verdict"] == "keep"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gray", "x.png"], "did you mean 'grey'"),
        (["grey", "x.png"], "x.png: no such file"),
        (["grey", "small.png"], "small.png: shape 1x5x5, expected 1x28x28"),
        (["text", "@x.txt"], "x.txt: no such file"),
    ],
)
def test_bad_input_of_predict(decided: Path, arguments: list[str], message: str) -> None:
    stemma("publish")
    stemma("promote")
    Image.fromarray(np.zeros((5, 5), np.uint8)).save("small.png")
    with pytest.raises(StemmaError, match=message):
        stemma("predict", *arguments)


def test_predict_without_champion_and_reports_missing(decided: Path) -> None:
    with pytest.raises(StemmaError, match="no champion yet"):
        stemma("predict", "grey", "x.png")
    Path("reports/comparison.json").unlink()
    with pytest.raises(StemmaError, match=r"comparison\.json: missing; run `dvc repro`"):
        stemma("publish")


def test_ui_names_the_port_that_is_taken(decided: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        with pytest.raises(StemmaError, match=f"port {port} of 127.0.0.1"):
            stemma("ui", "--port", port)
