"""conv1d: its sizes, its values by a correlation in numpy, inputs of many lengths."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from made_up import COLOUR, GREY, TABLE, TEXT, examples
from stemma import families
from stemma.errors import StemmaError
from stemma.families.shapes import shapes
from stemma.spec import PAD, DataSpec


def table(columns: int) -> dict:
    return DataSpec("made_up", "table", "table", (columns,), ("a", "b", "c")).to_dict()


def correlate(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """`[C, T]`, `[M, C, W]`, `[M]` -> `[M, T - W + 1]`, window by window."""
    width = weight.shape[2]
    windows = [x[:, t : t + width] for t in range(x.shape[1] - width + 1)]
    return np.stack([(weight * window).sum((1, 2)) + bias for window in windows], axis=1)


def by_hand(model, x: np.ndarray) -> np.ndarray:
    """Maps `[M, T]` after all layers of ReLU and pooling, of one example `[C, T]`."""
    for layer in model.convolutions:
        x = np.maximum(correlate(x, layer.weight.detach().numpy(), layer.bias.detach().numpy()), 0)
        x = np.stack([x[:, t : t + model.pool].max(1) for t in range(0, x.shape[1] - model.pool + 1, model.pool)], 1)
    return x


def test_10_inputs_and_a_width_of_4_leave_7_outputs() -> None:
    model = families.build("conv1d", table(10), {"width": 4, "maps": (5,)})
    sizes = {row["kind"]: row["output"] for row in shapes(model)}
    assert sizes["Conv1d"] == [5, 7]
    assert model.parameter_count() == 5 * 4 + 5 + 7 * 5 * 3 + 3


@pytest.mark.parametrize("parameters", [{"maps": (4,)}, {"maps": (4, 3), "width": 2, "pool": 2}])
def test_a_row_of_a_table_by_a_correlation_in_numpy(parameters: dict) -> None:
    torch.manual_seed(0)
    model, x = families.build("conv1d", table(11), parameters).eval(), np.random.default_rng(0).normal(size=(2, 11))
    rows = np.stack([by_hand(model, row[None].astype(np.float32)).ravel() for row in x])
    weight, bias = model.head.weight.detach().numpy(), model.head.bias.detach().numpy()
    np.testing.assert_allclose(model(torch.from_numpy(x)).detach(), rows @ weight.T + bias, atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 3), st.integers(0, 12))
def test_the_least_input_leaves_one_position(layers: int, width: int, pool: int, more: int) -> None:
    parameters = {"maps": (2,) * layers, "width": width, "pool": pool}
    steps = 1
    for _ in range(layers):
        steps = steps * pool + width - 1
    model = families.build("conv1d", table(steps + more), parameters)
    assert model.least == steps and model.left(steps) == 1 and model.left(steps - 1) < 1
    assert by_hand(model, np.zeros((1, steps + more), np.float32)).shape[1] == model.left(steps + more)
    assert model(torch.zeros(2, steps + more)).shape == (2, 3)


@pytest.mark.parametrize("spec", [GREY, COLOUR, TEXT, TABLE])
def test_too_short_inputs_are_refused_in_one_line(spec: DataSpec) -> None:
    parameters = {"maps": (4, 4, 4), "width": 5, "pool": 4}
    with pytest.raises(StemmaError, match=r"conv1d: 3 layer\(s\) of width 5 and pool 4 need at least 148 steps, the"):
        families.build("conv1d", spec.to_dict(), parameters)


def test_images_are_read_row_by_row() -> None:
    model = families.build("conv1d", COLOUR.to_dict(), {"maps": (6,), "width": 5})
    assert model.convolutions[0].weight.shape == (6, 3 * 32, 5) and model.head.in_features == 6 * 28


@pytest.mark.parametrize("summary", ["max", "mean"])
@pytest.mark.parametrize("pool", [1, 2])
def test_a_text_sees_its_own_windows(summary: str, pool: int) -> None:
    """Texts of 1 to 12 words, padded: the same as each alone, cut to its length or to one window of the net."""
    torch.manual_seed(0)
    parameters = {"maps": (5, 4), "pool": pool, "summary": summary, "embedding": 3}
    model = families.build("conv1d", TEXT.to_dict(), parameters).eval()
    split = examples(TEXT, 40)
    x, lengths = torch.from_numpy(split.x), torch.from_numpy(split.lengths)
    found = model.last_hidden(x, lengths).detach().numpy()
    for ids, length, values in zip(split.x, split.lengths, found, strict=True):
        own = np.pad(ids[:length], (0, max(0, model.least - length)), constant_values=PAD)
        vectors = model.steps(torch.from_numpy(own)[None])[0].T.detach().numpy()
        maps = by_hand(model, vectors)
        np.testing.assert_allclose(values, maps.max(1) if summary == "max" else maps.mean(1), atol=1e-5)


def test_texts_have_no_one_length() -> None:
    with pytest.raises(StemmaError, match="summary: 'all' takes inputs of one length"):
        families.build("conv1d", TEXT.to_dict(), {"summary": "all"})
