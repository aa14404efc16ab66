"""RBMs of every kind against brute force over all states of tiny ones."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from families.machines import KINDS, joint_energy, machine, states, texts, visibles
from stemma.families.dbn.sampling import bernoulli, multinomial

close = torch.testing.assert_close


@pytest.mark.parametrize(("units", "learn"), KINDS)
def test_energy_and_free_energy(units: str, learn: bool) -> None:
    rbm = machine(units, learn)
    for v in visibles(rbm):
        energies = torch.stack([joint_energy(rbm, v, h) for h in states(3)])
        close(rbm.energy(v.expand(8, 4), states(3)), energies)
        close(rbm.free_energy(v[None])[0], -torch.logsumexp(-energies, 0))


@pytest.mark.parametrize(("units", "learn"), KINDS)
def test_hidden_given_visible(units: str, learn: bool) -> None:
    rbm = machine(units, learn)
    for v in visibles(rbm):
        weights = torch.stack([torch.exp(-joint_energy(rbm, v, h)) for h in states(3)])
        close(rbm.hidden_given_visible(v[None])[0], weights @ states(3) / weights.sum())


@pytest.mark.parametrize(("units", "total"), [("binary", 1), ("counts", 3)])
def test_visible_given_hidden_and_hidden_free_energy(units: str, total: int) -> None:
    rbm = machine(units)
    every = states(4) if units == "binary" else texts(4, total)
    for h in states(3):
        energies = torch.stack([joint_energy(rbm, v, h) for v in every])
        means = torch.softmax(-energies, 0) @ every
        close(rbm.visible_given_hidden(h[None], torch.tensor([[float(total)]]))[0], means)
        close(rbm.hidden_free_energy(h[None], total)[0], -torch.logsumexp(-energies, 0))


@pytest.mark.parametrize("learn", [False, True])
def test_gaussian_units_are_normal_given_the_hidden_ones(learn: bool) -> None:
    rbm = machine("gaussian", learn, visible=1)
    grid = torch.linspace(-60, 60, 200_001, dtype=torch.float64)[:, None]
    for h in states(3):
        energies = rbm.energy(grid, h.expand(len(grid), 3))
        step = float(grid[1] - grid[0])
        close(rbm.hidden_free_energy(h[None])[0], -(torch.logsumexp(-energies, 0) + math.log(step)))
        density = torch.softmax(-energies, 0)
        mean = density @ grid[:, 0]
        close(rbm.visible_given_hidden(h[None])[0, 0], mean)
        close(density @ (grid[:, 0] - mean) ** 2, rbm.variance[0])


@pytest.mark.parametrize(("units", "learn"), KINDS)
def test_energy_gradients_are_those_of_autograd(units: str, learn: bool) -> None:
    rbm = machine(units, learn)
    data, fantasies = (
        (visibles(rbm)[rows], torch.rand(10, 3, dtype=torch.float64)[rows]) for rows in (slice(0, 6), slice(6, 10))
    )
    (rbm.energy(*data).mean() - rbm.energy(*fantasies).mean()).backward()
    for found, parameter in zip(rbm.energy_gradients(data, fantasies), rbm.parameters(), strict=True):
        close(found, parameter.grad)


@pytest.mark.parametrize("units", ["binary", "gaussian"])
def test_gibbs_reaches_the_stationary_distribution(units: str) -> None:
    rbm = machine(units)
    rbm.weight.data *= 0.7
    v = rbm.gibbs(torch.rand(20_000, 4, dtype=torch.float64), 100)
    weights = torch.softmax(-rbm.hidden_free_energy(states(3)), 0)
    close(v.mean(0), weights @ rbm.visible_given_hidden(states(3)), atol=0.02, rtol=0)


@given(st.integers(1, 70), st.integers(0, 2**31))
@settings(max_examples=20, deadline=None)
def test_certain_units_are_certain(count: int, seed: int) -> None:
    torch.manual_seed(seed)
    sure = torch.randint(0, 2, (3, count)).float()
    assert torch.equal(bernoulli(sure), sure) and torch.equal(bernoulli(sure.bfloat16()), sure.bfloat16())


@pytest.mark.parametrize("p", [0.001, 0.25, 0.5, 0.9])
def test_bernoulli_has_its_probability(p: float) -> None:
    torch.manual_seed(0)
    n = 400_001
    drawn = bernoulli(torch.full((n,), p))
    assert abs(float(drawn.mean()) - p) < 4 * math.sqrt(p * (1 - p) / n)
    neighbours = (drawn[:-1] * drawn[1:]).mean()
    assert abs(float(neighbours) - p * p) < 5 * math.sqrt(p * p / n)


def test_multinomial_draws_each_rows_total_with_its_shares() -> None:
    torch.manual_seed(0)
    mean = torch.tensor([[1.0, 3.0, 0.0], [0.0, 0.0, 0.0], [5.0, 5.0, 10.0]])
    drawn = torch.stack([multinomial(mean) for _ in range(3000)])
    assert torch.equal(drawn.sum(2), torch.tensor([[4.0, 0, 20]]).expand(3000, 3))
    close(drawn.mean(0), mean, atol=0.15, rtol=0)
