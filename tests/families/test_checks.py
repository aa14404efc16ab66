"""The facts that pin each architecture to its paper (parameter counts, shapes)."""

import pytest
import torch
from torch.nn import functional as F

from made_up import COLOUR, DIGITS, GREY
from stemma import families
from stemma.errors import StemmaError
from stemma.families.cnn.lenet5 import C3_TABLE, Subsampling, TableConvolution
from stemma.families.cnn.resnet import Block
from stemma.families.shapes import shapes
from stemma.spec import DataSpec


def text(classes: int, vocabulary: int) -> dict:
    names = tuple(map(str, range(classes)))
    return DataSpec("made_up", "text", "text", (20,), names, vocabulary_size=vocabulary).to_dict()


def count(key: str, spec: dict, **parameters) -> int:
    return families.build(key, spec, parameters).parameter_count()


def sides(key: str) -> list[int]:
    rows = shapes(families.build(key, GREY.to_dict(), {}))
    return [row["output"][-1] for row in rows if row["kind"] in ("Conv2d", "MaxPool2d")]


def test_convnet() -> None:
    assert count("convnet", GREY.to_dict()) == 544 + 9_248 + 8_010 == 17_802
    assert sides("convnet") == [25, 12, 10, 5]


def test_convnet_as_teaching_texts_have_it() -> None:
    """Pixels from 0 to 1, and Glorot's weights: uniform up to the root of 6 over what goes in and out."""
    torch.manual_seed(0)
    model = families.build("convnet", GREY.to_dict(), {"standardise": False, "initialisation": "glorot_uniform"})
    x = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)
    assert torch.equal(model.encode(x), x / 255)
    for layer, ends in ((model.features[0], 16 * (1 + 32)), (model.head[1], 800 + 10)):
        assert 0.97 < float(layer.weight.detach().abs().max()) / (6 / ends) ** 0.5 <= 1 and not layer.bias.any()


def test_simple_cnn() -> None:
    assert count("simple_cnn", GREY.to_dict()) == 61_514
    assert sides("simple_cnn") == [26, 13, 11, 5, 3]


def test_lenet5_of_1998() -> None:
    model = families.build("lenet5", GREY.to_dict(), {})
    own = [row["parameters"] for row in shapes(model) if row["parameters"]]
    assert own == [156, 12, 1_516, 32, 48_120, 10_164] and sum(own) == 60_000
    assert sum(map(len, C3_TABLE)) == 60
    assert {tuple(code.tolist()) for code in model.head[-1].codes}.__len__() == 10


def test_lenet5_modern() -> None:
    assert count("lenet5", GREY.to_dict(), form="modern") == 61_706


def test_lenet5_refuses_other_sizes_and_channels() -> None:
    with pytest.raises(StemmaError, match="1998 takes grey images"):
        count("lenet5", COLOUR.to_dict())
    odd = DataSpec("made_up", "odd", "image", (1, 30, 30), DIGITS, mean=(0.5,), std=(0.2,))
    with pytest.raises(StemmaError, match="28x28 or 32x32, the data has 30x30"):
        count("lenet5", odd.to_dict(), form="modern")


def test_table_convolution_sees_only_its_table() -> None:
    layer = TableConvolution()
    x = torch.randn(2, 6, 14, 14)
    before = layer(x)
    x[:, 0] += 1
    changed = (layer(x) - before).abs().amax((0, 2, 3)) > 0
    assert changed.tolist() == [0 in sources for sources in C3_TABLE]


def test_subsampling_is_the_scaled_sum_of_four() -> None:
    layer, x = Subsampling(1), torch.arange(16.0).view(1, 1, 4, 4)
    sums = torch.tensor([[0 + 1 + 4 + 5, 2 + 3 + 6 + 7], [8 + 9 + 12 + 13, 10 + 11 + 14 + 15]])
    torch.testing.assert_close(layer(x)[0, 0], 0.25 * sums.float())


@pytest.mark.parametrize(("depth", "parameters"), [(20, 269_722), (56, 853_018), (110, 1_727_962)])
def test_resnet(depth: int, parameters: int) -> None:
    assert count("resnet", COLOUR.to_dict(), depth=depth) == parameters


def test_residual_block_with_zero_weights_is_its_shortcut() -> None:
    block, x = Block(4, 8, 2).eval(), torch.rand(1, 4, 6, 6)
    torch.nn.init.zeros_(block.conv2.weight)
    expected = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, 4))
    torch.testing.assert_close(block(x), expected)


def test_kim_cnn() -> None:
    assert count("kim_cnn", text(2, 100)) - 100 * 300 == 360_902


def test_simple_rnn_has_one_bias_a_layer() -> None:
    assert count("simple_rnn", text(46, 100)) == 6_400 + 4 * 8_256 + 2_990 == 42_414
    assert count("simple_rnn", text(46, 100), activation="sigmoid") == 42_414


def test_lstm_reading_rows() -> None:
    assert count("lstm", GREY.to_dict(), hidden=128) == 82_186
