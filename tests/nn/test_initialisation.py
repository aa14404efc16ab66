"""First weights: their moments, and what twenty layers make of a signal."""

from typing import get_args

import pytest
import torch
from torch import nn

from stemma.errors import StemmaError
from stemma.nn.initialisation import INITIALISATIONS, initialise
from stemma.nn.names import InitialisationName

WIDTH, DEPTH = 256, 20


def twenty_layers(name: str, activation: nn.Module, scale: float = 1.0, gain: float = 1.0) -> tuple[float, float]:
    """Mean square of the last layer's output by that of the input, and of the input's gradient by the output's."""
    torch.manual_seed(0)
    net = nn.Sequential(*[part for _ in range(DEPTH) for part in (nn.Linear(WIDTH, WIDTH), activation)])
    initialise(net, name, gain)
    x = (scale * torch.randn(256, WIDTH)).double().requires_grad_()
    out = net.double()(x)
    sent = torch.randn_like(out)
    (back,) = torch.autograd.grad((out * sent).sum(), x)
    return (out.square().mean() / x.square().mean()).item(), back.square().mean().item()


@pytest.mark.parametrize("name", ["glorot_normal", "glorot_uniform", "orthogonal", "lecun_normal"])
def test_tanh_near_0_keeps_variance_both_ways(name: str) -> None:
    forward, backward = twenty_layers(name, nn.Tanh(), scale=0.01)
    assert 0.5 < forward < 2 and 0.5 < backward < 2


@pytest.mark.parametrize("name", ["he_normal", "he_uniform"])
def test_relu_keeps_the_mean_square_with_he(name: str) -> None:
    forward, backward = twenty_layers(name, nn.ReLU())
    assert 0.4 < forward < 2.5 and 0.4 < backward < 2.5


def test_relu_halves_the_mean_square_a_layer_with_glorot() -> None:
    forward, _ = twenty_layers("glorot_normal", nn.ReLU())
    assert 0.3 * 2**-20 < forward < 3 * 2**-20


@pytest.mark.parametrize("name", ["normal", "uniform"])
def test_small_weights_let_a_signal_vanish(name: str) -> None:
    """Standard deviation 0.01: a factor 256 * 1e-4 = 0.0256 a layer, 1.4e-32 over twenty."""
    forward, backward = twenty_layers(name, nn.Tanh())
    assert 1e-33 < forward < 1e-31 and 1e-33 < backward < 1e-31


def test_large_weights_saturate_tanh() -> None:
    forward, _ = twenty_layers("glorot_normal", nn.Tanh(), gain=10.0)
    assert forward > 0.85


def test_glorot_does_not_save_the_sigmoid() -> None:
    """Its slope is 1/4 at most, 1/16 of the gradient's mean square a layer, whatever texts say of "sigmoid or tanh"."""
    _, backward = twenty_layers("glorot_normal", nn.Sigmoid())
    assert backward < 16**-20


def test_selu_normalises_itself_with_lecun() -> None:
    forward, _ = twenty_layers("lecun_normal", nn.SELU())
    assert 0.8 < forward < 1.25


@pytest.mark.parametrize(
    ("name", "variance"),
    [
        ("normal", 1e-4),
        ("uniform", 1e-4),
        ("glorot_normal", 2 / 500),
        ("glorot_uniform", 2 / 500),
        ("he_normal", 2 / 300),
        ("he_uniform", 2 / 300),
        ("lecun_normal", 1 / 300),
    ],
)
def test_variances(name: str, variance: float) -> None:
    torch.manual_seed(0)
    layer = nn.Linear(300, 200)
    initialise(layer, name)
    assert layer.weight.var().item() == pytest.approx(variance, rel=0.03)
    assert not layer.bias.any()


def test_convolutions_count_their_receptive_field() -> None:
    torch.manual_seed(0)
    layer = nn.Conv2d(16, 64, 5)
    initialise(layer, "he_normal")
    assert layer.weight.var().item() == pytest.approx(2 / 400, rel=0.05)


@pytest.mark.parametrize("make", [nn.RNN, nn.LSTM, nn.GRU])
def test_recurrent_matrices_gate_by_gate(make: type[nn.RNNBase]) -> None:
    layer = make(5, 8, num_layers=2)
    initialise(layer, "orthogonal", gain=2.0)
    for block in layer.weight_hh_l1.split(8):
        torch.testing.assert_close(block @ block.T, 4 * torch.eye(8))
    initialise(layer, "identity", gain=0.9)
    for block in layer.weight_hh_l0.split(8):
        assert torch.equal(block, 0.9 * torch.eye(8))
    assert not layer.bias_hh_l0.any() and not torch.equal(layer.weight_ih_l1[:8], 0.9 * torch.eye(8))


def test_an_irnn_keeps_its_state() -> None:
    """Identity, relu and no input: what is in the state stays (Le, Jaitly, Hinton 2015)."""
    layer = nn.RNN(3, 6, nonlinearity="relu", batch_first=True)
    initialise(layer, "identity")
    state = torch.rand(1, 2, 6)
    _, last = layer(torch.zeros(2, 100, 3), state)
    torch.testing.assert_close(last, state)


def test_default_touches_nothing() -> None:
    layer = nn.Linear(3, 2)
    before = layer.weight.clone()
    initialise(layer, "default")
    assert torch.equal(layer.weight, before)


def test_names_and_refusals() -> None:
    assert set(get_args(InitialisationName)) == {"default", *INITIALISATIONS}
    with pytest.raises(StemmaError, match=r"unknown name 'glorot'.*known: default, glorot_normal"):
        initialise(nn.Linear(2, 2), "glorot")
    with pytest.raises(StemmaError, match="identity is of recurrent matrices, and the model has none"):
        initialise(nn.Linear(2, 2), "identity")
