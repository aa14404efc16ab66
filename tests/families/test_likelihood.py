"""log Z by enumeration and by annealing, and the pseudo-likelihood, also against scikit-learn."""

import numpy as np
import pytest
import torch
from sklearn.neural_network import BernoulliRBM

from families.machines import joint_energy, machine, states, texts
from stemma.errors import StemmaError
from stemma.families.dbn.contrastive import contrastive_loss
from stemma.families.dbn.likelihood import annealed_log_z, exact_log_z, log_z, pseudo_likelihood
from stemma.families.dbn.machine import RBM, make_rbm


@pytest.mark.parametrize(("visible", "hidden"), [(4, 3), (3, 5)])
def test_exact_log_z_of_binary_units_is_the_sum_over_all_joint_states(visible: int, hidden: int) -> None:
    rbm = machine("binary", visible=visible, hidden=hidden)
    energies = torch.stack([joint_energy(rbm, v, h).detach() for v in states(visible) for h in states(hidden)])
    assert exact_log_z(rbm) == pytest.approx(float(torch.logsumexp(-energies, 0)))


def test_exact_log_z_of_counts_is_the_sum_over_all_texts() -> None:
    rbm = machine("counts")
    assert exact_log_z(rbm, 4) == pytest.approx(float(torch.logsumexp(-rbm.free_energy(texts(4, 4)).detach(), 0)))


@pytest.mark.parametrize("learn", [False, True])
def test_exact_log_z_of_gaussian_units_is_the_integral(learn: bool) -> None:
    rbm = machine("gaussian", learn, visible=2)
    line = torch.linspace(-40, 40, 1601, dtype=torch.float64)
    grid = torch.cartesian_prod(line, line)
    total = torch.logsumexp(-rbm.free_energy(grid).detach(), 0) + 2 * torch.log(line[1] - line[0])
    assert exact_log_z(rbm) == pytest.approx(float(total), abs=1e-6)


def test_both_sides_and_blocks_give_one_log_z() -> None:
    rbm = machine("binary", visible=16, hidden=15)
    by_hidden = exact_log_z(rbm)
    by_visible = float(torch.logsumexp(-rbm.free_energy(states(16)).detach(), 0))
    assert by_hidden == pytest.approx(by_visible, rel=1e-12)


CASES = (
    [("binary", 1, s) for s in range(4)] + [("gaussian", 1, s) for s in range(4)] + [("counts", 7, s) for s in (0, 1)]
)


@pytest.mark.parametrize(("units", "total", "seed"), CASES)
def test_annealing_covers_the_exact_log_z(units: str, total: int, seed: int) -> None:
    rbm = machine(units, units == "gaussian" and seed % 2 == 1, visible=25, hidden=10, seed=seed).float()
    rbm.weight.data *= 0.5
    if hasattr(rbm, "log_variance"):
        rbm.log_variance.data *= 0.2
    means = torch.rand(25)
    found, exact = annealed_log_z(rbm, means, 100, 400, total), exact_log_z(rbm, total)
    assert found.low <= exact <= found.high and not found.exact
    assert found.low < found.value < found.high < found.low + 2


def test_the_interval_narrows_with_chains_and_temperatures() -> None:
    rbm = machine("binary", visible=25, hidden=10).float()
    widths = []
    for chains, temperatures in ((50, 20), (50, 500), (800, 500)):
        torch.manual_seed(0)
        found = annealed_log_z(rbm, torch.full((25,), 0.5), chains, temperatures)
        widths.append(found.high - found.low)
    assert widths[0] > 1.5 * widths[1] > 3 * widths[2]


def test_a_machine_without_weights_is_annealed_without_error() -> None:
    rbm = make_rbm("binary", 30, 25)
    rbm.weight.data.zero_()
    rbm.visible_bias.data = torch.linspace(-2, 2, 30)
    found = log_z(rbm, torch.sigmoid(rbm.visible_bias.data), 10, 3)
    expected = 25 * np.log(2) + np.log1p(np.exp(np.linspace(-2, 2, 30))).sum()
    assert found.value == pytest.approx(expected, abs=1e-4) and found.high - found.low < 1e-4
    with pytest.raises(StemmaError, match="30 visible and 25 hidden units; allowed: 20 of a side"):
        exact_log_z(rbm)


def test_log_z_is_exact_where_it_can_be() -> None:
    rbm = machine("binary", visible=30, hidden=6)
    found = log_z(rbm, torch.full((30,), 0.5, dtype=torch.float64))
    assert found.exact and found.value == found.low == found.high == exact_log_z(rbm)


@pytest.fixture(scope="module")
def twins() -> tuple[RBM, BernoulliRBM]:
    """One machine, ours and scikit-learn's."""
    rbm = machine("binary", visible=7, hidden=5)
    theirs = BernoulliRBM(5, random_state=np.random.RandomState(0))
    theirs.components_ = rbm.weight.detach().numpy()
    theirs.intercept_visible_, theirs.intercept_hidden_ = (
        bias.detach().numpy() for bias in (rbm.visible_bias, rbm.hidden_bias)
    )
    return rbm, theirs


@torch.no_grad()
def test_same_weights_same_answers_as_scikit_learn(twins: tuple[RBM, BernoulliRBM]) -> None:
    rbm, theirs = twins
    v = states(7)
    np.testing.assert_allclose(rbm.free_energy(v), theirs._free_energy(v.numpy()))
    np.testing.assert_allclose(rbm.hidden_given_visible(v), theirs.transform(v.numpy()))
    scores = [theirs.score_samples(v.numpy()) for _ in range(400)]
    ours = [pseudo_likelihood(rbm, v).numpy() for _ in range(400)]
    error = 5 * np.std(scores, 0) / 20
    np.testing.assert_array_less(np.abs(np.mean(scores, 0) - np.mean(ours, 0)), error * 2**0.5 + 1e-9)


@torch.no_grad()
def test_pseudo_likelihood_is_the_sum_of_conditionals_in_the_mean(twins: tuple[RBM, BernoulliRBM]) -> None:
    rbm, _ = twins
    v = states(7)[77:78]
    exact = 0.0
    for unit in range(7):
        flipped = v.clone()
        flipped[0, unit] = 1 - flipped[0, unit]
        exact += float(torch.log_softmax(torch.cat([-rbm.free_energy(v), -rbm.free_energy(flipped)]), 0)[0])
    torch.manual_seed(0)
    drawn = pseudo_likelihood(rbm, v.expand(20_000, -1))
    assert float(drawn.mean()) == pytest.approx(exact, abs=5 * float(drawn.std()) / 20_000**0.5)


def test_learning_reaches_scikit_learns_likelihood() -> None:
    """The same data in the same batches, rates and epochs, both by persistent chains. The rate falls to nothing in
    the end, since at a constant one the chains' last steps decide: the mean likelihoods of four seeds meet, of which
    one deviates by 0.08.
    """
    torch.manual_seed(0)
    prototypes = (torch.rand(4, 12) < 0.5).float().repeat(50, 1)
    data = torch.where(torch.rand(200, 12) < 0.05, 1 - prototypes, prototypes)
    ours, theirs = (
        np.mean([likelihoods(learn(data, seed), data) for seed in range(4)], axis=0)
        for learn in (persistently, as_scikit_learn)
    )
    assert ours[0] == pytest.approx(theirs[0], abs=0.3) and ours[0] > -12 * np.log(2) + 2
    assert ours[1] == pytest.approx(theirs[1], abs=0.2)


RATES = [*np.full(80, 0.1), *np.linspace(0.1, 0, 40)]
"""Of each epoch."""


def as_scikit_learn(data: torch.Tensor, seed: int) -> RBM:
    theirs = BernoulliRBM(6, batch_size=20, random_state=np.random.RandomState(seed))
    for rate in RATES:
        for batch in data.split(20):
            theirs.set_params(learning_rate=rate).partial_fit(batch.numpy())
    rbm = make_rbm("binary", 12, 6)
    learnt = (theirs.components_, theirs.intercept_visible_, theirs.intercept_hidden_)
    for parameter, value in zip(rbm.parameters(), learnt, strict=True):
        parameter.data = torch.tensor(value).float()
    return rbm


def persistently(data: torch.Tensor, seed: int) -> RBM:
    torch.manual_seed(seed)
    rbm = make_rbm("binary", 12, 6)
    rbm.keep_chains(20)
    optimizer = torch.optim.SGD(rbm.parameters(), lr=0.1)
    for rate in RATES:
        optimizer.param_groups[0]["lr"] = rate
        for batch in data.split(20):
            optimizer.zero_grad()
            contrastive_loss(rbm, batch, chains=rbm.chains).backward()
            optimizer.step()
    return rbm


@torch.no_grad()
def likelihoods(rbm: RBM, data: torch.Tensor) -> tuple[float, float]:
    """Mean log-likelihood, exact, and pseudo-likelihood."""
    exact = float(-rbm.free_energy(data).mean()) - exact_log_z(rbm)
    return exact, float(pseudo_likelihood(rbm, data.repeat(50, 1)).mean())
