"""A packaged network as one ONNX file that needs neither PyTorch nor Stemma, checked against the network."""

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stemma.errors import StemmaError
from stemma.files import replacing
from stemma.serving.inputs import Encoding
from stemma.spec import DataSpec

if TYPE_CHECKING:
    import torch

NEEDED = ("onnx", "onnxscript", "onnxruntime")
TASKS = ("classify", "regress")
TOLERANCE = 1e-5
"""Of a probability; of a value, in standard deviations of the target."""
BATCHES = (1, 2, 7)
"""Sizes of the batches that are checked, texts of several lengths in each."""


def export(folder: Path, path: Path) -> float:
    """Write the network of a model folder to `path`; returns the largest difference to the network's own answers.

    Inputs by name, N being any number: `x` uint8 `[N, C, H, W]`, float32 `[N, F]`, or int32 token ids `[N, T]`, T any
    up to the longest, with `lengths` int32 `[N]`. Output `answer`: probabilities `[N, classes]`, or values `[N]`.
    The file's metadata tell `spec` and what raw input is encoded by, `tokens` or `columns`, as JSON.

    Raises:
        StemmaError: a package that this takes is not installed, the model is no network or of another task, ONNX cannot
            express it, or it answers something else there.
    """
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise StemmaError(f"{', '.join(missing)}: not installed; ONNX takes `pip install 'stemma[onnx]'`")
    from stemma import families
    from stemma.files import read_json

    architecture, model = read_json(folder / "model.json")["architecture"], families.load(folder)
    _check_kind(architecture, model)
    with replacing(path) as temporary:
        _write(architecture, model, Encoding.of(folder), temporary)
        difference = _difference(model, temporary)
        if difference > TOLERANCE:
            raise StemmaError(f"{architecture}: not exported, ONNX Runtime answers otherwise, by {difference:.2g}")
    return difference


def _check_kind(architecture: str, model: Any) -> None:
    from stemma.families.base import Model

    if not isinstance(model, Model):
        raise StemmaError(f"{architecture}: no network, it cannot be exported to ONNX")
    if model.spec.task not in TASKS:
        raise StemmaError(
            f"{architecture}: its task is {model.spec.task}; models that {' or '.join(TASKS)} can be exported to ONNX"
        )


def _write(architecture: str, model: Any, encoding: Encoding, path: Path) -> None:
    import torch

    inputs = tuple(torch.from_numpy(value) for value in examples(model.spec, 3).values())
    free = torch.export.Dim.DYNAMIC
    shapes = [{0: free, 1: free}, {0: free}] if len(inputs) == 2 else [{0: free}]
    names = ["x", "lengths"][: len(inputs)]
    try:
        with _quiet():
            program = torch.onnx.export(
                _answering(model),
                inputs,
                dynamo=True,
                dynamic_shapes={"inputs": tuple(shapes)},
                input_names=names,
                output_names=["answer"],
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        raise StemmaError(f"{architecture}: cannot be exported to ONNX ({_cause(error)})") from None
    assert program is not None
    columns = None if encoding.columns is None else encoding.columns.to_dict()
    known = {"spec": model.spec.to_dict(), "tokens": encoding.tokens, "columns": columns}
    program.model.metadata_props.update({name: json.dumps(value) for name, value in known.items()})
    program.save(str(path))


def _answering(model: Any) -> "torch.nn.Module":
    """The network with what makes answers of its outputs."""
    import torch

    class Answering(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
            x, lengths = (*inputs, None)[:2]
            return model.answer(model(x, lengths).float())

    return Answering().eval().requires_grad_(False)


def _difference(model: Any, path: Path) -> float:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    unit = model.spec.target_std if model.spec.task == "regress" else 1.0
    found = []
    for size in BATCHES:
        given = examples(model.spec, size, seed=size)
        (answer,) = session.run(None, given)
        found.append(np.abs(answer - model.predict(given["x"], given.get("lengths"))).max() / unit)
    return float(max(found))


def examples(spec: DataSpec, size: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Made-up prepared examples, texts cut to the longest of them, as the file takes them."""
    rng = np.random.default_rng(seed)
    if spec.kind == "image":
        return {"x": rng.integers(0, 256, (size, *spec.shape), dtype=np.uint8)}
    if spec.kind == "table":
        return {"x": rng.normal(size=(size, *spec.shape)).astype(np.float32)}
    lengths = rng.integers(1, spec.shape[0] + 1, size).astype(np.int32)
    ids = rng.integers(2, spec.vocabulary_size, (size, int(lengths.max()))).astype(np.int32)
    return {"x": np.where(np.arange(ids.shape[1]) < lengths[:, None], ids, 0).astype(np.int32), "lengths": lengths}


def _cause(error: BaseException) -> str:
    """The first line of what an error goes back to, which the exporter wraps in pages of advice."""
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {(str(error).strip() or 'no reason told').splitlines()[0][:200]}"


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's progress and advice."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "torch.export")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
