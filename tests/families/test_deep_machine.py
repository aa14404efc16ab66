"""The deep Boltzmann machine against sums over all its states."""

from itertools import pairwise

import pytest
import torch
from torch import Tensor

from families.machines import machine, states
from stemma.errors import StemmaError
from stemma.families.dbn.copied import make_copied
from stemma.families.dbn.deep_machine import DeepMachine


def deep(*sizes: int, units: str = "binary", seed: int = 1) -> DeepMachine:
    pairs = list(pairwise(sizes))
    below = [units, *["binary"] * (len(pairs) - 1)]
    made = [machine(u, False, v, h, seed + n) for n, (u, (v, h)) in enumerate(zip(below, pairs, strict=True))]
    return DeepMachine([rbm.requires_grad_(False) for rbm in made])


def every(deep: DeepMachine) -> list[Tensor]:
    """All joint states of binary units."""
    sizes = [len(deep.layers[0].visible_bias), *(len(rbm.hidden_bias) for rbm in deep.layers)]
    return list(states(sum(sizes)).split(sizes, dim=1))


def as_printed(deep: DeepMachine, found: list[Tensor]) -> Tensor:
    """The energy of one joint state as the paper prints it."""
    energy = -found[0] @ deep.layers[0].visible_bias
    for rbm, (below, above) in zip(deep.layers, pairwise(found), strict=True):
        energy = energy - above @ rbm.weight @ below - rbm.hidden_bias @ above
    return energy


def log_p(deep: DeepMachine) -> tuple[Tensor, Tensor]:
    """All visible states and their exact log-probabilities, by brute force."""
    joint = every(deep)
    energies = -torch.stack([as_printed(deep, list(one)) for one in zip(*joint, strict=True)])
    v = states(joint[0].shape[1])
    return v, (energies.view(len(v), -1).logsumexp(1) - energies.logsumexp(0)).detach()


@pytest.mark.parametrize("sizes", [(4, 3, 2), (3, 2, 3, 2)])
def test_energy_and_exact_log_z(sizes: tuple[int, ...]) -> None:
    made = deep(*sizes)
    joint = every(made)
    energies = torch.stack([as_printed(made, list(one)) for one in zip(*joint, strict=True)])
    torch.testing.assert_close(made.energy(joint), energies)
    assert made.exact_log_z() == pytest.approx(float((-energies).logsumexp(0).detach()))
    assert made.log_z(torch.full((sizes[0],), 0.5)).exact


def test_conditionals_are_those_of_the_joint_distribution() -> None:
    made = deep(3, 2, 2, 2)
    joint = every(made)
    weights = (-made.energy(joint)).exp()
    for level in (1, 2, 3):
        for unit in range(2):
            on, given = joint[level][:, unit] == 1, [layer.clone() for layer in joint]
            turned = [layer.clone() for layer in joint]
            turned[level][:, unit] = 0
            share = (-made.energy(turned)).exp()
            expected = weights[on] / (weights[on] + share[on])
            found = torch.sigmoid(made.hidden_activation(level, given))[on, unit]
            torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("sizes", [(4, 3, 2), (4, 3, 3, 2)])
def test_each_sweep_raises_the_bound_to_a_fixed_point_below_the_log_likelihood(sizes: tuple[int, ...]) -> None:
    made = deep(*sizes)
    v, exact = log_p(made)
    found, bounds = made.start(v), []
    for _ in range(200):
        bounds.append(made.bound(found) - made.exact_log_z())
        found = made.sweep(found)
    rises = torch.stack(bounds).diff(dim=0)
    assert (rises > -1e-12).all() and (rises[0] > 1e-6).all()
    again = made.sweep(found)
    for before, after in zip(found, again, strict=True):
        torch.testing.assert_close(before, after, rtol=0, atol=1e-9)
    assert (bounds[-1] < exact).all() and float((exact - bounds[-1]).mean()) < 1


def test_the_bound_is_tight_where_hidden_layers_do_not_meet() -> None:
    made = deep(4, 3, 2)
    made.layers[1].weight.data.zero_()
    v, exact = log_p(made)
    torch.testing.assert_close(made.bound(made.mean_field(v, 3)) - made.exact_log_z(), exact)


def test_gradient_of_the_energy_gap_is_that_of_the_exact_bound() -> None:
    """With fantasies drawn from the machine itself: all states, weighted by their probability."""
    made, data = deep(4, 3, 2), states(4)[[3, 5, 9, 12]]
    with torch.no_grad():
        found = made.mean_field(data, 300)
    for rbm in made.layers:
        rbm.requires_grad_(True)
    parameters = [p for rbm in made.layers for p in (rbm.weight, rbm.hidden_bias)] + [made.layers[0].visible_bias]
    joint = every(made)
    log_z = (-made.energy(joint)).logsumexp(0)
    wanted = torch.autograd.grad(log_z - made.bound(found).mean(), parameters)
    probability = (-made.energy(joint)).softmax(0).detach()
    gap = made.energy(found).mean() - (made.energy(joint) * probability).sum()
    for ours, theirs in zip(torch.autograd.grad(gap, parameters), wanted, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_chains_come_to_the_machine_s_own_distribution() -> None:
    torch.manual_seed(0)
    made = deep(3, 2, 2)
    with torch.no_grad():
        found = [torch.zeros(20_000, size, dtype=torch.float64) for size in (3, 2, 2)]
        found = made.gibbs(found, 60)
        joint = every(made)
        means = [((-made.energy(joint)).softmax(0)[:, None] * layer).sum(0) for layer in joint]
        for seen, smooth, mean in zip(found, made.expected(found), means, strict=True):
            torch.testing.assert_close(seen.mean(0), mean, rtol=0, atol=0.015)
            torch.testing.assert_close(smooth.mean(0), mean, rtol=0, atol=0.015)


CASES = [((12, 8, 10), "binary"), ((12, 6, 8, 5), "binary"), ((9, 7), "binary"), ((6, 8, 5), "gaussian")]


@pytest.mark.parametrize(("sizes", "units"), CASES)
@pytest.mark.parametrize("seed", [1, 20])
def test_annealing_covers_the_exact_log_z(sizes: tuple[int, ...], units: str, seed: int) -> None:
    made = deep(*sizes, units=units, seed=seed)
    for rbm in made.layers:
        rbm.weight.data *= 0.5
    torch.manual_seed(0)
    means = torch.rand(sizes[0], dtype=torch.float64)
    found, exact = made.annealed_log_z(means, 200, 300), made.exact_log_z()
    assert found.low <= exact <= found.high < found.low + 1 and not found.exact


def test_a_large_machine_cannot_be_enumerated() -> None:
    made = deep(4, 21, 2)
    with pytest.raises(StemmaError, match="21 units in odd hidden layers; allowed: 20"):
        made.exact_log_z()


@pytest.mark.parametrize("units", ["binary", "gaussian"])
@pytest.mark.parametrize(("visible_copies", "hidden_copies"), [(2, 1), (1, 2), (2, 2)])
def test_a_machine_with_copies_is_one_with_its_units_repeated(
    units: str, visible_copies: int, hidden_copies: int
) -> None:
    torch.manual_seed(0)
    rbm = make_copied(units, 3, 2, visible_copies, hidden_copies).double()
    plain = machine(units, visible=3 * visible_copies, hidden=2 * hidden_copies)
    for parameter in rbm.parameters():
        torch.nn.init.normal_(parameter)
    with torch.no_grad():
        plain.weight.copy_(rbm.weight.repeat(hidden_copies, visible_copies))
        plain.visible_bias.copy_(rbm.visible_bias.repeat(visible_copies))
        plain.hidden_bias.copy_(rbm.hidden_bias.repeat(hidden_copies))
    v, h = torch.randn(5, 3, dtype=torch.float64), torch.rand(5, 2, dtype=torch.float64).round()
    repeated = v.repeat(1, visible_copies)
    torch.testing.assert_close(rbm.free_energy(v), plain.free_energy(repeated))
    torch.testing.assert_close(rbm(v).repeat(1, hidden_copies), plain(repeated))
    down = plain.visible_given_hidden(h.repeat(1, hidden_copies))
    torch.testing.assert_close(rbm.visible_given_hidden(h).repeat(1, visible_copies), down)
    ours = rbm.energy_gradients((v[:2], rbm(v[:2])), (v[2:], rbm(v[2:])))
    difference = rbm.free_energy(v[:2]).mean() - rbm.free_energy(v[2:]).mean()
    theirs = torch.autograd.grad(difference, list(rbm.parameters()))
    for mine, wanted in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, wanted)
