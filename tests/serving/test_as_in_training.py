"""What a packaged model answers to raw input is what its training left in the run files."""

from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packaging_models import raw_rows

from asked import run
from made_up import SETS
from stemma.config import Experiment
from stemma.data import store
from stemma.serving.inputs import Encoding
from stemma.serving.package import input_example, package

SLOW = pytest.mark.slow
MODELS: list[tuple[str, str, str, dict[str, Any]]] = [
    ("cnn", "lenet5", "grey", {"form": "modern"}),
    ("cnn", "simple_cnn", "colour", {}),
    ("cnn", "kim_cnn", "text", {}),
    ("cnn", "conv1d", "text_values", {}),
    ("rnn", "lstm", "text", {}),
    ("rnn", "lstm", "grey", {}),
    ("rnn", "simple_rnn", "text_values", {}),
    ("dbn", "dbn", "grey", {"hidden": [8, 6]}),
    ("dbn", "dbn", "colour", {"hidden": [8, 6]}),
    ("dbn", "dbn", "text", {"hidden": [8, 6]}),
    ("dbn", "dbn", "table_values", {"hidden": [8, 6]}),
    ("mlp", "mlp", "grey_values", {"hidden": [8]}),
    ("mlp", "mlp", "table", {"hidden": [8]}),
    ("baseline", "logistic_regression", "grey", {}),
    ("baseline", "colour_statistics", "colour", {}),
    ("baseline", "tfidf_logistic_regression", "text", {}),
    ("baseline", "decision_tree", "table", {}),
    ("baseline", "ridge", "table_values", {}),
]
FAST = ("mlp-table", "decision_tree-table")


def marked(of: tuple[str, str, str, dict[str, Any]]) -> Any:
    name = f"{of[1]}-{of[2]}"
    return pytest.param(of, id=name, marks=() if name in FAST else SLOW)


@pytest.fixture(scope="module", params=list(map(marked, MODELS)))
def trained(request: Any, prepared: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The packaged model of a seed, raw test examples, and what the run files say of them."""
    family, architecture, slot, parameters = request.param
    folder = tmp_path_factory.mktemp("trained")
    known = {"dataset": slot, "family": family, "architecture": architecture, "parameters": parameters}
    experiment = Experiment(**known, seeds=(0,), epochs=1, accelerator="cpu", learning_rate=0.01)
    runs = run("one", experiment, prepared[slot], folder / "runs")
    model = runs.model_folder(0)
    example = input_example(SETS[slot], Encoding.of(model))
    mlflow.pyfunc.save_model(folder / "packaged", input_example=example, **package(model))
    split = store.load_split(prepared[slot], "test")
    raw = raw_rows(split) if SETS[slot].kind == "table" else split.texts or np.array(split.x)
    return mlflow.pyfunc.load_model(str(folder / "packaged")), raw, runs.predictions(0)[1]


def numbers(answer: Any) -> np.ndarray:
    columns = [name for name in answer if name.startswith("p_")]
    return (answer[columns] if columns else answer["value"]).to_numpy()


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(places=st.lists(st.integers(0, 39), min_size=1, max_size=60))
def test_any_batch_in_any_order(trained: Any, places: list[int]) -> None:
    model, raw, expected = trained
    some = raw.iloc[places] if hasattr(raw, "iloc") else [raw[n] for n in places]
    answer = numbers(model.predict(np.stack(some) if isinstance(raw, np.ndarray) else some))
    np.testing.assert_allclose(answer, expected[places], rtol=1e-6, atol=1e-6)


def test_padding_and_length_change_nothing(trained: Any) -> None:
    """Beside a text of thousands of words every text is answered as by itself."""
    model, raw, expected = trained
    if not isinstance(raw, list):
        pytest.skip("no texts")
    answer = numbers(model.predict([*raw, "w3 " * 5000, ""]))
    np.testing.assert_allclose(answer[:-2], expected, rtol=1e-6, atol=1e-6)
    assert np.isfinite(answer).all()
