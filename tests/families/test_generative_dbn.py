"""The deep belief network as a model of the data: label units, the bound, wake-sleep, samples of a class."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from families.machines import states
from made_up import GREY
from stemma.errors import StemmaError
from stemma.families.dbn.generative_dbn import GenerativeDBN
from stemma.families.dbn.labelled import LabelledRBM
from stemma.families.dbn.likelihood import annealed_log_z, exact_log_z
from stemma.families.dbn.machine import RBM
from stemma.training.datamodule import Batch


def labelled(features: int = 4, labels: int = 3, hidden: int = 5) -> LabelledRBM:
    torch.manual_seed(0)
    rbm = LabelledRBM(features, labels, hidden).double()
    for parameter in rbm.parameters():
        torch.nn.init.normal_(parameter)
    return rbm.requires_grad_(False)


def every(rbm: LabelledRBM) -> Tensor:
    """All visible states, labels fastest."""
    features = states(rbm.in_features).repeat_interleave(rbm.labels, 0)
    return rbm.beside(features, torch.arange(rbm.labels).repeat(1 << rbm.in_features))


def test_labels_are_as_likely_as_free_energies_say() -> None:
    rbm = labelled()
    wanted = (-rbm.free_energy(every(rbm))).view(-1, 3).softmax(1)
    torch.testing.assert_close(rbm(states(4)).softmax(1), wanted)


def test_log_z_of_label_units_counts_states_with_one_label() -> None:
    rbm = labelled()
    total = float((-rbm.free_energy(every(rbm))).logsumexp(0))
    assert exact_log_z(rbm) == pytest.approx(total)
    found = annealed_log_z(rbm, torch.tensor([0.3, 0.5, 0.6, 0.2, 0.5, 0.3, 0.2], dtype=torch.float64), 200, 300)
    assert found.low <= total <= found.high < found.low + 1


def test_label_units_are_sampled_one_at_a_time_and_as_often_as_they_should() -> None:
    rbm = labelled()
    mean = rbm.visible_given_hidden(torch.ones(30_000, 5, dtype=torch.float64))
    v = rbm.sample_visible(mean)
    features, labels = rbm.parts(v)
    assert (labels.sum(1) == 1).all() and set(features.unique().tolist()) == {0.0, 1.0}
    torch.testing.assert_close(v.mean(0), mean[0], rtol=0, atol=0.015)


TINY = replace(GREY, shape=(1, 2, 3), task="density")


def tiny(hidden: tuple[int, ...] = (5, 3), spread: float = 0.7, **parameters) -> GenerativeDBN:
    """A network on 2x3 pictures whose generative weights are not its recognition weights."""
    torch.manual_seed(0)
    model = GenerativeDBN(TINY.to_dict(), hidden, **parameters).double()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=spread)
    return model.requires_grad_(False)


def pictures() -> Tensor:
    return (states(6).reshape(-1, 1, 2, 3) * 255).to(torch.uint8)


def exact(model: GenerativeDBN) -> Tensor:
    """log p of all 2x3 pictures by enumeration of all hidden layers."""
    below = states(len(model.head.visible_bias))
    prior = -model.head.free_energy(below) - exact_log_z(model.head)
    for level in reversed(range(len(model.down))):
        above, below = below, states(model.down[level].shape[0])
        v, h = below.repeat_interleave(len(above), 0), above.repeat(len(below), 1)
        prior = (model.given(level, h, v).view(len(below), -1) + prior).logsumexp(1)
    return prior


def exact_bound(model: GenerativeDBN, v: Tensor) -> Tensor:
    """Of one hidden layer below the top pair, its expectation over all hidden states."""
    h, rbm = states(model.down[0].shape[1]), model.stack[0]
    rows = []
    for one in v:
        q = rbm(one[None])
        log_q = (torch.xlogy(h, q) + torch.xlogy(1 - h, 1 - q)).sum(1)
        told = model.given(0, h, one.expand(len(h), -1)) - model.head.free_energy(h) - exact_log_z(model.head)
        rows.append((log_q.exp() * (told - log_q)).sum())
    return torch.stack(rows)


@pytest.mark.parametrize("hidden", [(5, 3), (3, 4, 2)])
def test_the_bound_lies_below_the_exact_log_likelihood(hidden: tuple[int, ...]) -> None:
    model = tiny(hidden, bound_samples=2000)
    model.prepare_density(SimpleNamespace(x=pictures().numpy()))
    truth, found = exact(model), model.log_likelihood(pictures())
    assert float(truth.exp().sum()) == pytest.approx(1)
    assert float(model.log_z) == pytest.approx(exact_log_z(model.head)) and bool(model.log_z_exact)
    assert float((truth - found).mean()) > 0.05 and (truth - found).min() > -0.02
    if len(hidden) == 2:
        torch.testing.assert_close(found, exact_bound(model, states(6)), rtol=0, atol=0.15)
    torch.testing.assert_close(model.log_likelihood(pictures()[5:7]), found[5:7])


def test_a_layer_that_starts_from_the_transposed_weights_keeps_the_bound() -> None:
    """The top pair, with the lower weights transposed, is the same machine: then the bound is the exact value, and
    learning above can only raise it (Hinton, Osindero, Teh 2006, section 4).
    """
    model = tiny((5, 6))
    rbm, top = model.stack[0], model.head
    model.down[0].copy_(rbm.weight.T)
    top.weight.copy_(rbm.weight.T)
    top.visible_bias.copy_(rbm.hidden_bias)
    top.hidden_bias.copy_(rbm.visible_bias)
    alone = -rbm.free_energy(states(6)) - exact_log_z(rbm)
    torch.testing.assert_close(exact(model), alone)
    torch.testing.assert_close(exact_bound(model, states(6)), alone)
    data, h = states(6)[:8], states(5)
    bounds = [exact_bound(model, data).mean()]
    q = rbm(data).unsqueeze(1)
    weights = (torch.xlogy(h, q) + torch.xlogy(1 - h, 1 - q)).sum(2).exp().mean(0)
    for _ in range(20):
        _climb(top, h, weights)
        bounds.append(exact_bound(model, data).mean())
    assert (torch.stack(bounds).diff() > 0).all() and bounds[-1] > bounds[0] + 0.05
    assert exact(model)[:8].mean() >= bounds[-1]


def _climb(rbm: RBM, v: Tensor, weights: Tensor, rate: float = 0.3) -> None:
    """A step up the exact log-likelihood of all visible states v, so weighted."""
    rbm.requires_grad_(True)
    likelihood = -(weights * rbm.free_energy(v)).sum() - (-rbm.free_energy(v)).logsumexp(0)
    slopes = torch.autograd.grad(likelihood, list(rbm.parameters()))
    rbm.requires_grad_(False)
    for parameter, slope in zip(rbm.parameters(), slopes, strict=True):
        parameter += rate * slope


@pytest.mark.parametrize("visible", ["binary", "gaussian"])
def test_given_is_the_directed_layers_log_probability(visible: str) -> None:
    model = tiny(visible=visible)
    h, v = states(5)[:6], torch.rand(6, 6, dtype=torch.float64)
    activation = F.linear(h, model.down[0], model.stack[0].visible_bias)
    by_unit = (
        -F.binary_cross_entropy_with_logits(activation, v, reduction="none")
        if visible == "binary"
        else torch.distributions.Normal(activation, 1.0).log_prob(v)
    )
    torch.testing.assert_close(model.given(0, h, v), by_unit.sum(1))


def test_wake_sleep_follows_the_delta_rules() -> None:
    """Gradients are those of the paper's appendix B, by hand."""
    model = tiny((4, 3, 5)).requires_grad_(True)
    model.training = True
    x = pictures()[10:30]
    torch.manual_seed(3)
    awake, below, dreamt, asleep = model._wake_and_sleep(model.encode(x), torch.zeros(20))
    torch.manual_seed(3)
    model.objective(Batch(x, torch.zeros(20)))["loss"].backward()
    for level, rbm in enumerate(model.stack):
        predicted = torch.sigmoid(F.linear(awake[level + 1], model.down[level], rbm.visible_bias))
        torch.testing.assert_close(model.down[level].grad, -(awake[level] - predicted).T @ awake[level + 1] / 20)
        recognised = torch.sigmoid(asleep[level] @ rbm.weight.T + rbm.hidden_bias)
        torch.testing.assert_close(rbm.weight.grad, -(asleep[level + 1] - recognised).T @ asleep[level] / 20)
    top = model.head
    wanted = (top(dreamt).T @ dreamt - top(below).T @ below) / 20
    torch.testing.assert_close(top.weight.grad, wanted)


def test_untying_starts_from_the_weights_that_the_layers_learnt() -> None:
    model = tiny()
    assert not torch.equal(model.down[0], model.stack[0].weight.T)
    model._untie(None)
    assert torch.equal(model.down[0], model.stack[0].weight.T)
    model.stack[0].weight.data += 1
    assert not torch.equal(model.down[0], model.stack[0].weight.T)


def test_draws_follow_the_model_s_own_distribution() -> None:
    model = tiny(spread=1.0)
    torch.manual_seed(1)
    drawn = model.draw(None, 20_000, 100)
    expected = (exact(model).exp()[:, None] * states(6)).sum(0)
    torch.testing.assert_close(drawn.mean(0), expected, rtol=0, atol=0.015)


def test_draws_of_a_class_follow_the_distribution_given_the_class() -> None:
    spec = replace(TINY, task="classify", classes=("a", "b", "c"))
    torch.manual_seed(0)
    model = GenerativeDBN(spec.to_dict(), (4, 3)).double().requires_grad_(False)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter)
    for label in range(3):
        top = model.head.beside(states(4), torch.full((16,), label))
        shares = (-model.head.free_energy(top)).softmax(0)
        means = torch.sigmoid(F.linear(states(4), model.down[0], model.stack[0].visible_bias))
        drawn = model.draw(torch.full((20_000,), label), 20_000, 60)
        torch.testing.assert_close(drawn.mean(0), (shares[:, None] * means).sum(0), rtol=0, atol=0.015)


def test_pictures_hold_a_row_a_class_and_leave_randomness_alone() -> None:
    model = GenerativeDBN(GREY.to_dict(), (8, 6))
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    shown, again = model.pictures(), model.pictures()
    assert torch.equal(torch.rand(3), expected)
    assert shown["samples"].shape == (100, 28, 28, 1) and np.array_equal(shown["samples"], again["samples"])


def test_refuses_a_single_layer_and_a_learned_variance() -> None:
    with pytest.raises(StemmaError, match=r"hidden: \[5\]; a deep belief network has at least 2 hidden layers"):
        GenerativeDBN(GREY.to_dict(), (5,))
    with pytest.raises(StemmaError, match="learn_variance: true; allowed with generative_dbn: false"):
        GenerativeDBN(GREY.to_dict(), (5, 4), visible="gaussian", learn_variance=True)


def test_phases_of_both_tasks() -> None:
    names = [phase.name for phase in GenerativeDBN(GREY.to_dict(), (6, 5, 4)).phases()]
    assert names == ["rbm1", "rbm2", "top", "untie", "fit"]
    model = GenerativeDBN(replace(GREY, task="density").to_dict(), (6, 5, 4), up_down_epochs=3)
    assert [(phase.name, phase.epochs) for phase in model.phases()][-3:] == [
        ("untie", None),
        ("up_down", 3),
        ("log_z", None),
    ]
