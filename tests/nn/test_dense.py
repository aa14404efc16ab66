"""Activations, the dense layer, and what drops out of it."""

import math
from typing import get_args

import pytest
import torch
from torch import nn

from stemma.errors import StemmaError
from stemma.nn.activations import ACTIVATIONS, SLOPED, make_activation
from stemma.nn.dense import dense
from stemma.nn.drop import DROPS, DropConnect, Standout
from stemma.nn.maxout import Maxout
from stemma.nn.names import ActivationName, DropName

BY_HAND = {
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "tanh": lambda x: (1 - math.exp(-2 * x)) / (1 + math.exp(-2 * x)),
    "relu": lambda x: max(0.0, x),
    "leaky_relu": lambda x: x if x >= 0 else 0.01 * x,
    "prelu": lambda x: x if x >= 0 else 0.25 * x,
    "elu": lambda x: x if x >= 0 else math.exp(x) - 1,
    "selu": lambda x: 1.0507009873554805 * (x if x >= 0 else 1.6732632423543772 * (math.exp(x) - 1)),
}


@pytest.mark.parametrize("name", BY_HAND)
@pytest.mark.parametrize("x", [-3.0, -0.5, 0.0, 2.0])
def test_values(name: str, x: float) -> None:
    assert make_activation(name)(torch.tensor(x)).item() == pytest.approx(BY_HAND[name](x), rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_gradients(name: str) -> None:
    x = torch.tensor([[-2.0, -0.3, 0.4, 1.5]], dtype=torch.float64, requires_grad=True)
    torch.autograd.gradcheck(make_activation(name).double(), x)


def test_softmax_is_over_the_features() -> None:
    torch.testing.assert_close(make_activation("softmax")(torch.randn(3, 5, 7)).sum(-1), torch.ones(3, 5))


@pytest.mark.parametrize("name", SLOPED)
def test_alpha(name: str) -> None:
    expected = math.exp(-2) - 1 if name == "elu" else -2
    assert make_activation(name, 0.5)(torch.tensor(-2.0)).item() == pytest.approx(0.5 * expected)


def test_names_stand_once() -> None:
    assert set(get_args(ActivationName)) == {*ACTIVATIONS, "maxout"}
    assert set(get_args(DropName)) == {*DROPS, "dropconnect", "standout"}


def test_maxout_takes_the_largest_of_neighbours_along_any_dimension() -> None:
    x = torch.tensor([[1.0, 5, 2, -3, -1, -2]])
    assert Maxout(2)(x).tolist() == [[5, 2, -1]] and Maxout(3)(x).tolist() == [[5, -1]]
    torch.testing.assert_close(Maxout(2, dim=1)(x.T[None])[0], Maxout(2)(x).T)
    torch.autograd.gradcheck(Maxout(3), torch.randn(2, 6, dtype=torch.float64, requires_grad=True))


def test_two_maxout_pieces_make_the_absolute_value() -> None:
    layer = dense(1, 1, "maxout", pieces=2)
    with torch.no_grad():
        layer[0].weight.copy_(torch.tensor([[1.0], [-1.0]]))
        layer[0].bias.zero_()
    x = torch.linspace(-2, 2, 9)[:, None]
    torch.testing.assert_close(layer(x), x.abs())


@pytest.mark.parametrize("activation", get_args(ActivationName))
@pytest.mark.parametrize("drop", get_args(DropName))
@pytest.mark.parametrize("batch_norm", [False, True])
def test_every_layer_has_its_width_and_gradients(activation: str, drop: str, batch_norm: bool) -> None:
    torch.manual_seed(0)
    layer = dense(5, 4, activation, pieces=3, batch_norm=batch_norm, drop=drop, rate=0.3, initialisation="he_normal")
    out = layer(torch.randn(64, 5))
    assert out.shape == (64, 4) and out.isfinite().all()
    (out * torch.randn(64, 4)).sum().backward()
    for name, p in layer.named_parameters():
        assert p.grad is not None and (p.grad.any() or (batch_norm and name == "0.bias")), name
    layer.eval()
    x = torch.randn(3, 5)
    assert torch.equal(layer(x), layer(x))


def test_maxout_multiplies_the_parameters_of_its_layer() -> None:
    assert [sum(p.numel() for p in dense(784, 240, a, pieces=5).parameters()) for a in ("relu", "maxout")] == [
        188_400,
        942_000,
    ]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"activation": "maxout", "pieces": 1}, "pieces: 1; maxout takes at least 2"),
        ({"activation": "rleu"}, "activation: unknown name 'rleu' .did you mean 'relu'"),
        (
            {"activation": "relu", "alpha": 0.1},
            "alpha: 0.1, but activation 'relu' has none; those with alpha: elu, leaky_relu, prelu",
        ),
        ({"drop": "blackout"}, "drop: unknown name 'blackout'"),
        ({"rate": 1.0}, "rate of dropout: 1.0; allowed: 0 <= rate < 1"),
        ({"initialisation": "ones"}, "initialisation: unknown name 'ones'"),
    ],
)
def test_refusals(settings: dict[str, object], message: str) -> None:
    with pytest.raises(StemmaError, match=message):
        dense(3, 2, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("shared", [False, True])
def test_dropconnect_has_the_mean_weights_expectation_and_variance(shared: bool) -> None:
    """Of inputs x: mean Wx + b, variance rate / (1 - rate) * (W^2 x^2 + b^2)."""
    torch.manual_seed(0)
    layer, x = DropConnect(6, 3, rate=0.4, shared=shared), torch.randn(1, 6)
    with torch.no_grad():
        samples = torch.cat([layer(x) for _ in range(4000)]) if shared else layer(x.expand(40_000, -1))
        error = samples.std(0) / len(samples) ** 0.5
        assert ((samples.mean(0) - layer.eval()(x)[0]).abs() < 4 * error).all()
        variance = 0.4 / 0.6 * (layer.weight**2 @ x[0] ** 2 + layer.bias**2)
    torch.testing.assert_close(samples.var(0), variance, rtol=0.1, atol=0)


def test_dropconnect_masks_an_example_or_a_batch_at_a_time() -> None:
    torch.manual_seed(0)
    x = torch.ones(50, 20)
    for shared in (False, True):
        rows = DropConnect(20, 8, 0.5, shared)(x)
        assert (len(rows.unique(dim=0)) == 1) == shared


@pytest.mark.parametrize("shared", [False, True])
def test_dropped_connections_get_no_gradient(shared: bool) -> None:
    torch.manual_seed(0)
    layer = DropConnect(40, 30, rate=0.25, shared=shared)
    layer(torch.ones(1, 40)).sum().backward()
    assert layer.weight.grad is not None
    assert layer.weight.grad.unique().tolist() == pytest.approx([0.0, 1 / 0.75])
    assert (layer.weight.grad == 0).float().mean().item() == pytest.approx(0.25, abs=0.04)


def test_standout_keeps_a_unit_as_its_input_says() -> None:
    torch.manual_seed(0)
    z = torch.tensor([-2.0, 0.0, 1.0, 3.0])
    standout = Standout(nn.Identity(), rate=0.3, alpha=0.7)
    expected = torch.sigmoid(0.7 * z + math.log(0.7 / 0.3))
    torch.testing.assert_close(standout.stay(z), expected)
    assert expected[1].item() == pytest.approx(0.7)
    kept = (standout(torch.where(z == 0, 1e-6, z).expand(20_000, -1)) != 0).float().mean(0)
    torch.testing.assert_close(kept, expected, rtol=0, atol=0.02)


def test_standout_predicts_the_expected_value_and_is_dropout_at_alpha_0() -> None:
    torch.manual_seed(0)
    z, standout = torch.randn(5), Standout(nn.Tanh(), rate=0.4)
    mean = standout(z.expand(40_000, -1)).mean(0)
    torch.testing.assert_close(mean, standout.eval()(z), rtol=0, atol=0.02)
    torch.testing.assert_close(Standout(nn.Tanh(), 0.4, alpha=0.0).eval()(z), 0.6 * z.tanh())


def test_standouts_gradient_is_the_activations_where_units_stay() -> None:
    torch.manual_seed(0)
    z = torch.randn(200, dtype=torch.float64, requires_grad=True)
    out = Standout(nn.Tanh(), 0.5)(z)
    out.sum().backward()
    expected = torch.where(out != 0, 1 - z.tanh() ** 2, 0.0).detach()
    torch.testing.assert_close(z.grad, expected)


def test_batch_normalisation_stands_before_the_activation() -> None:
    torch.manual_seed(0)
    layer = dense(6, 5, "relu", batch_norm=True)
    before = layer[:2](3 + 7 * torch.randn(400, 6))
    torch.testing.assert_close(before.mean(0), torch.zeros(5), rtol=0, atol=1e-5)
    torch.testing.assert_close(before.var(0, correction=0), torch.ones(5), rtol=0, atol=1e-3)
    assert [type(part) for part in layer] == [nn.Linear, nn.BatchNorm1d, nn.ReLU]
