"""Probes of networks against sums by hand, and closed forms against drawn nets."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from made_up import examples
from stemma import families
from stemma.data.store import load_spec, load_split
from stemma.studies.meanfield import SCALES, moments, variances
from stemma.studies.probes import signals


def net(prepared: Path, **parameters: Any) -> Any:
    torch.manual_seed(0)
    return families.build("mlp", load_spec(prepared).to_dict(), parameters)


def test_signals_are_those_of_the_chain_rule(prepared: dict[str, Path]) -> None:
    """One hidden tanh layer on a table: every gradient written out."""
    split = load_split(prepared["table"], "train")
    model = net(prepared["table"], hidden=(5,), activation="tanh").double()
    found = signals(model, split)
    x, weights = split.x.astype(np.float64), [p.detach().numpy() for p in model.parameters()]
    z1 = x @ weights[0].T + weights[1]
    z2 = np.tanh(z1) @ weights[2].T + weights[3]
    softmax = np.exp(z2) / np.exp(z2).sum(1, keepdims=True)
    d2 = softmax - np.eye(3)[split.y]
    d1 = d2 @ weights[2] * (1 - np.tanh(z1) ** 2)
    assert found.forward == pytest.approx([(z1**2).mean(), (z2**2).mean()])
    assert found.backward == pytest.approx([(d1**2).mean(), (d2**2).mean()])
    assert found.untaught == pytest.approx([0, 0])


@pytest.mark.parametrize(("activation", "untaught"), [("relu", 0.25), ("leaky_relu", 0.0), ("elu", 0.0)])
def test_a_unit_that_is_off_for_all_gets_no_gradient_with_relu_alone(
    prepared: dict[str, Path], activation: str, untaught: float
) -> None:
    model = net(prepared["table"], hidden=(8,), activation=activation)
    with torch.no_grad():
        model.layers[0][0].bias[:2] = -30.0
        model.layers[0][0].bias[2:] = 30.0
    found = signals(model, load_split(prepared["table"], "train"))
    assert (found.off[0], found.untaught[0]) == (0.25, untaught)


def test_a_dead_layer_takes_those_before_it_along(prepared: dict[str, Path]) -> None:
    model = net(prepared["table"], hidden=(6, 6))
    with torch.no_grad():
        model.layers[1][0].bias.fill_(-100.0)
    found = signals(model, load_split(prepared["table"], "train"))
    assert found.untaught[:2].tolist() == [1, 1] and found.off[0] < 1


@pytest.mark.parametrize("q", [1e-4, 1.0, 30.0])
@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "relu"])
def test_moments_are_gaussian_integrals(activation: str, q: float) -> None:
    z = np.linspace(-12, 12, 200_001)
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    module = {"tanh": nn.Tanh(), "sigmoid": nn.Sigmoid(), "relu": nn.ReLU()}[activation]
    points = torch.tensor(np.sqrt(q) * z, requires_grad=True)
    values = module(points)
    slopes = torch.autograd.grad(values.sum(), points)[0].numpy()
    expected = [np.trapezoid(of**2 * density, z) for of in (values.detach().numpy(), slopes)]
    assert [float(each[0]) for each in moments(activation, np.array([q]))] == pytest.approx(expected, rel=2e-3)


def test_relu_halves_what_the_weights_do_not_double() -> None:
    ahead, back = variances("relu", "glorot_normal", np.ones(3), inputs=64, width=64, depth=20)
    assert ahead == pytest.approx(0.5 ** np.arange(20)) and back == pytest.approx(0.5 ** np.arange(19, -1, -1))
    for factors in variances("relu", "he_normal", np.ones(3), inputs=784, width=128, depth=20):
        assert factors == pytest.approx(np.ones(20))


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("weights", sorted(SCALES))
def test_closed_forms_are_what_wide_nets_do(activation: str, weights: str, prepared: dict[str, Path]) -> None:
    """Six layers of 400 units: the same first weights as the product's own nets draw."""
    spec, split = load_spec(prepared["grey"]), examples(load_spec(prepared["grey"]), 30)
    parameters = {"hidden": (400,) * 6, "activation": activation, "initialisation": weights}
    drawn = []
    for seed in range(3):
        torch.manual_seed(seed)
        model = families.build("mlp", spec.to_dict(), parameters)
        drawn.append(signals(model, split))
    squares = model.encode(torch.from_numpy(split.x)).square().mean(1).numpy()
    ahead, back = variances(activation, weights, squares, 784, 400, 6)
    forward, backward = (
        np.mean([getattr(each, way)[:-1] for each in drawn], axis=0) for way in ("forward", "backward")
    )
    assert np.log(forward / forward[0]) == pytest.approx(np.log(ahead), abs=0.5)
    assert np.log(backward / backward[-1]) == pytest.approx(np.log(back), abs=0.5)
