"""Penalties and averages of weights."""

from typing import get_args

import pytest
import torch
from torch import nn

from stemma.errors import StemmaError
from stemma.nn.averaging import WeightAverage
from stemma.nn.names import AverageName
from stemma.nn.penalties import penalty


def test_penalty_and_gradient_by_hand() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor([[1.0, -2.0], [0.5, 0.0]]))
    value = penalty(net, l1=0.1, l2=0.4)
    value.backward()
    assert value.item() == pytest.approx(0.1 * 3.5 + 0.2 * 5.25)
    expected = 0.1 * torch.tensor([[1.0, -1], [1, 0]]) + 0.4 * net[0].weight.detach()
    torch.testing.assert_close(net[0].weight.grad, expected)
    assert net[0].bias.grad is None and net[1].weight.grad is None
    assert penalty(net[1], 1.0, 1.0).item() == 0


def test_l2_penalty_is_sgds_weight_decay() -> None:
    torch.manual_seed(0)
    nets = [nn.Linear(4, 3, bias=False) for _ in range(2)]
    nets[1].load_state_dict(nets[0].state_dict())
    x = torch.randn(5, 4)
    for net, decay, l2 in ((nets[0], 0.3, 0.0), (nets[1], 0.0, 0.3)):
        optimizer = torch.optim.SGD(net.parameters(), 0.1, weight_decay=decay)
        for _ in range(3):
            optimizer.zero_grad()
            (net(x).square().mean() + penalty(net, l2=l2)).backward()
            optimizer.step()
    torch.testing.assert_close(nets[0].weight, nets[1].weight)


def test_l1_silences_inputs_that_say_nothing() -> None:
    """Ten inputs of which one matters: L1 brings the others near 0, L2 at the same loss does not."""
    torch.manual_seed(0)
    x = torch.randn(40, 10)
    y, left = x[:, :1] + 0.3 * torch.randn(40, 1), {}
    for name, settings in (("l1", {"l1": 0.2}), ("l2", {"l2": 0.2})):
        net = nn.Linear(10, 1)
        optimizer = torch.optim.SGD(net.parameters(), 0.05)
        for _ in range(300):
            optimizer.zero_grad()
            ((net(x) - y).square().mean() + penalty(net, **settings)).backward()
            optimizer.step()
        left[name] = net.weight[0, 1:].abs().mean().item()
    assert left["l1"] < 0.3 * left["l2"]


def walk(average: WeightAverage, weight: nn.Parameter, values: list[float]) -> float:
    for value in values:
        with torch.no_grad():
            weight.fill_(value)
        average.update()
    with average.applied():
        inside = weight.item()
    assert weight.item() == values[-1]
    return inside


def test_averages_by_hand() -> None:
    for kind, expected in (("swa", (2 + 4 + 9) / 3), ("ema", 0.9 * (0.9 * 2 + 0.1 * 4) + 0.1 * 9)):
        net = nn.Linear(1, 1)
        assert walk(WeightAverage(net, kind, decay=0.9), net.weight, [2.0, 4.0, 9.0]) == pytest.approx(expected)


def test_buffers_are_averaged_and_integers_left_alone() -> None:
    net = nn.BatchNorm1d(1)
    average = WeightAverage(net, "swa")
    for value in (1.0, 3.0):
        net.running_mean.fill_(value)
        net.num_batches_tracked.fill_(int(value))
        average.update()
    with average.applied():
        assert net.running_mean.item() == 2 and net.num_batches_tracked.item() == 3


def test_the_average_of_a_noisy_descent_is_nearer_to_the_minimum() -> None:
    torch.manual_seed(0)
    weight = nn.Linear(20, 1, bias=False)
    average = WeightAverage(weight, "ema", 0.98)
    for _ in range(400):
        with torch.no_grad():
            weight.weight -= 0.3 * (weight.weight + torch.randn(1, 20))
        average.update()
    last = weight.weight.norm().item()
    with average.applied():
        assert weight.weight.norm().item() < 0.5 * last


def test_what_fails_inside_leaves_the_weights_in_place() -> None:
    net = nn.Linear(1, 1)
    average = WeightAverage(net)
    with pytest.raises(RuntimeError, match="inside"), average.applied():
        raise RuntimeError("inside")
    assert net.weight.item() == average.average[0].item()


def test_names() -> None:
    assert set(get_args(AverageName)) == {"none", "ema", "swa"}
    with pytest.raises(StemmaError, match=r"weight_average: unknown name 'sma'.*known: ema, swa"):
        WeightAverage(nn.Linear(1, 1), "sma")
