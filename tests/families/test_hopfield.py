"""The Hopfield net: storage by hand, energy, cycles, capacity, recall, cuts against brute force."""

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from made_up import GREY, TABLE, examples
from stemma import families
from stemma.data.store import Split
from stemma.errors import StemmaError
from stemma.families.dbn.bits import Bits
from stemma.families.dbn.hopfield import Hopfield, Synapses, hebb, max_cut, projection, stable_share


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def signs(*shape: int, seed: int = 0) -> torch.Tensor:
    return 2.0 * torch.randint(2, shape, generator=seeded(seed)) - 1


def memory(weight: torch.Tensor) -> Synapses:
    synapses = Synapses(len(weight))
    with torch.no_grad():
        synapses.weight.copy_(weight)
    return synapses.requires_grad_(False)


def random_weights(units: int, seed: int) -> torch.Tensor:
    weight = torch.randn(units, units, generator=seeded(seed))
    return (weight + weight.T) * (1 - torch.eye(units))


def test_hebb_by_hand() -> None:
    found = hebb(torch.tensor([[1.0, -1, 1], [1, 1, 1]]))
    torch.testing.assert_close(found, torch.tensor([[0.0, 0, 2], [0, 0, 0], [2, 0, 0]]) / 3)


@pytest.mark.parametrize("rule", [hebb, projection])
def test_weights_are_symmetric_without_diagonal(rule) -> None:
    weight = rule(signs(5, 30))
    assert torch.equal(weight, weight.T) and (weight.diagonal() == 0).all()


def test_projection_keeps_patterns_that_look_alike_and_hebb_does_not() -> None:
    alike = signs(1, 60).repeat(6, 1)
    alike[torch.arange(6), torch.arange(6)] *= -1
    for rule, rest in ((projection, True), (hebb, False)):
        assert torch.equal(memory(rule(alike)).settled(alike, "asynchronous", 20), alike) is rest
    weight = projection(alike.double())
    whole = weight + torch.diag((torch.linalg.pinv(alike.double()) @ alike.double()).diagonal())
    torch.testing.assert_close(alike.double() @ whole, alike.double())


@settings(max_examples=25, deadline=None)
@given(units=st.integers(2, 12), seed=st.integers(0, 10**6))
def test_asynchronous_energy_never_rises(units: int, seed: int) -> None:
    synapses, states = memory(random_weights(units, seed)), signs(4, units, seed=seed)
    energy = synapses.energy(states)
    for unit in range(units):
        states = synapses.asynchronous(states, torch.tensor([unit]))
        assert (synapses.energy(states) <= energy + 1e-5).all()
        energy = synapses.energy(states)
    rest = synapses.settled(states, "asynchronous", 1000)
    assert torch.equal(synapses.synchronous(rest), rest)


def test_energy_by_hand() -> None:
    weight = random_weights(4, 0)
    state = torch.tensor([[1.0, -1, -1, 1]])
    pairs = sum(weight[i, j] * state[0, i] * state[0, j] for i in range(4) for j in range(i))
    torch.testing.assert_close(memory(weight).energy(state)[0], -pairs)


def test_synchronous_updates_can_cycle_where_asynchronous_ones_rest() -> None:
    synapses, start = memory(torch.tensor([[0.0, 1], [1, 0]])), torch.tensor([[1.0, -1]])
    once = synapses.synchronous(start)
    assert torch.equal(once, -start) and torch.equal(synapses.synchronous(once), start)
    rest = synapses.settled(start, "asynchronous", 10)
    assert torch.equal(synapses.synchronous(rest), rest)


@settings(max_examples=25, deadline=None)
@given(units=st.integers(2, 10), seed=st.integers(0, 10**6))
def test_synchronous_updates_end_with_period_1_or_2(units: int, seed: int) -> None:
    synapses, states = memory(random_weights(units, seed)), signs(1, units, seed=seed)
    for _ in range(2**units):
        states = synapses.synchronous(states)
    assert torch.equal(synapses.synchronous(synapses.synchronous(states)), states)


def test_capacity_of_hebb() -> None:
    shares = {load: stable_share(300, int(load * 300), "hebb", seeded(0)) for load in (0.05, 0.1, 0.2, 0.3)}
    assert shares[0.05] > 0.999 and shares[0.1] > 0.99 and shares[0.2] < 0.9 and shares[0.3] < shares[0.2]
    assert stable_share(300, 90, "projection", seeded(0)) == 1


def test_recall_below_capacity() -> None:
    stored = signs(20, 400)
    cues = torch.where(torch.rand(stored.shape, generator=seeded(1)) < 0.15, -stored, stored)
    assert torch.equal(memory(hebb(stored)).settled(cues, "asynchronous", 20), stored)


@pytest.mark.parametrize("seed", range(6))
def test_cut_is_the_largest(seed: int) -> None:
    graph = torch.rand(9, 9, generator=seeded(seed)) * (torch.rand(9, 9, generator=seeded(seed + 99)) < 0.5)
    graph = graph.triu(1) + graph.triu(1).T
    sides, value = max_cut(graph, seeded(0))
    every = torch.tensor(list(product([-1.0, 1.0], repeat=9)))
    cuts = (graph * (1 - every[:, :, None] * every[:, None, :])).sum((1, 2)) / 4
    between = graph[sides > 0][:, sides < 0].sum()
    assert value == pytest.approx(float(cuts.max()), rel=1e-5) == pytest.approx(float(between), rel=1e-5)


def test_bits() -> None:
    x = torch.zeros(1, 1, 4, 4, dtype=torch.uint8)
    x[0, 0, :2, :2] = 200
    x[0, 0, 3, 3] = 255
    spec = {**GREY.to_dict(), "shape": [1, 4, 4]}
    described = type(GREY).from_dict(spec)
    assert Bits(described)(x).sum() == 5 and Bits(described, side=2)(x).tolist() == [[1, 0, 0, 0]]
    assert Bits(described, side=2, threshold=0.2)(x).tolist() == [[1, 0, 0, 1]]
    assert Bits(TABLE)(torch.tensor([[0.3, -0.2, 0.0, 1.0]])).tolist() == [[1, 0, 0, 1]]


def stored(**parameters) -> tuple[Hopfield, Split]:
    spec, split = {**GREY.to_dict(), "task": "recall"}, examples(GREY, 200)
    model = families.build("hopfield", spec, {"patterns": 10, "threshold": 0.12, **parameters})
    model.solve(split)
    return model, split


def test_what_it_is_asked_for_is_the_nearest_stored_pattern() -> None:
    model, split = stored()
    x = torch.from_numpy(split.x)
    bits, targets = 2 * model.encode(x) - 1, model.targets(x)
    common = (bits[:, None] == model.patterns[None]).float().mean(2)
    torch.testing.assert_close((bits == targets).float().mean(1), common.max(1).values)
    corrupted = model.corrupt(x, seeded(0))
    assert (corrupted != targets).float().mean() == pytest.approx(0.1, abs=0.01)
    assert torch.equal(model.recall(targets), targets)
    assert (model.recall(corrupted) == targets).float().mean() > 0.99
    assert len(np.unique(model.patterns.numpy(), axis=0)) == 10
    assert model.pictures()["recall"].shape == (8, 28, 3 * 28 + 2 * 2, 1)


def test_refuses_more_patterns_than_there_are() -> None:
    with pytest.raises(StemmaError, match=r"patterns: 500, but train has \d+ distinct ones; allowed: 1 to"):
        stored(patterns=500)
