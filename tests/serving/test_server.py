"""The scoring server: what it takes, what it refuses and how it says so."""

import base64
import io
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packaging_models import packaged, raw_rows
from PIL import Image
from starlette.testclient import TestClient

from made_up import COLOUR, TEXT, VALUES, examples
from stemma.serving import server
from stemma.serving.model import Classifier

JSON = "application/json"
BODY, BATCH = 1 << 20, 50
MODELS = {"image": ("mlp", COLOUR), "text": ("kim_cnn", TEXT), "table": ("linear", VALUES)}
PIXELS = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
ROWS = raw_rows(examples(VALUES, 2))


def file_of(array: np.ndarray, form: str = "PNG") -> bytes:
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, form)
    return stream.getvalue()


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return {kind: packaged(tmp_path_factory.mktemp(kind), *of)[1] for kind, of in MODELS.items()}


@pytest.fixture(scope="module")
def clients(models: dict[str, Any]) -> Iterator[dict[str, TestClient]]:
    yield {
        kind: TestClient(server.app(model, BODY, BATCH), raise_server_exceptions=False)
        for kind, model in models.items()
    }


@pytest.fixture
def ask(clients: dict[str, TestClient]) -> Callable[..., Any]:
    def ask(kind: str, body: Any, content_type: str = JSON) -> Any:
        content = body if isinstance(body, (bytes, str)) else json.dumps(body)
        return clients[kind].post("/invocations", content=content, headers={"content-type": content_type})

    return ask


def table_of(answer: Any) -> pd.DataFrame:
    assert answer.status_code == 200, answer.text
    return pd.DataFrame(answer.json()["predictions"])


def refusal(answer: Any) -> str:
    """The reason, in one line."""
    assert 400 <= answer.status_code < 500, answer.text
    told = answer.json()["message"]
    assert told and "\n" not in told and len(told) <= server.LONGEST_REASON
    assert set(answer.json()) == {"error_code", "message"}, "no stack trace"
    return str(told)


def test_image_files_in_every_form_are_the_array(ask: Callable[..., Any], models: dict[str, Any]) -> None:
    expected, png = models["image"].predict(PIXELS[None]), file_of(PIXELS)
    forms: list[tuple[Any, str]] = [
        (png, "image/png"),
        (file_of(PIXELS, "BMP"), "image/bmp"),
        ({"inputs": [encoded(png)]}, JSON),
        ({"inputs": encoded(png)}, JSON),
        ({"instances": ["data:image/png;base64," + encoded(png)]}, JSON),
        ({"dataframe_split": {"columns": ["image"], "data": [[encoded(png)]]}}, JSON),
        ({"inputs": PIXELS[None].tolist()}, JSON),
        ({"inputs": PIXELS.tolist()}, "application/json; charset=utf-8"),
    ]
    for body, kind in forms:
        pd.testing.assert_frame_equal(table_of(ask("image", body, kind)), expected)
    both = table_of(ask("image", {"inputs": [encoded(png), encoded(file_of(255 - PIXELS))]}))
    pd.testing.assert_frame_equal(both, models["image"].predict(np.stack([PIXELS, 255 - PIXELS])))


def test_texts_and_rows_in_every_form(ask: Callable[..., Any], models: dict[str, Any]) -> None:
    text, rows = models["text"].predict(["w3 w4"]), models["table"].predict(ROWS)
    for body, kind in (("w3 w4", "text/plain"), ("text,id\nw3 w4,7\n", "text/csv"), ({"inputs": "w3 w4"}, JSON)):
        pd.testing.assert_frame_equal(table_of(ask("text", body, kind)), text)
    records = ROWS.to_dict("records")
    for body, kind in (
        (ROWS.to_csv(index=False), "text/csv"),
        ({"dataframe_records": records}, JSON),
        ({"instances": records}, JSON),
    ):
        np.testing.assert_allclose(table_of(ask("table", body, kind))["value"], rows["value"], rtol=1e-6)
    one = {name: ROWS[name].tolist()[0] for name in ("age", "weight", "city")}
    assert len(table_of(ask("table", {"inputs": one}))) == 1


@pytest.mark.parametrize(
    ("kind", "body", "message"),
    [
        ("text", "", "valid JSON"),
        ("text", "{", "valid JSON"),
        ("text", b'{"inputs": ["\xff"]}', "valid JSON"),
        ("text", "[1]", "Received a list"),
        ("text", {}, "exactly one of the input fields"),
        ("text", {"unknown": ["a"]}, "exactly one of the input fields"),
        ("text", {"inputs": ["a"], "instances": ["a"]}, "exactly one of the input fields"),
        ("text", "[" * 100_000, "cannot be read (RecursionError"),
        ("text", '{"inputs": [' + "9" * 5000 + "]}", "cannot be read (ValueError"),
        ("text", {"inputs": []}, "nothing to predict"),
        ("text", {"inputs": [3]}, "found int at place 0"),
        ("text", {"inputs": ["a", None]}, "found NoneType at place 1"),
        ("text", '{"inputs": [NaN]}', "found float at place 0"),
        ("text", {"inputs": [["a", "b"]]}, "found list at place 0"),
        ("text", '{"inputs": ["\\ud800"]}', "lone surrogate"),
        ("text", {"inputs": ["a"] * 51}, "51 examples, more than the 50"),
        ("text", {"dataframe_records": [{"id": 1}]}, "columns ['id']; expected a column 'text'"),
        ("image", {"inputs": []}, "nothing to predict"),
        ("image", {"inputs": 5}, "expected 3x32x32"),
        ("image", {"inputs": [[1, 2], [3]]}, "unequal"),
        ("image", {"inputs": [None]}, "expected grey values"),
        ("image", '{"inputs": [[NaN]]}', "values from nan to nan"),
        ("image", '{"inputs": [[1e999]]}', "values from inf to inf"),
        ("image", {"inputs": (PIXELS[None] / 255).tolist()}, "not scaled to 0..1"),
        ("image", {"inputs": PIXELS[None, :5].tolist()}, "shape 1x5x32x3, expected 3x32x32"),
        ("image", {"inputs": ["%%"]}, "image at place 0: not base64"),
        ("image", {"inputs": [encoded(b"no image")]}, "image at place 0: not a readable image (none of BMP"),
        ("image", {"inputs": [encoded(file_of(PIXELS)[:60])]}, "image at place 0: not a readable image"),
        ("image", {"inputs": [encoded(file_of(PIXELS[:5]))]}, "image at place 0: shape 3x5x32"),
        ("image", {"inputs": [encoded(file_of(PIXELS)), 5]}, "image at place 1: expected an image file, found int"),
        ("table", {"inputs": ["a"]}, "expected a table with the columns age, weight, city, found list"),
        ("table", {"inputs": {"age": [1], "weight": [1, 2], "city": ["Oslo"]}}, "unequal length"),
        ("table", {"dataframe_records": [{"age": 1}]}, "columns missing: weight, city; found age"),
        ("table", {"dataframe_records": [{"age": "x", "weight": 1, "city": "Oslo"}]}, "'x' in row 0 is no finite"),
        ("table", {"dataframe_records": [{"age": None, "weight": 1, "city": "Oslo"}]}, "no value in row 0"),
        ("table", {"dataframe_split": {"columns": ["age", "age", "weight", "city"], "data": [[1, 2, 3, "Oslo"]]}}, "twice"),
    ],
)  # fmt: skip
def test_bad_bodies(ask: Callable[..., Any], kind: str, body: Any, message: str) -> None:
    assert message in refusal(ask(kind, body))


@pytest.mark.parametrize(
    ("kind", "body", "content_type", "status", "message"),
    [
        ("text", "x=1", "application/x-www-form-urlencoded", 415, "expected application/json, text/plain"),
        ("text", "PAR1", "application/vnd.apache.parquet", 415, "expected application/json"),
        ("text", b"\xff", "text/plain", 400, "not UTF-8 text (byte 0)"),
        ("text", file_of(PIXELS), "image/png", 400, "columns ['image']; expected a column 'text'"),
        ("image", "w3", "text/plain", 400, "columns ['text']; expected a column 'image'"),
        ("table", "", "text/csv", 400, "not readable as CSV"),
        ("table", "age,weight,city\n", "text/csv", 400, "nothing to predict"),
        ("table", b"\xff\xfe", "text/csv", 400, "not readable as CSV"),
    ],
)
def test_bad_content_types(
    ask: Callable[..., Any], kind: str, body: Any, content_type: str, status: int, message: str
) -> None:
    answer = ask(kind, body, content_type)
    assert answer.status_code == status and message in refusal(answer)


def test_large_bodies_are_refused_told_or_not(clients: dict[str, TestClient]) -> None:
    def pieces() -> Iterator[bytes]:
        yield from [b" " * (BODY // 8)] * 9

    for body in (b" " * (BODY + 1), pieces()):
        answer = clients["text"].post("/invocations", content=body, headers={"content-type": JSON})
        assert answer.status_code == 413 and refusal(answer) == "body: more than 1,048,576 bytes"
    just = b'{"inputs": "w3"}'.ljust(BODY)
    assert clients["text"].post("/invocations", content=just, headers={"content-type": JSON}).status_code == 200


def test_health(clients: dict[str, TestClient]) -> None:
    import mlflow

    assert clients["text"].get("/ping").status_code == clients["text"].get("/health").status_code == 200
    assert clients["text"].get("/version").text == mlflow.__version__
    assert clients["text"].get("/nowhere").status_code == 404
    assert clients["text"].get("/invocations").status_code == 405


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["age", "weight", "city", "text", "image", "data", "columns", "index"]), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
FIELDS = st.sampled_from(["inputs", "instances", "dataframe_split", "dataframe_records", "params", "messages"])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kind=st.sampled_from(list(MODELS)), body=st.dictionaries(FIELDS, ANYTHING, max_size=2) | ANYTHING)
def test_no_json_breaks_it(ask: Callable[..., Any], kind: str, body: Any) -> None:
    answer = ask(kind, body)
    if answer.status_code != 200:
        assert "unexpected error" not in refusal(answer), "the model met what its checks let through"


def test_answers_are_sent_without_delay() -> None:
    """asyncio sets TCP_NODELAY only where the protocol is told, which connections have from the socket they came to."""
    with server.listen("127.0.0.1", 0) as listening:
        assert listening.proto == socket.IPPROTO_TCP and listening.getsockname()[1] > 0


def test_one_thread_at_a_time_asks_the_model(models: dict[str, Any]) -> None:
    inside, most = 0, 0

    class Slow:
        spec = TEXT

        def predict(self, *prepared: Any) -> np.ndarray:
            nonlocal inside, most
            inside += 1
            most = max(most, inside)
            time.sleep(0.01)
            inside -= 1
            return np.full((1, 2), 0.5)

    known = models["text"].unwrap_python_model()
    model = Classifier()
    model.model, model.encoding, model.alone = Slow(), known.encoding, known.alone
    threads = [threading.Thread(target=model.predict, args=(None, ["w3"])) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
