"""Recurrent layers against the recurrence written out, and pooling without padding."""

import pytest
import torch

from made_up import GREY, TEXT
from stemma import families
from stemma.families.rnn.simple_rnn import ElmanLayers, SigmoidLayers
from stemma.nn import pooling


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_elman_layer_is_the_recurrence(activation: str) -> None:
    layer, x = ElmanLayers(3, 5, 1, activation), torch.randn(2, 4, 3)
    state, states = torch.zeros(2, 5), []
    for step in x.unbind(1):
        state = getattr(torch, activation)(
            step @ layer.weight_ih_l0.T + state @ layer.weight_hh_l0.T + layer.bias_ih_l0
        )
        states.append(state)
    torch.testing.assert_close(layer(x)[0], torch.stack(states, 1))
    assert "bias_hh_l0" not in dict(layer.named_parameters())


def test_sigmoid_layers_are_the_recurrence() -> None:
    layer, x = SigmoidLayers(3, 5, 1), torch.randn(2, 4, 3)
    state = torch.zeros(2, 5)
    for step in x.unbind(1):
        state = torch.sigmoid(layer.inputs[0](step) + layer.recurrent[0](state))
    torch.testing.assert_close(layer(x)[0][:, -1], state)


def test_pooling_by_hand() -> None:
    states, lengths = torch.arange(12.0).view(2, 3, 2), torch.tensor([1, 3])
    torch.testing.assert_close(pooling.last(states, lengths), torch.tensor([[0.0, 1.0], [10.0, 11.0]]))
    torch.testing.assert_close(pooling.mean(states, lengths), torch.tensor([[0.0, 1.0], [8.0, 9.0]]))


@pytest.mark.parametrize("key", ["simple_rnn", "lstm", "kim_cnn"])
@pytest.mark.parametrize("padding", [0, 1, 7])
def test_result_is_independent_of_padding(key: str, padding: int) -> None:
    model = families.build(key, TEXT.to_dict(), {}).eval()
    ids, lengths = torch.randint(2, 60, (3, 9)), torch.tensor([2, 5, 9])
    ids[torch.arange(9) >= lengths[:, None]] = 0
    longer = torch.nn.functional.pad(ids, (0, padding))
    torch.testing.assert_close(model(longer, lengths), model(ids, lengths), atol=1e-6, rtol=0)


def test_an_image_is_read_row_by_row() -> None:
    model = families.build("lstm", GREY.to_dict(), {"hidden": 8})
    x = torch.randint(0, 256, (1, 1, 28, 28), dtype=torch.uint8)
    steps = model.steps(x)
    assert steps.shape == (1, 28, 28)
    torch.testing.assert_close(steps[0, 5], (x[0, 0, 5] / 255 - GREY.mean[0]) / GREY.std[0])
