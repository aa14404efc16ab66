"""The packaged model, loaded as MLflow loads it: without pickle, on raw input."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.exceptions import MlflowException
from packaging_models import TOKENS, packaged, raw_rows

from made_up import COLOUR, GREY, GREY_VALUES, TABLE, TEXT, VALUES, examples
from stemma import families
from stemma.data.preparation.columns import Column, Encoder
from stemma.data.text import encode
from stemma.files import write_json
from stemma.serving.inputs import Encoding, prepare
from stemma.serving.package import input_example, package
from stemma.spec import DataSpec

MODELS = {
    "lenet5": GREY,
    "simple_cnn": COLOUR,
    "lstm": GREY,
    "dbn": COLOUR,
    "logistic_regression": GREY,
    "kim_cnn": TEXT,
    "simple_rnn": TEXT,
    "rbm": TEXT,
    "tfidf_logistic_regression": TEXT,
}
INVALID = "INVALID_PARAMETER_VALUE"


@pytest.mark.parametrize("architecture", MODELS)
def test_equals_the_model_itself_in_every_batch(architecture: str, tmp_path: Path) -> None:
    spec = MODELS[architecture]
    split = examples(spec, 7, seed=1)
    model, served = packaged(tmp_path, architecture, spec)
    expected = model.predict(split.x, split.lengths, split.texts)
    raw = split.texts if split.texts is not None else np.array(split.x)
    if spec.kind == "text":
        ids, lengths = encode(raw, TOKENS, spec.shape[0])
        assert np.array_equal(ids, split.x) and np.array_equal(lengths, split.lengths)
    answer = served.predict(raw)
    columns = [f"p_{name}" for name in spec.classes]
    assert list(answer.columns) == ["label", "probability", *columns]
    np.testing.assert_allclose(answer[columns], expected, atol=1e-6)
    assert answer.label.tolist() == [spec.classes[k] for k in expected.argmax(1)]
    np.testing.assert_allclose(served.predict(raw[:1])[columns], expected[:1], atol=1e-6)
    assert served.metadata.signature.inputs and served.metadata.signature.outputs
    assert not list(tmp_path.rglob("*.pkl"))


@pytest.fixture(scope="module")
def of_text(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return packaged(tmp_path_factory.mktemp("text"), "kim_cnn", TEXT)[1]


@pytest.fixture(scope="module")
def of_images(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return packaged(tmp_path_factory.mktemp("images"), "mlp", COLOUR)[1]


def test_texts_of_any_length_in_any_form(of_text: Any) -> None:
    texts = ["", "w3", "w4 " * 5000, "never seen 🎬"]
    expected = of_text.predict(texts)
    assert len(expected) == 4
    for form in (pd.DataFrame({"text": texts}), pd.Series(texts, name="text"), np.array(texts)):
        pd.testing.assert_frame_equal(of_text.predict(form), expected)
    assert len(of_text.predict("w3 w5")) == 1


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (["a", None], "expected texts, found"),
        ([3, 4], "expected texts, found int"),
        (pd.DataFrame({"id": ["a"], "text": ["b"]}), "expected a column 'text'"),
        ([], "missing inputs"),
    ],
)
def test_bad_texts(of_text: Any, raw: Any, message: str) -> None:
    with pytest.raises(MlflowException, match=message) as caught:
        of_text.predict(raw)
    assert caught.value.error_code == INVALID


def test_images_in_any_form(of_images: Any) -> None:
    x = np.array(examples(COLOUR, 3).x)
    expected = of_images.predict(x)
    for form in (x.transpose(0, 2, 3, 1), x.astype(np.int64), x.astype(float), np.array(x.tolist(), dtype=object)):
        pd.testing.assert_frame_equal(of_images.predict(form), expected)
    assert len(of_images.predict(x[0])) == 1


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (np.zeros((2, 3, 28, 28), np.uint8), "expected 3x32x32"),
        (np.zeros((2, 32, 32), np.uint8), "expected 3x32x32"),
        (np.full((2, 3, 32, 32), 0.5), "expected whole numbers 0 to 255"),
        (np.full((2, 3, 32, 32), 256), "expected whole numbers 0 to 255"),
        (np.zeros((0, 3, 32, 32), np.uint8), "nothing to predict"),
        (np.array([[1, 2], [3]], dtype=object), "unequal"),
        (np.array(["a"]), "expected"),
    ],
)
def test_bad_images(of_images: Any, raw: Any, message: str) -> None:
    with pytest.raises(MlflowException, match=message) as caught:
        of_images.predict(raw)
    assert caught.value.error_code == INVALID


def test_over_http(of_text: Any, of_images: Any) -> None:
    from mlflow.pyfunc import scoring_server
    from starlette.testclient import TestClient

    x = np.array(examples(COLOUR, 2).x)
    images = TestClient(scoring_server.init(of_images))
    answer = images.post("/invocations", json={"inputs": x.tolist()})
    assert answer.status_code == 200
    assert pd.DataFrame(answer.json()["predictions"]).label.tolist() == of_images.predict(x).label.tolist()
    assert images.post("/invocations", json={"inputs": x[:, :, :5].tolist()}).status_code == 400
    texts = TestClient(scoring_server.init(of_text))
    for body in (
        {"inputs": ["w3", "w4 w5"]},
        {"instances": ["w3", "w4 w5"]},
        {"dataframe_split": {"columns": ["text"], "data": [["w3"], ["w4 w5"]]}},
        {"dataframe_records": [{"text": "w3"}, {"text": "w4 w5"}]},
    ):
        answer = texts.post("/invocations", json=body)
        assert answer.status_code == 200 and len(answer.json()["predictions"]) == 2
    other = {"dataframe_split": {"columns": ["review"], "data": [["w3"]]}}
    assert texts.post("/invocations", json=other).status_code == 400


def test_works_where_stemma_is_not_installed(tmp_path: Path) -> None:
    """The code that the package carries is the code that answers."""
    import subprocess
    import sys

    packaged(tmp_path, "mlp", replace(GREY))
    program = (
        "import sys; sys.path[:] = [p for p in sys.path if not p.endswith('src')]\n"
        "sys.meta_path[:] = [f for f in sys.meta_path if 'editable' not in str(f).lower()]\n"
        "import mlflow, numpy as np\n"
        f"model = mlflow.pyfunc.load_model({str(tmp_path / 'packaged')!r})\n"
        "import stemma; print(stemma.__file__)\n"
        "print(len(model.predict(np.zeros((2, 28, 28), np.uint8))))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path, env={"PATH": ""}
    )
    assert done.stdout.split() == [str(tmp_path / "packaged" / "code" / "stemma" / "__init__.py"), "2"], done.stderr


@pytest.mark.parametrize("architecture", ["linear", "mlp", "ridge", "decision_tree"])
def test_rows_of_a_table_in_any_form(architecture: str, tmp_path: Path) -> None:
    spec = TABLE if architecture == "decision_tree" else VALUES
    split = examples(spec, 6, seed=1)
    model, served = packaged(tmp_path, architecture, spec)
    expected, rows = model.predict(split.x), raw_rows(split)
    answer = served.predict(rows)
    told = answer[[f"p_{name}" for name in spec.classes]] if spec.classes else answer["value"]
    np.testing.assert_allclose(told, expected, rtol=1e-5)
    columns = {name: rows[name].tolist() for name in ("age", "weight", "city")}
    for form in (columns, pd.DataFrame(columns).iloc[::1], rows.set_index(rows.index + 7)):
        pd.testing.assert_frame_equal(served.predict(form), answer)
    whole = rows.assign(age=40, weight=70)
    assert served.predict(whole).notna().all(axis=None), "whole numbers are numbers"


@pytest.fixture(scope="module")
def of_rows(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return packaged(tmp_path_factory.mktemp("rows"), "linear", VALUES)[1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows.drop(columns="age"), "columns missing: age; found"),
        (lambda rows: rows.assign(age=[1.0, None]), "column 'age' has no value in row 1"),
        (lambda rows: rows.assign(city=["Oslo", None]), "column 'city' has no value in row 1"),
        (lambda rows: rows.assign(weight=[1.0, np.inf]), "'inf' in row 1 is no finite number"),
        (lambda rows: rows.assign(weight=["a", "b"]), "weight"),
        (lambda rows: rows[:0], "nothing to predict"),
    ],
)
def test_bad_rows(of_rows: Any, change: Any, message: str) -> None:
    with pytest.raises(MlflowException, match=message) as caught:
        of_rows.predict(change(raw_rows(examples(VALUES, 2))))
    assert caught.value.error_code == INVALID


def test_rows_over_http(of_rows: Any) -> None:
    from mlflow.pyfunc import scoring_server
    from starlette.testclient import TestClient

    client, rows = TestClient(scoring_server.init(of_rows)), raw_rows(examples(VALUES, 2))
    expected = of_rows.predict(rows).value.tolist()
    bodies = [
        {"dataframe_split": rows.to_dict("split")},
        {"dataframe_records": rows.to_dict("records")},
        {"inputs": {name: rows[name].tolist() for name in ("age", "weight", "city")}},
    ]
    for body in bodies:
        answer = client.post("/invocations", json=body)
        assert answer.status_code == 200, answer.text
        assert [row["value"] for row in answer.json()["predictions"]] == pytest.approx(expected)
    for bad in (rows.drop(columns="age"), rows.assign(age=[1.0, np.nan])):
        answer = client.post(
            "/invocations", json={"dataframe_split": bad.astype(object).where(bad.notna(), None).to_dict("split")}
        )
        assert answer.status_code == 400 and "age" in answer.json()["message"]


def test_values_of_images(tmp_path: Path) -> None:
    model, served = packaged(tmp_path, "mlp", GREY_VALUES)
    x = np.array(examples(GREY_VALUES, 3).x)
    np.testing.assert_allclose(served.predict(x)["value"], model.predict(x), rtol=1e-6)


def test_categories_that_came_as_floats() -> None:
    encoder = Encoder((Column("sex", categories=("1", "2")),))
    x, _, _ = prepare(pd.DataFrame({"sex": [2.0, 1.0]}), VALUES, Encoding([], encoder))
    assert x.tolist() == [[0, 1], [1, 0]]


@pytest.mark.parametrize(("architecture", "spec"), [("lenet5", GREY), ("lstm", TEXT)])
def test_an_estimator_on_a_hidden_layer_carries_its_network(architecture: str, spec: DataSpec, tmp_path: Path) -> None:
    parameters = {"form": "modern"} if architecture == "lenet5" else {}
    network = families.build(architecture, spec.to_dict(), parameters)
    families.save(network, tmp_path / "net", architecture, parameters)
    model = families.build("rbf_svm", spec.to_dict(), {}, tmp_path / "net")
    model.solve(examples(spec, 60))
    families.save(model, tmp_path / "model", "rbf_svm", {})
    if spec.kind == "text":
        write_json(tmp_path / "model/vocabulary.json", TOKENS)
    example = input_example(spec, Encoding.of(tmp_path / "model"))
    mlflow.pyfunc.save_model(tmp_path / "packaged", input_example=example, **package(tmp_path / "model"))
    split = examples(spec, 7, seed=1)
    answer = mlflow.pyfunc.load_model(str(tmp_path / "packaged")).predict(split.texts or np.array(split.x))
    expected = model.predict(split.x, split.lengths, split.texts)
    np.testing.assert_allclose(answer[[f"p_{name}" for name in spec.classes]], expected, atol=1e-6)
    assert not list(tmp_path.rglob("*.pkl"))
