"""Losses by hand, against torch's, scipy's and finite differences."""

from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy
from torch import Tensor

from stemma.errors import StemmaError
from stemma.nn.companions import CentreLoss, ContrastiveLoss
from stemma.nn.losses import LOSSES, LOSSES_OF, REGRESSION, goals, js, kl, make_loss
from stemma.nn.names import ClassifyLoss, RegressLoss

P = torch.tensor([[0.2, 0.8], [0.5, 0.5]], dtype=torch.float64)
LABELS = torch.tensor([1, 0])
VALUES, TARGETS = torch.tensor([1.0, 2.0, -3.0]), torch.tensor([1.5, 0.0, 1.0])  # errors 0.5, 2, 4

BY_HAND = {
    "cross_entropy": -(np.log(0.8) + np.log(0.5)) / 2,
    "mse": (0.04 + 0.04 + 0.25 + 0.25) / 4,
    "l1": (0.4 + 1.0) / 2,
    "l2": (np.sqrt(0.08) + np.sqrt(0.5)) / 2,
    "smooth_l1": (0.04 + 0.04 + 0.25 + 0.25) / 8,
    "huber": (0.04 + 0.04 + 0.25 + 0.25) / 8,
    "kl": -(np.log(0.8) + np.log(0.5)) / 2,
    "js": (jensenshannon([0.2, 0.8], [0, 1]) ** 2 + jensenshannon([0.5, 0.5], [1, 0]) ** 2) / 2,
}
BY_HAND_OF_VALUES = {
    "mse": (0.25 + 4 + 16) / 3,
    "l1": 6.5 / 3,
    "l2": np.sqrt((0.25 + 4 + 16) / 3),
    "smooth_l1": (0.125 + 1.5 + 3.5) / 3,
    "huber": (0.125 + 1.5 + 3.5) / 3,
}


@pytest.mark.parametrize("name", LOSSES)
def test_of_classes_by_hand(name: str) -> None:
    assert LOSSES[name](P.log(), LABELS).item() == pytest.approx(BY_HAND[name])


@pytest.mark.parametrize("name", REGRESSION)
def test_of_values_by_hand(name: str) -> None:
    assert REGRESSION[name](VALUES, TARGETS).item() == pytest.approx(BY_HAND_OF_VALUES[name])


def test_names_stand_once() -> None:
    assert set(get_args(ClassifyLoss)) == set(LOSSES) and set(get_args(RegressLoss)) == set(REGRESSION)


def test_huber_bends_at_delta() -> None:
    loss = make_loss("regress", "huber", delta=3.0)
    assert loss(VALUES, TARGETS).item() == pytest.approx((0.125 + 2 + 3 * 4 - 4.5) / 3)
    sharp = make_loss("classify", "huber", delta=0.1)
    assert sharp(P.log(), LABELS).item() == pytest.approx(((0.2 + 0.2 + 0.5 + 0.5) * 0.1 - 4 * 0.005) / 4)


@pytest.mark.parametrize("name", LOSSES)
def test_weights_are_repetitions(name: str) -> None:
    """An example of weight 3 counts as three."""
    once = LOSSES[name](P.log(), LABELS, torch.tensor([1.0, 3.0], dtype=torch.float64))
    thrice = LOSSES[name](P[[0, 0, 0, 1]].log(), LABELS[[0, 0, 0, 1]])
    assert once.item() == pytest.approx(thrice.item())


@pytest.mark.parametrize("name", LOSSES)
def test_labels_may_be_probabilities(name: str) -> None:
    logits, weight = torch.randn(5, 3, dtype=torch.float64), torch.tensor([1.0, 2.0, 0.5], dtype=torch.float64)
    labels = torch.tensor([0, 1, 2, 1, 0])
    shares = torch.nn.functional.one_hot(labels, 3).double()
    torch.testing.assert_close(LOSSES[name](logits, labels), LOSSES[name](logits, shares))
    if name != "cross_entropy":  # torch's divides weighted probabilities by B
        torch.testing.assert_close(LOSSES[name](logits, labels, weight), LOSSES[name](logits, shares, weight))


@pytest.mark.parametrize("name", LOSSES)
def test_smoothing_spreads_a_share_of_the_targets(name: str) -> None:
    logits, labels = torch.randn(4, 5, dtype=torch.float64), torch.tensor([0, 4, 2, 2])
    shares = goals(logits, labels, 0.1)
    assert shares[0].tolist() == pytest.approx([0.92, 0.02, 0.02, 0.02, 0.02])
    smooth = make_loss("classify", name, smoothing=0.1)
    torch.testing.assert_close(smooth(logits, labels), LOSSES[name](logits, shares))


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_of_classes(name: str) -> None:
    torch.manual_seed(0)
    logits = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    torch.autograd.gradcheck(lambda x: LOSSES[name](x, torch.tensor([0, 2, 1, 1]), smoothing=0.1), logits)


@pytest.mark.parametrize("name", REGRESSION)
def test_gradients_of_values(name: str) -> None:
    values = VALUES.double().requires_grad_()
    torch.autograd.gradcheck(lambda x: REGRESSION[name](x, TARGETS.double()), values)


probabilities = st.lists(st.floats(0.01, 1), min_size=3, max_size=3).map(lambda v: np.array(v) / sum(v))


@settings(max_examples=40, deadline=None)
@given(probabilities, probabilities)
def test_divergences_are_scipys(p: np.ndarray, t: np.ndarray) -> None:
    logits, targets = torch.tensor(p).log()[None], torch.tensor(t)[None]
    assert kl(logits, targets).item() == pytest.approx(entropy(t, p), abs=1e-12)
    middle = (p + t) / 2  # scipy's jensenshannon is the root of this, and no number where rounding makes it negative
    assert js(logits, targets).item() == pytest.approx((entropy(t, middle) + entropy(p, middle)) / 2, abs=1e-12)
    assert js(logits, targets).item() == pytest.approx(js(targets.log(), torch.tensor(p)[None]).item(), abs=1e-12)
    assert kl(logits, torch.tensor(p)[None]).item() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("name", LOSSES)
def test_far_logits_give_finite_values_and_gradients(name: str) -> None:
    """Certain and wrong, certain and right: float32 probabilities of exactly 0 and 1."""
    logits = torch.tensor([[200.0, -200.0], [200.0, -200.0]], requires_grad=True)
    loss = LOSSES[name](logits, torch.tensor([1, 0]))
    loss.backward()
    assert loss.isfinite() and logits.grad is not None and logits.grad.isfinite().all()
    if name == "js":
        assert loss.item() == pytest.approx(np.log(2) / 2)


def test_l2_is_no_mse_though_printed_so() -> None:
    """The formula printed under that name: 6.75 here. The distance that it names is the root of the sum, 4.5, by root n 2.598."""
    printed = ((VALUES - TARGETS) ** 2).mean()
    assert printed == REGRESSION["mse"](VALUES, TARGETS) == pytest.approx(6.75)
    assert REGRESSION["l2"](VALUES, TARGETS).item() * 3**0.5 == pytest.approx(4.5)


@pytest.mark.parametrize(
    ("task", "name", "smoothing", "message"),
    [
        (
            "regress",
            "cross_entropy",
            0.0,
            "loss of task 'regress': unknown name 'cross_entropy'; known: huber, l1, l2, mse",
        ),
        ("classify", "hinge", 0.0, "loss of task 'classify'"),
        ("regress", "mse", 0.1, "label_smoothing: 0.1; task 'regress' has no labels"),
    ],
)
def test_losses_that_do_not_fit(task: str, name: str, smoothing: float, message: str) -> None:
    with pytest.raises(StemmaError, match=message):
        make_loss(task, name, smoothing)
    assert set(LOSSES_OF) == {"classify", "regress"}


def test_centre_loss_and_its_update_by_hand() -> None:
    loss = CentreLoss(classes=3, size=2, rate=0.5)
    loss.centres[1] = torch.tensor([1.0, 1.0])
    features = torch.tensor([[1.0, 3.0], [3.0, 1.0], [0.0, 2.0]], requires_grad=True)
    labels = torch.tensor([1, 1, 0])
    value = loss(features, labels)
    value.backward()
    assert value.item() == pytest.approx((4 + 4 + 4) / 6)
    torch.testing.assert_close(features.grad, (features.detach() - torch.tensor([[1.0, 1], [1, 1], [0, 0]])) / 3)
    loss.update(features, labels)
    expected = torch.tensor([[0.0, 0.5], [1 + 0.5 * 2 / 3, 1 + 0.5 * 2 / 3], [0, 0]])
    torch.testing.assert_close(loss.centres, expected)
    assert loss.state_dict() == {} and dict(loss.named_buffers()).keys() == {"centres"}


def test_centres_reach_the_means_of_their_classes() -> None:
    torch.manual_seed(0)
    features, labels, loss = torch.randn(50, 4), torch.arange(50) % 5, CentreLoss(5, 4)
    for _ in range(100):
        loss.update(features, labels)
    torch.testing.assert_close(loss.centres, torch.stack([features[labels == k].mean(0) for k in range(5)]))


def test_contrastive_loss_by_hand() -> None:
    """Distances 0.5 of one class, 0.6 and 1.1 of two."""
    features = torch.tensor([[0.0], [0.5], [1.1]], dtype=torch.float64, requires_grad=True)
    labels = torch.tensor([0, 0, 1])
    assert ContrastiveLoss(1.0)(features, labels).item() == pytest.approx((0.25 + 0.4**2 + 0) / 6)
    torch.autograd.gradcheck(lambda f: ContrastiveLoss(2.0)(f, labels), features)


def test_contrastive_loss_of_one_point_twice() -> None:
    """Where two classes coincide the distance has no derivative: the gradient is 0, not NaN."""
    features = torch.zeros(2, 3, requires_grad=True)
    value: Tensor = ContrastiveLoss(1.0)(features, torch.tensor([0, 1]))
    value.backward()
    assert value.item() == 0.5 and features.grad is not None and not features.grad.any()
    assert ContrastiveLoss()(torch.zeros(1, 3), torch.tensor([0])).item() == 0
