"""The Boltzmann machine against enumeration of all its states."""

import numpy as np
import pytest
import torch

from made_up import GREY, TABLE, examples
from stemma import families
from stemma.config import Experiment
from stemma.data.store import Split
from stemma.families.dbn.annealing import CoupledUnits, all_states, cooling
from stemma.families.dbn.boltzmann import Boltzmann
from stemma.spec import DataSpec
from stemma.training.datamodule import Batch
from stemma.training.loop import SeedRun


def units(count: int, seed: int = 0, spread: float = 1.0) -> CoupledUnits:
    torch.manual_seed(seed)
    machine = CoupledUnits(count)
    for parameter in machine.parameters():
        torch.nn.init.normal_(parameter, std=spread)
    return machine.requires_grad_(False)


def machine(bits: int, **parameters) -> Boltzmann:
    torch.manual_seed(0)
    spec = DataSpec("made_up", "table", "table", (bits,), (), "recall")
    return families.build("boltzmann", spec.to_dict(), parameters)


def test_energy_weights_and_states() -> None:
    net, states = units(4), all_states(4)
    assert len({tuple(state) for state in states.tolist()}) == 16
    weight = net.weight
    assert torch.equal(weight, weight.T) and (weight.diagonal() == 0).all()
    torch.testing.assert_close(weight[0, 1:], net.couplings[:3])
    for state, energy in zip(states, net.energy(states), strict=True):
        pairs = sum(weight[i, j] * state[i] * state[j] for i in range(4) for j in range(i))
        torch.testing.assert_close(energy, -pairs - net.bias @ state)


def test_fields_are_log_odds() -> None:
    net, states = units(4), all_states(4)
    for unit in range(4):
        on, off = states.clone(), states.clone()
        on[:, unit], off[:, unit] = 1, 0
        torch.testing.assert_close(net(states)[:, unit], net.energy(off) - net.energy(on))


def test_log_z_and_free_energy() -> None:
    net = units(6)
    torch.testing.assert_close(net.log_z(), torch.exp(-net.energy(all_states(6))).sum().log())
    visible = all_states(4)
    for row, free in zip(visible, net.free_energy(visible), strict=True):
        joint = torch.cat([row.expand(4, 4), all_states(2)], 1)
        torch.testing.assert_close(free, -torch.exp(-net.energy(joint)).sum().log())
    torch.testing.assert_close(torch.logsumexp(-net.free_energy(visible), 0), net.log_z())


def test_gibbs_sampling_has_the_stationary_distribution_and_clamps() -> None:
    net, free = units(4), torch.tensor([1, 2, 3])
    start = torch.ones(20_000, 4)
    states = net.gibbs(start, free, torch.ones(30), torch.rand(30, 3, len(start)))
    assert (states[:, 0] == 1).all()
    clamped = torch.cat([torch.ones(8, 1), all_states(3)], 1)
    expected = torch.softmax(-net.energy(clamped), 0) @ clamped
    torch.testing.assert_close(states.mean(0), expected, atol=0.015, rtol=0)


def test_cooling_falls_from_first_to_last() -> None:
    torch.testing.assert_close(cooling(4.0, 1.0, 3), torch.tensor([4.0, 2.0, 1.0]))


@pytest.mark.parametrize("seed", range(5))
def test_annealing_finds_the_state_of_least_energy(seed: int) -> None:
    net = units(12, seed, spread=2.0)
    least = float(net.energy(all_states(12)).min())
    starts = all_states(12)[:: 4096 // 40]
    found = net.energy(net.search(starts, torch.arange(12), 30, torch.Generator().manual_seed(0)))
    assert float(found.min()) == pytest.approx(least, abs=1e-4)
    quenched = net.energy(net.gibbs(starts, torch.arange(12), torch.zeros(30), torch.zeros(30, 12, 1)))
    assert found.mean() <= quenched.mean(), "slow cooling ends lower than none"


def test_exact_gradient_is_data_less_model_statistics() -> None:
    model = machine(3, hidden=2)
    v = torch.tensor([[1.0, 0, 1], [1, 1, 0]])
    model.objective(Batch(2 * v - 1, torch.zeros(2)))["loss"].backward()
    joint = all_states(5)
    own = torch.softmax(-model.units.energy(joint), 0).detach()
    data = torch.zeros(32)
    for row in v:
        match = (joint[:, :3] == row).all(1)
        data += torch.where(match, own, 0) / own[match].sum() / 2
    pairs = torch.triu_indices(5, 5, 1)
    statistics = [(p[:, None] * joint).T @ joint for p in (data, own)]
    torch.testing.assert_close(model.units.couplings.grad, -(statistics[0] - statistics[1])[*pairs])
    torch.testing.assert_close(model.units.bias.grad, -(data - own) @ joint)


PARITY = torch.tensor([float(sum(bits) % 2) for bits in all_states(3).tolist()]) / 4
"""Odd parity: no machine without hidden units can learn it, since no pair of its bits depends on each other."""
ALL_OR_NONE = torch.tensor([0.5, 0, 0, 0, 0, 0, 0, 0.5])


def divergence(model: Boltzmann, target: torch.Tensor) -> float:
    with torch.no_grad():
        log = -model.units.free_energy(all_states(3)) - model.units.log_z()
    return float((target * (target.clamp(min=1e-12).log() - log)).sum())


def learn(model: Boltzmann, target: torch.Tensor, steps: int, copies: int = 1) -> None:
    data = all_states(3)[target > 0].repeat(copies, 1)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(steps):
        optimizer.zero_grad()
        model.objective(Batch(2 * data - 1, torch.zeros(len(data))))["loss"].backward()
        optimizer.step()


def test_learning_lowers_the_divergence_from_the_target() -> None:
    model = machine(3, hidden=3)
    assert divergence(model, PARITY) > 0.65
    learn(model, PARITY, 400)
    assert divergence(model, PARITY) < 0.05


def test_without_hidden_units_parity_cannot_be_learnt() -> None:
    model = machine(3, hidden=0)
    learn(model, PARITY, 300)
    assert divergence(model, PARITY) == pytest.approx(float(np.log(2)), abs=0.01)


def test_learning_from_samples_lowers_the_divergence_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stemma.families.dbn.boltzmann.EXACT", 0)
    model = machine(3, hidden=2, learn_sweeps=10)
    assert divergence(model, ALL_OR_NONE) > 1.2
    learn(model, ALL_OR_NONE, 100, copies=60)
    assert divergence(model, ALL_OR_NONE) < 0.25


def test_estimated_gradient_is_near_the_exact_one(monkeypatch: pytest.MonkeyPatch) -> None:
    model = machine(4, hidden=2, learn_sweeps=20)
    torch.nn.init.normal_(model.units.couplings)
    v = all_states(4)[[3, 5, 9, 14]].repeat(3000, 1)
    gradients = []
    for most in (14, 0):
        monkeypatch.setattr("stemma.families.dbn.boltzmann.EXACT", most)
        model.zero_grad()
        model.objective(Batch(2 * v - 1, torch.zeros(len(v))))["loss"].backward()
        gradients.append(model.units.couplings.grad.clone())
    torch.testing.assert_close(gradients[1], gradients[0], atol=0.03, rtol=0)


def test_recall_keeps_the_known_half_and_completes_the_rest() -> None:
    model = machine(6, hidden=0)
    with torch.no_grad():
        model.units.bias.fill_(-3.0)
        model.units.couplings.zero_()
        for pair, (a, b) in enumerate(torch.triu_indices(6, 6, 1).T.tolist()):
            model.units.couplings[pair] = 6.0 if b == a + 3 else 0.0
    x = 2 * torch.cat([all_states(3), all_states(3)], 1) - 1
    corrupted = model.corrupt(x, torch.Generator().manual_seed(0))
    assert torch.equal(corrupted[:, :3], model.targets(x)[:, :3]) and not torch.equal(corrupted, model.targets(x))
    assert torch.equal(model.recall(corrupted), model.targets(x))


def test_pictures_of_images() -> None:
    spec = {**GREY.to_dict(), "task": "recall"}
    model = families.build("boltzmann", spec, {"side": 4, "hidden": 1, "threshold": 0.1})
    model.phases()[0].solve(examples(GREY, 50))
    pictures = model.pictures()
    assert pictures["completed"].shape == (16, 28, 3 * 28 + 4, 1) and pictures["samples"].shape == (32, 28, 28, 1)
    whole, half = pictures["completed"][:, :, :28], pictures["completed"][:, :, 30:58]
    np.testing.assert_array_equal(whole[:, :14], half[:, :14])
    assert (half[:, 14:] == 127).all() and not machine(len(TABLE.features)).pictures()


def test_the_chosen_epoch_keeps_its_losses() -> None:
    """Their unit is nats; the share of right bits is taken once, at the end, and stands beside them."""
    spec = DataSpec("made_up", "table", "table", (4,), (), "recall")
    split = Split(np.random.default_rng(0).integers(0, 2, (40, 4)).astype(np.float32), np.zeros(40))
    settings = Experiment(
        dataset="slot", family="dbn", architecture="boltzmann", task="recall", accelerator="cpu", seeds=(0,), epochs=3
    )
    rows: list[dict] = []
    _, best = SeedRun("x", settings, 0, spec.to_dict()).fit(split, split, 3, rows)
    assert best["val_loss"] == min(row["val_loss"] for row in rows) > 0
    assert 0 < best["val_bits_right"] <= 1
