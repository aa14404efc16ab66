"""The RBM against brute force over all its states."""

import itertools
from types import SimpleNamespace

import pytest
import torch

from made_up import GREY
from stemma import families
from stemma.families.dbn.rbm import RBM, ContrastiveDivergence
from stemma.nn.inputs import BagOfWords


def states(units: int) -> torch.Tensor:
    return torch.tensor(list(itertools.product([0.0, 1.0], repeat=units)))


@pytest.fixture
def rbm() -> RBM:
    torch.manual_seed(1)
    machine = RBM(4, 3)
    for parameter in machine.parameters():
        torch.nn.init.normal_(parameter)
    return machine


def joint_energy(rbm: RBM, v: torch.Tensor, h: torch.Tensor) -> torch.Tensor:
    return -(v @ rbm.weight @ h) - v @ rbm.visible_bias - h @ rbm.hidden_bias


def test_energy_and_free_energy(rbm: RBM) -> None:
    for v in states(4):
        energies = torch.stack([joint_energy(rbm, v, h) for h in states(3)])
        torch.testing.assert_close(rbm.energy(v.expand(8, 4), states(3)), energies)
        torch.testing.assert_close(rbm.free_energy(v[None])[0], -torch.logsumexp(-energies, 0))


def test_conditionals(rbm: RBM) -> None:
    for v in states(4):
        weights = torch.stack([torch.exp(-joint_energy(rbm, v, h)) for h in states(3)])
        torch.testing.assert_close(rbm.hidden_given_visible(v[None])[0], weights @ states(3) / weights.sum())
    for h in states(3):
        weights = torch.stack([torch.exp(-joint_energy(rbm, v, h)) for v in states(4)])
        torch.testing.assert_close(rbm.visible_given_hidden(h[None])[0], weights @ states(4) / weights.sum())


def test_gaussian_visible_mean_minimises_the_energy() -> None:
    machine = RBM(3, 2, gaussian=True)
    h = torch.tensor([[1.0, 0.0]])
    v = machine.visible_given_hidden(h).detach().requires_grad_()
    machine.energy(v, h).sum().backward()
    torch.testing.assert_close(v.grad, torch.zeros(1, 3), atol=1e-6, rtol=0)


@pytest.mark.parametrize("gaussian", [False, True])
@pytest.mark.parametrize("steps", [1, 3])
def test_gradients_are_those_of_the_free_energy_difference(gaussian: bool, steps: int) -> None:
    torch.manual_seed(0)
    machine, v = RBM(6, 5, gaussian), torch.rand(8, 6)
    torch.nn.init.normal_(machine.weight)
    torch.manual_seed(7)
    machine.contrastive_divergence(v, steps).backward()
    returned = [parameter.grad.clone() for parameter in machine.parameters()]
    torch.manual_seed(7)
    with torch.no_grad():
        h = machine.hidden_given_visible(v)
        for _ in range(steps):
            vk = machine.visible_given_hidden((torch.rand_like(h) < h).float())
            h = machine.hidden_given_visible(vk)
    machine.zero_grad()
    (machine.free_energy(v) - machine.free_energy(vk)).mean().backward()
    for gradient, parameter in zip(returned, machine.parameters(), strict=True):
        torch.testing.assert_close(gradient, parameter.grad, atol=4e-7, rtol=1e-5)


def test_contrastive_divergence_raises_the_exact_log_likelihood() -> None:
    torch.manual_seed(0)
    machine = RBM(6, 4)
    data = torch.tensor([[1.0, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]]).repeat(10, 1)

    def log_likelihood() -> float:
        with torch.no_grad():
            log_z = torch.logsumexp(-machine.free_energy(states(6)), 0)
            return float((-machine.free_energy(data) - log_z).mean())

    before, optimizer = log_likelihood(), torch.optim.SGD(machine.parameters(), lr=0.1)
    for _ in range(500):
        optimizer.zero_grad()
        machine.contrastive_divergence(data).backward()
        optimizer.step()
    assert before == pytest.approx(-4.159, abs=0.05) and log_likelihood() > -1.5


def test_the_loss_is_the_reconstruction_error(rbm: RBM) -> None:
    rbm.weight.data *= 0
    v = torch.rand(5, 4)
    expected = (v - torch.sigmoid(rbm.visible_bias)).square().sum(1).mean()
    value = ContrastiveDivergence.apply(v, rbm.weight, rbm.visible_bias, rbm.hidden_bias, rbm, 1)
    torch.testing.assert_close(value, expected)


def test_gibbs_reaches_the_stationary_distribution(rbm: RBM) -> None:
    torch.manual_seed(0)
    v = (rbm.gibbs(torch.rand(20_000, 4), 200) > torch.rand(20_000, 4)).float()
    weights = torch.exp(-rbm.free_energy(states(4)))
    expected = weights @ states(4) / weights.sum()
    torch.testing.assert_close(v.mean(0), expected, atol=0.015, rtol=0)


def test_bag_of_words_counts_presence_of_frequent_words() -> None:
    bag = BagOfWords(3)(torch.tensor([[2, 4, 2, 1, 0], [5, 9, 3, 0, 0]], dtype=torch.int32))
    assert bag.tolist() == [[1, 0, 1], [0, 1, 0]]


def test_pretraining_leaves_the_classifier_and_fine_tuning_the_visible_biases() -> None:
    model = families.build("dbn", GREY.to_dict(), {"hidden": (6, 4), "pretrain_epochs": 1})
    names = [phase.name for phase in model.phases()]
    assert names == ["rbm1", "rbm2", "sample", "fit"]
    model.begin(model.phases()[-1], SimpleNamespace(loss="auto", label_smoothing=0.0, delta=1.0, companion="none"))
    frozen = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    assert frozen == {"rbms.0.visible_bias", "rbms.1.visible_bias"}
