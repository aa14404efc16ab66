"""Published models by name, as they were published."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
import yaml
from made_up_results import IMAGES, ROWS, TEXTS, experiment, reports
from PIL import Image
from typer.testing import CliRunner

from asked import ENTRY, run, settings
from made_up import examples
from stemma import registry, served
from stemma.cli.main import app
from stemma.data import store as prepared_store
from stemma.errors import StemmaError
from stemma.families import catalog
from stemma.serving import integrity
from stemma.serving.package import log_model
from stemma.tracking import store
from stemma.tracking.publish import publish
from stemma.tracking.store import connect

PARAMS = Path("params.yaml")
SLOTS = {"grey": "mnist@sample", "text": "mr@./my reviews.csv", "patients": "diabetes@package"}


@pytest.fixture(scope="module")
def published(empty_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The working directory: an experiment of images, texts and rows each, champions, and one that reconstructs."""
    project = tmp_path_factory.mktemp("published")
    shutil.copy(empty_store, project / store.DATABASE)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.setitem(catalog.CATALOG, "made_up", ENTRY)
        _publish(project)
        yield project


def _publish(project: Path) -> None:
    splits = {name: examples(IMAGES, 40, seed) for seed, name in enumerate(prepared_store.SPLITS)}
    spec = prepared_store.save(project / "prepared", IMAGES, splits)
    known: dict[str, Any] = {
        name: {"dataset": slot, "family": "mlp", "architecture": "mlp"}
        for name, slot in {"mnist-mlp": "grey", "mr-mlp": "text", "diabetes-mlp": "patients"}.items()
    }
    known["mnist-ae"] = {"dataset": "grey", "family": "dbn", "architecture": "made_up", "task": "reconstruct"}
    datasets = {slot: {"use": use} for slot, use in SLOTS.items()}
    PARAMS.write_text(yaml.safe_dump({"datasets": datasets, "experiments": known}))
    experiment(project / "runs", "mnist-mlp", "mlp", spec, hidden=[8])
    experiment(project / "runs", "mr-mlp", "tfidf_logistic_regression", TEXTS)
    experiment(project / "runs", "diabetes-mlp", "mlp", ROWS, hidden=[8])
    run("mnist-ae", settings("reconstruct", seeds=(0,)), project / "prepared", project / "runs")
    comparison, decision = reports(project / "runs", list(known))
    publish(known, comparison, log_model, project / "runs")
    registry.promote(decision, comparison, {}, project / "runs")


def stemma(*arguments: str) -> str:
    return str(CliRunner().invoke(app, arguments, catch_exceptions=False).stdout)


def package_of(name: str) -> Path:
    """Where the store keeps a package."""
    found = served.find(name, PARAMS)
    return Path(unquote(urlsplit(connect().get_logged_model(found.model_id).artifact_location).path))


def test_names(published: Path) -> None:
    champion = served.find("grey", PARAMS)
    assert (champion.title, champion.version) == ("mnist-sample version 1", "1")
    assert served.find("mnist-sample@champion", Path("none.yaml")) == served.find("mnist-sample/1", PARAMS) == champion
    own = served.find("mnist-mlp", PARAMS)
    assert own.model_id == champion.model_id and own.title == "experiment mnist-mlp"
    assert served.find("mnist-ae", PARAMS).model_id != champion.model_id


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gray", "dataset slot or experiment: unknown name 'gray' .did you mean 'grey'"),
        ("mnist-sample@nobody", "no such alias or version"),
        ("mnist-sample/7", "no such alias or version"),
        ("other@champion", "registered model: unknown name 'other'"),
    ],
)
def test_unknown_names(published: Path, name: str, message: str) -> None:
    with pytest.raises(StemmaError, match=message):
        served.find(name, PARAMS)


def test_predict_answers_by_task(published: Path) -> None:
    pixels = np.array(examples(IMAGES, 1).x[0, 0])
    Image.fromarray(pixels).save("digit.png")
    Path("rows.csv").write_text("id,age,weight,city\n1,40,70.5,Oslo\n2,30,60,Bergen\n")
    (seen,) = json.loads(stemma("predict", "grey", "digit.png", "--json"))["predictions"]
    assert len(seen["top"]) == 3 and seen["probability"] == max(seen["top"].values())
    first, second = stemma("predict", "patients", "rows.csv").splitlines()
    assert re.fullmatch(r"rows\.csv:1: [\d.]+", first) and second.startswith("rows.csv:2: ")
    (coded,) = json.loads(stemma("predict", "mnist-ae", "digit.png", "--json"))["predictions"]
    assert len(coded["reconstruction"]) == pixels.size
    assert "digit.png: reconstruction of 784 numbers: " in stemma("predict", "mnist-ae", "digit.png")


BAD = {
    "cut.png": b"\x89PNG\r\n\x1a\n",
    "empty.png": b"",
    "text.png": b"no image",
    "empty.csv": b"",
    "head.csv": b"age,weight,city\n",
    "other.csv": b"a,b\n1,2\n",
    "hole.csv": b"age,weight,city\n40,,Oslo\n",
    "word.csv": b"age,weight,city\n40,heavy,Oslo\n",
    "binary.csv": b"\xff\xfe\x00",
    "ragged.csv": b"a,b\n1,2,3\n4,5,6,7\n",
    "binary.txt": b"ab\xff",
}


@pytest.mark.parametrize(
    ("slot", "value", "message"),
    [
        ("grey", "none.png", "none.png: no such file"),
        ("grey", "folder", "folder: a folder; expected an image file"),
        ("grey", "cut.png", "cut.png: not a readable image"),
        ("grey", "empty.png", "empty.png: not a readable image"),
        ("grey", "text.png", "text.png: not a readable image .none of BMP"),
        ("grey", "huge", "huge: 300,000,000 bytes, more than 200,000,000"),
        ("patients", "none.csv", "none.csv: no such file"),
        ("patients", "folder", "folder: a folder; expected a file"),
        ("patients", "empty.csv", "empty.csv: not readable as CSV"),
        ("patients", "head.csv", "head.csv: input: nothing to predict .0 rows"),
        ("patients", "other.csv", "other.csv: input: columns missing: age, weight, city; found a, b"),
        ("patients", "hole.csv", "hole.csv: input: column 'weight' has no value in row 0"),
        ("patients", "word.csv", "word.csv: column 'weight': 'heavy' in row 0 is no finite number"),
        ("patients", "binary.csv", "binary.csv: not readable as CSV"),
        ("patients", "ragged.csv", "ragged.csv: not readable as CSV"),
        ("patients", "huge", "huge: 300,000,000 bytes, more than 200,000,000"),
        ("text", "folder", "folder: a folder; expected a text"),
        ("text", "none.txt", "none.txt: no such file"),
        ("text", "@folder", "folder: a folder; expected a file"),
        ("text", "@huge", "huge: 300,000,000 bytes, more than 200,000,000"),
        ("text", "binary.txt", "binary.txt: not UTF-8 text .byte 2"),
    ],
)
def test_bad_input_is_one_clear_error(published: Path, slot: str, value: str, message: str) -> None:
    for name, content in BAD.items():
        Path(name).write_bytes(content)
    Path("folder").mkdir(exist_ok=True)
    with Path("huge").open("wb") as file:
        file.truncate(300_000_000)
    with pytest.raises(StemmaError, match=message) as caught:
        stemma("predict", slot, value)
    assert "\n" not in str(caught.value) and caught.value.exit_code == 2


@pytest.mark.parametrize("name", ["script.py", "code/stemma/serving/model.py", "artifacts/model/weights.safetensors"])
def test_a_package_that_was_changed_in_the_store_is_refused(published: Path, name: str) -> None:
    path = package_of("grey") / name
    original = path.read_bytes()
    path.write_bytes(original + b" ")
    try:
        with pytest.raises(StemmaError, match="mnist-sample version 1: refused, its package is not the one"):
            served.load(served.find("grey", PARAMS))
    finally:
        path.write_bytes(original)
    assert served.load(served.find("grey", PARAMS)).metadata.metadata["dataset"] == "mnist"


def test_who_renews_the_digests_in_the_package_is_found_out(published: Path) -> None:
    """The digests that stand in the package can be made to fit; the seal stands in the store's database."""
    package = package_of("patients")
    original = (package / "MLmodel").read_text()
    told = yaml.safe_load(original)
    added = package / "artifacts/model/more.json"
    added.write_text("{}")
    told["metadata"]["sha256"] = integrity.digests(package / "artifacts/model")
    (package / "MLmodel").write_text(yaml.safe_dump(told))
    try:
        with pytest.raises(StemmaError, match="refused"):
            served.load(served.find("patients", PARAMS))
    finally:
        added.unlink()
        (package / "MLmodel").write_text(original)


def test_pythons_caches_in_the_store_are_neither_used_nor_a_fault(published: Path) -> None:
    cache = package_of("grey") / "code/stemma/__pycache__"
    cache.mkdir()
    (cache / "files.cpython-311.pyc").write_bytes(b"evil")
    with served.fetched(served.find("grey", PARAMS)) as folder:
        assert not list(folder.rglob("*.pyc"))
    shutil.rmtree(cache)


def test_serve_names_the_port_that_is_taken(published: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with pytest.raises(StemmaError, match=f"port {port} of 127.0.0.1"):
            stemma("serve", "grey", "--port", port)


@pytest.fixture
def serving(published: Path) -> Iterator[Callable[[str], tuple[Any, int]]]:
    """Starts a server of a slot as a process of its own: the process and its port."""
    started = []

    def start(slot: str) -> tuple[Any, int]:
        name = served.find(slot, PARAMS).model  # the architecture that reconstructs is known to this process alone
        command = [sys.executable, "-m", "stemma.cli.main", "serve", f"{name}@champion", "--port", "0"]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
        )
        started.append(process)
        line = process.stdout.readline()  # type: ignore[union-attr]
        return process, int(re.search(r":(\d+)/invocations", line)[1])  # type: ignore[index]

    yield start
    for process in started:
        process.kill()


def wait_until_refused(port: int) -> None:
    for _ in range(600):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=300).close()
        except ConnectionRefusedError:
            return
        time.sleep(0.1)
    pytest.fail("connections are still taken")


@pytest.mark.slow
@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_server_answers_what_is_in_flight_and_ends_well(
    serving: Callable[[str], tuple[Any, int]], stop: signal.Signals
) -> None:
    process, port = serving("text")
    body = json.dumps({"inputs": ["w3 w4"] * 300}).encode()
    head = f"POST /invocations HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=300) as flying:
        flying.sendall(head.encode() + body[:100])
        with socket.create_connection(("127.0.0.1", port), timeout=300) as other:
            other.sendall(b"GET /ping HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
            assert b"200 OK" in other.recv(1000)
        process.send_signal(stop)
        wait_until_refused(port)
        assert process.poll() is None, "it waits for what is in flight"
        flying.sendall(body[100:])
        answer = b""
        while piece := flying.recv(1 << 16):
            answer += piece
    assert b"200 OK" in answer and answer.count(b'"label"') == 300
    assert process.wait(300) == 0
