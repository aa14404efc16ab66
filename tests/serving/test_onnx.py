"""ONNX files answer as the networks they were made of, without PyTorch. Needs the extra `onnx`."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from packaging_models import PARAMETERS

from made_up import COLOUR, GREY, OF_ASKED, TEXT, VALUES, examples
from stemma import families
from stemma.errors import StemmaError
from stemma.serving import onnx
from stemma.spec import DataSpec

SLOW = pytest.mark.slow


def saved(folder: Path, architecture: str, spec: DataSpec) -> tuple[Any, Path]:
    parameters = PARAMETERS.get(architecture, {})
    model = families.build(architecture, spec.to_dict(), parameters)
    if hasattr(model, "solve"):
        model.solve(examples(spec, 60))
    families.save(model, folder, architecture, parameters)
    return model, folder


def test_without_the_extra_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx, "find_spec", lambda name: None)
    with pytest.raises(StemmaError, match=r"onnx, onnxscript, onnxruntime: not installed.*stemma\[onnx\]"):
        onnx.export(tmp_path, tmp_path / "x.onnx")


@pytest.mark.parametrize(
    ("architecture", "spec"),
    [
        ("mlp", VALUES),
        pytest.param("lenet5", GREY, marks=SLOW),
        pytest.param("simple_cnn", COLOUR, marks=SLOW),
        pytest.param("dbn", COLOUR, marks=SLOW),
        pytest.param("kim_cnn", TEXT, marks=SLOW),
        pytest.param("lstm", TEXT, marks=SLOW),
        pytest.param("lstm", GREY, marks=SLOW),
    ],
)
def test_answers_as_the_network_in_every_batch_and_length(architecture: str, spec: DataSpec, tmp_path: Path) -> None:
    ort = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    model, folder = saved(tmp_path / "model", architecture, spec)
    assert onnx.export(folder, tmp_path / "m.onnx") <= 1e-5
    session = ort.InferenceSession(tmp_path / "m.onnx")
    split = examples(spec, 9, seed=3)
    for size in (1, 4, 9):
        given = {"x": np.array(split.x[:size])}
        if split.lengths is not None:
            given = {"x": given["x"].astype(np.int32), "lengths": np.array(split.lengths[:size])}
        expected = model.predict(*(value[:size] for value in (split.x, split.lengths) if value is not None))
        np.testing.assert_allclose(session.run(["answer"], given)[0], expected, atol=1e-5, rtol=1e-5)
    told = session.get_modelmeta().custom_metadata_map
    assert DataSpec.from_dict(json.loads(told["spec"])) == spec


@pytest.mark.parametrize(
    ("architecture", "spec", "message"),
    [
        ("logistic_regression", GREY, "logistic_regression: no network, it cannot be exported to ONNX"),
        ("rbm", next(s for s in OF_ASKED if s.task == "density" and s.kind == "image"), "rbm: its task is density"),
        pytest.param("simple_rnn", TEXT, "simple_rnn: cannot be exported to ONNX", marks=SLOW),
    ],
)
def test_what_cannot_be_exported_says_so_in_one_line(
    architecture: str, spec: DataSpec, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime")
    _, folder = saved(tmp_path / "model", architecture, spec)
    with pytest.raises(StemmaError, match=message) as caught:
        onnx.export(folder, tmp_path / "m.onnx")
    assert "\n" not in str(caught.value) and not (tmp_path / "m.onnx").exists()


def test_a_file_that_answers_otherwise_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    _, folder = saved(tmp_path / "model", "mlp", VALUES)
    monkeypatch.setattr(onnx, "_difference", lambda model, path: 0.5)
    with pytest.raises(StemmaError, match=r"mlp: not exported, ONNX Runtime answers otherwise, by 0\.5"):
        onnx.export(folder, tmp_path / "m.onnx")
    assert not list(tmp_path.glob("*.onnx"))
