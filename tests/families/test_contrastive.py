"""Contrastive divergence: its gradients, what it learns, and where persistent chains settle."""

import pytest
import torch

from families.machines import KINDS, machine, states, texts, visibles
from stemma.families.dbn.contrastive import PLAIN, Contrast, contrastive_loss, held_out_loss, statistics
from stemma.families.dbn.likelihood import exact_log_z
from stemma.families.dbn.machine import RBM, make_rbm

close = torch.testing.assert_close


@pytest.mark.parametrize(("units", "learn"), KINDS)
@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("sampled", [False, True])
def test_gradients_are_those_of_the_free_energy_difference(units: str, learn: bool, steps: int, sampled: bool) -> None:
    rbm, contrast = machine(units, learn), Contrast(steps, sampled)
    v = visibles(rbm)[:9]
    torch.manual_seed(7)
    (2 * contrastive_loss(rbm, v, contrast)).backward()
    returned = [parameter.grad.clone() for parameter in rbm.parameters()]
    torch.manual_seed(7)
    with torch.no_grad():
        fantasy = statistics(rbm, v, contrast).fantasy
    rbm.zero_grad()
    (2 * (rbm.free_energy(v) - rbm.free_energy(fantasy)).mean()).backward()
    for gradient, parameter in zip(returned, rbm.parameters(), strict=True):
        close(gradient, parameter.grad)


@pytest.mark.parametrize(("units", "learn"), KINDS[:3])
def test_persistent_loss_and_gradients(units: str, learn: bool) -> None:
    rbm = machine(units, learn)
    rbm.keep_chains(30)
    rbm.double()
    v, before = visibles(rbm), rbm.chains.clone()
    torch.manual_seed(7)
    loss = contrastive_loss(rbm, v, chains=rbm.chains)
    loss.backward()
    assert not torch.equal(rbm.chains, before) and set(rbm.chains.unique().tolist()) == {0, 1}
    returned, after = [parameter.grad.clone() for parameter in rbm.parameters()], rbm.chains.clone()
    rbm.chains.copy_(before)
    torch.manual_seed(7)
    with torch.no_grad():
        fantasy = statistics(rbm, v, chains=rbm.chains).fantasy
    rbm.zero_grad()
    difference = rbm.free_energy(v).mean() - rbm.free_energy(fantasy).mean()
    difference.backward()
    close(loss, difference)
    for gradient, parameter in zip(returned, rbm.parameters(), strict=True):
        close(gradient, parameter.grad)
    held_out_loss(rbm, v, chains=rbm.chains)
    assert torch.equal(rbm.chains, after), "data that nothing is learnt from leaves the chains"


def test_the_loss_is_the_reconstruction_error() -> None:
    rbm = machine("binary")
    rbm.weight.data *= 0
    v = torch.rand(5, 4, dtype=torch.float64)
    expected = (v - torch.sigmoid(rbm.visible_bias)).square().sum(1).mean()
    close(contrastive_loss(rbm, v), expected)
    close(held_out_loss(rbm, v), expected)


@pytest.mark.parametrize(("units", "learn"), KINDS)
def test_sparsity_is_the_gradient_of_a_cross_entropy_by_the_shared_activation(units: str, learn: bool) -> None:
    rbm = machine(units, learn)
    v = visibles(rbm)[:1].repeat(6, 1)
    plain, sparse = (_gradients(rbm, v, Contrast(sparsity_target=0.2, sparsity_weight=w)) for w in (0.0, 1.5))
    q = rbm.hidden_given_visible(v[:1])
    penalty = -1.5 * (0.2 * q.log() + 0.8 * (1 - q).log()).sum()
    expected = torch.autograd.grad(penalty, list(rbm.parameters()), allow_unused=True)
    for without, with_it, more in zip(plain, sparse, expected, strict=True):
        close(with_it - without, torch.zeros_like(without) if more is None else more)


def _gradients(rbm: RBM, v: torch.Tensor, contrast: Contrast) -> list[torch.Tensor]:
    rbm.zero_grad()
    torch.manual_seed(3)
    contrastive_loss(rbm, v, contrast).backward()
    return [parameter.grad.clone() for parameter in rbm.parameters()]


def test_sparsity_pulls_the_activity_to_its_target() -> None:
    torch.manual_seed(0)
    data = (torch.rand(200, 12) < 0.5).float()
    activity = {}
    for weight in (0.0, 3.0):
        rbm = make_rbm("binary", 12, 8)
        _learn(rbm, data, 300, Contrast(sparsity_target=0.1, sparsity_weight=weight))
        activity[weight] = float(rbm(data).mean().detach())
    assert activity[0.0] > 0.3 and activity[3.0] == pytest.approx(0.1, abs=0.03)


def _learn(rbm: RBM, data: torch.Tensor, steps: int, contrast: Contrast = PLAIN, persistent: bool = False) -> None:
    """Persistent chains need slower changes than they mix, and of a constant rate the machine swings on and on."""
    optimizer = torch.optim.SGD(rbm.parameters(), lr=0.05 if persistent else 0.1)
    for step in range(steps):
        if persistent:
            optimizer.param_groups[0]["lr"] = 0.05 * (1 - step / steps)
        optimizer.zero_grad()
        contrastive_loss(rbm, data, contrast, rbm.chains if persistent else None).backward()
        optimizer.step()


def _mean_log_likelihood(rbm: RBM, data: torch.Tensor, total: float = 1) -> float:
    with torch.no_grad():
        return float(-rbm.free_energy(data).mean()) - exact_log_z(rbm, total)


BARS = torch.tensor([[1.0, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]]).repeat(10, 1)


@pytest.mark.parametrize("persistent", [False, True])
def test_learning_raises_the_exact_log_likelihood(persistent: bool) -> None:
    torch.manual_seed(0)
    rbm = make_rbm("binary", 6, 4)
    rbm.keep_chains(50)
    before = _mean_log_likelihood(rbm, BARS)
    _learn(rbm, BARS, 1500 if persistent else 500, persistent=persistent)
    assert before == pytest.approx(-4.159, abs=0.05) and -1.5 < _mean_log_likelihood(rbm, BARS) < -0.693


@pytest.mark.parametrize(("learn", "persistent"), [(False, False), (True, False), (True, True)])
def test_gaussian_learning_raises_the_exact_log_likelihood(learn: bool, persistent: bool) -> None:
    torch.manual_seed(0)
    data = (2 * BARS - 1).repeat(5, 1) + 0.4 * torch.randn(100, 6)
    rbm = make_rbm("gaussian", 6, 3, learn)
    rbm.keep_chains(50)
    before = _mean_log_likelihood(rbm, data)
    _learn(rbm, data, 1500 if persistent else 800, Contrast(sampled=True), persistent)
    after = _mean_log_likelihood(rbm, data)
    assert after > before + (4 if learn else 2)
    if learn:
        assert float(rbm.get_parameter("log_variance").exp().mean().detach()) == pytest.approx(0.16, rel=0.5)


def test_count_learning_raises_the_exact_log_likelihood() -> None:
    torch.manual_seed(0)
    topics = torch.tensor([[0.45, 0.45, 0.05, 0.05], [0.05, 0.05, 0.45, 0.45]]).repeat(100, 1)
    data = torch.distributions.Multinomial(8, topics).sample()
    rbm = make_rbm("counts", 4, 2)
    before = _mean_log_likelihood(rbm, data, 8)
    _learn(rbm, data, 500, Contrast(sampled=True))
    assert before == pytest.approx(8 * -1.386, abs=0.1) and _mean_log_likelihood(rbm, data, 8) > before + 1.5
    with torch.no_grad():
        every = texts(4, 4).float()
        assert float(torch.logsumexp(-rbm.free_energy(every), 0)) == pytest.approx(exact_log_z(rbm, 4), abs=1e-4)


def test_persistent_chains_have_the_stationary_distribution() -> None:
    """Total variation between chains of a fixed machine and enumeration, within what 20,000 draws explain."""
    rbm = machine("binary", seed=5).float()
    rbm.weight.data *= 0.7
    rbm.keep_chains(20_000)
    v = torch.zeros(1, 4)
    with torch.no_grad():
        for _ in range(60):
            fantasy = statistics(rbm, v, chains=rbm.chains).fantasy
        for found, units, free_energy in (
            (fantasy, 4, rbm.free_energy),
            (rbm.chains, 3, rbm.hidden_free_energy),
        ):
            every = states(units).float()
            expected = torch.softmax(-free_energy(every), 0)
            codes = (found @ (2.0 ** torch.arange(units - 1, -1, -1))).long()
            observed = torch.bincount(codes, minlength=2**units) / len(found)
            assert 0.5 * float((observed - expected).abs().sum()) < 0.02
            chi_square = 20_000 * float(((observed - expected) ** 2 / expected).sum())
            assert chi_square < 2**units + 4 * (2 * 2**units) ** 0.5


def test_lower_precision_products_keep_parameters_and_nearly_the_gradients() -> None:
    torch.manual_seed(0)
    rbm = make_rbm("binary", 60, 40)
    torch.nn.init.normal_(rbm.weight, std=0.1)
    v = (torch.rand(100, 60) < 0.3).float()
    exact = _gradients(rbm, v, Contrast(steps=2))
    with torch.autocast("cpu", torch.bfloat16):
        torch.manual_seed(3)
        rbm.zero_grad()
        loss = contrastive_loss(rbm, v, Contrast(steps=2))
    loss.backward()
    for parameter, other in zip(rbm.parameters(), exact, strict=True):
        assert parameter.grad.dtype == parameter.dtype == torch.float32
        assert torch.corrcoef(torch.stack([parameter.grad.flatten(), other.flatten()]))[0, 1] > 0.95


def test_a_lower_copy_made_in_inference_mode_serves_outside_it() -> None:
    rbm = make_rbm("binary", 6, 4)
    with torch.inference_mode():
        rbm.lowered(torch.bfloat16)
    rbm.weight.data += 1
    close(rbm.lowered(torch.bfloat16).weight, rbm.weight.detach().bfloat16())
