"""The deep stacking network: closed forms against scikit-learn, gradients against autograd and the paper."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge
from torch.nn import functional as F

from made_up import GREY, TABLE, TEXT, VALUES, examples
from stemma import families
from stemma.config import Experiment
from stemma.data.store import Split
from stemma.errors import StemmaError
from stemma.families.dbn.dsn import DSN
from stemma.families.dbn.features import difference_units, rectangles, unequal_pairs
from stemma.families.dbn.ridge import Moments, best_penalty, best_scale
from stemma.training.datamodule import Batch, to_batch
from stemma.training.loop import SeedRun


def solved(spec, split, **parameters) -> DSN:
    return with_errors(spec, split, **parameters)[0]


def with_errors(spec, split, **parameters) -> tuple[DSN, list[float]]:
    """A network and the squared error of each of its blocks in train."""
    torch.manual_seed(0)
    model = families.build("dsn", spec.to_dict(), {"hidden": 40, "blocks": 3, **parameters})
    errors = [row["train_squared_error"] for row in model.solve(split)]
    return model.eval(), errors


@pytest.mark.parametrize("spec", [GREY, TEXT, TABLE, VALUES], ids=lambda spec: spec.source)
@pytest.mark.parametrize("ridge", [1e-3, None])
def test_each_block_is_ridge_regression_on_its_hidden_units(spec, ridge: float | None) -> None:
    split = examples(spec, 2300 if spec in (TABLE, VALUES) else 130)
    (model, errors), (x, y, _) = with_errors(spec, split, ridge=ridge), to_batch(split)
    for k, (_, upper) in enumerate(model.layers):
        with torch.no_grad():
            h, t = model.activations(x, k).double().numpy(), model.wanted(y).double().numpy()
        expected = Ridge(alpha=float(model.ridge) * len(h)).fit(h, t)
        scale = float(model.scale) if upper is model.head else 1.0
        weight, bias = expected.coef_.reshape(len(upper.bias), -1), np.ravel(expected.intercept_)
        precision = 1e-3 * np.abs(weight).max()
        np.testing.assert_allclose(upper.weight.detach() / scale, weight, atol=precision)
        np.testing.assert_allclose(upper.bias.detach() / scale, bias, atol=precision)
        error = np.square(expected.predict(h).reshape(t.shape) - t).sum(1).mean()
        assert errors[k] == pytest.approx(error, rel=1e-4, abs=1e-6)


def test_a_block_sees_the_input_and_all_earlier_outputs() -> None:
    split = examples(TABLE, 60)
    model, (x, _, _) = solved(TABLE, split, feedback=0.25), to_batch(split)
    first = model.layers[0][1](torch.sigmoid(x @ model.lowers[0].weight.T + model.lowers[0].bias))
    second = model.layers[1][1](model.lowers[1](torch.cat([x, first], 1)))
    torch.testing.assert_close(model.stacked(x, 2), torch.cat([x, first, second], 1))


@pytest.mark.parametrize("lower", ["random", "differences"])
def test_training_error_does_not_rise_with_blocks(lower: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 4)).astype(np.float32)
    split = Split(x, (np.sin(2 * x[:, 0]) + x[:, 1] * x[:, 2] > 0).astype(np.int64))
    _, errors = with_errors(TABLE, split, lower=lower, blocks=5, ridge=1e-5, feedback=0.5)
    assert errors == sorted(errors, reverse=True) and errors[-1] < 0.8 * errors[0]


def test_error_and_merging_of_moments() -> None:
    torch.manual_seed(0)
    h, t, weight, bias = torch.rand(50, 6).double(), torch.randn(50, 2).double(), torch.randn(2, 6), torch.randn(2)
    weight, bias = weight.double(), bias.double()
    parts = [Moments(6, 2, h.device) for _ in range(2)]
    for moments, chosen in zip(parts, (slice(0, 20), slice(20, 50)), strict=True):
        moments.add(h[chosen], t[chosen])
        expected = (h[chosen] @ weight.T + bias - t[chosen]).square().sum(1).mean()
        assert moments.error(weight, bias) == pytest.approx(float(expected))
    solutions = parts[0].ridge((1e-4, 1e-2, 1.0))
    errors = [parts[1].error(*solution) for solution in solutions]
    assert best_penalty(*parts, (1e-4, 1e-2, 1.0)) == (1e-4, 1e-2, 1.0)[int(np.argmin(errors))]
    parts[0].merge(parts[1])
    expected = (h @ weight.T + bias - t).square().sum(1).mean()
    assert parts[0].error(weight, bias) == pytest.approx(float(expected))


def test_scale_has_the_most_likelihood() -> None:
    torch.manual_seed(0)
    labels = torch.randint(3, (500,))
    outputs = F.one_hot(labels, 3) + 0.7 * torch.randn(500, 3)
    losses = {scale: float(F.cross_entropy(scale * outputs, labels)) for scale in np.linspace(0.2, 6, 59)}
    assert best_scale(outputs, labels) == pytest.approx(min(losses, key=losses.get), abs=0.11)
    assert best_scale(torch.eye(3), torch.arange(3)) < 5, "what separates its examples is not endlessly sure"


def closed_error(weight: torch.Tensor, bias: torch.Tensor, x: torch.Tensor, t: torch.Tensor, penalty: float):
    """Mean squared error with the optimal upper weights inside, as a function of the lower ones."""
    h = torch.sigmoid(x @ weight.T + bias)
    centred, wanted = h - h.mean(0), t - t.mean(0)
    upper = torch.linalg.solve(
        centred.T @ centred / len(x) + penalty * torch.eye(h.shape[1]), centred.T @ wanted / len(x)
    )
    return (centred @ upper - wanted).square().sum(1).mean() + penalty * upper.square().sum()


def test_tuning_descends_the_error_with_the_closed_form_inside() -> None:
    split = examples(TABLE, 80)
    model, batch = solved(TABLE, split, hidden=6, blocks=1, ridge=0.01, tune_epochs=1).double(), to_batch(split)
    lower, x = model.layers[0][0], batch.x.double()
    model.train()
    model.tuning_loss(0, Batch(x, batch.y))["loss"].backward()
    copies = [p.detach().clone().requires_grad_() for p in (lower.weight, lower.bias)]
    closed_error(*copies, x, model.wanted(batch.y).double(), 0.01).backward()
    for own, copy in zip((lower.weight, lower.bias), copies, strict=True):
        torch.testing.assert_close(own.grad, copy.grad, atol=1e-7, rtol=1e-4)


def test_gradient_is_that_of_deng_and_yu() -> None:
    """2 X [H' o (1 - H)' o [H+ (H T')(T H+) - T'(T H+)]], without penalty or bias, columns being examples."""
    torch.manual_seed(0)
    x, t, weight = torch.randn(3, 20).double(), torch.randn(2, 20).double(), torch.randn(3, 5).double().requires_grad_()
    h = torch.sigmoid(weight.T @ x)
    pinv = torch.linalg.pinv(h.detach())
    upper = t @ pinv
    (upper @ h - t).square().sum().backward()
    hd = h.detach()
    printed = 2 * x @ (hd.T * (1 - hd).T * (pinv @ (hd @ t.T) @ (t @ pinv) - t.T @ (t @ pinv)))
    torch.testing.assert_close(weight.grad, printed)


def test_fine_tuning_goes_through_the_phases() -> None:
    model = families.build("dsn", TABLE.to_dict(), {"hidden": 12, "blocks": 2, "tune_epochs": 1})
    phases = model.phases()
    assert [phase.name for phase in phases] == ["start1", "tune1", "block1", "start2", "tune2", "block2"]
    assert [phase.solve is None for phase in phases] == [False, True, False] * 2


def test_units_between_two_examples() -> None:
    first, second = torch.tensor([[1.0, 2.0, 5.0]]), torch.tensor([[0.0, 4.0, 5.0]])
    weight, bias = difference_units(first, second, torch.tensor([[1.0, 1.0, 0.0]]), 10.0)
    torch.testing.assert_close(weight, torch.tensor([[2.0, -4.0, 0.0]]))
    for point, expected in ((first, 5.0), (second, -5.0), ((first + second) / 2, 0.0)):
        assert float(point @ weight.T + bias) == pytest.approx(expected)


def test_rectangles_are_whole_and_large_enough() -> None:
    torch.manual_seed(0)
    masks = rectangles(300, (2, 8, 6), 0.5).reshape(300, 2, 8, 6)
    assert torch.equal(masks[:, 0], masks[:, 1])
    rows, columns = masks[:, 0].amax(2), masks[:, 0].amax(1)
    torch.testing.assert_close(masks[:, 0], rows[:, :, None] * columns[:, None, :])
    assert rows.sum(1).min() == 4 and columns.sum(1).min() == 3 and rows.sum(1).max() == 8
    assert (rows.diff(dim=1) == 1).sum(1).max() <= 1, "one run of ones"
    assert torch.equal(rectangles(3, (1, 4, 4), 1.0), torch.ones(3, 16))


def test_pairs_differ_in_their_target() -> None:
    y = torch.tensor([0] * 50 + [1])
    first, second = unequal_pairs(y, 200)
    assert (y[first] != y[second]).all()
    with pytest.raises(StemmaError, match="all targets here are equal"):
        unequal_pairs(torch.zeros(5), 3)


@pytest.mark.parametrize("spec", [GREY, TABLE], ids=lambda spec: spec.source)
def test_starts_from_an_rbm_a_block(spec) -> None:
    parameters = {"hidden": 12, "blocks": 2, "lower": "rbm", "pretrain_epochs": 1, "tune_epochs": 1}
    experiment = Experiment(
        dataset="slot", family="dbn", architecture="dsn", parameters=parameters, accelerator="cpu", seeds=(0,)
    )
    split = examples(spec, 200)
    model, best = SeedRun("x", experiment, 0, spec.to_dict()).fit(split, split, 1, [])
    names = [phase.name for phase in model.phases()]
    assert names == ["rbm1", "start1", "tune1", "block1", "rbm2", "start2", "tune2", "block2"]
    assert best["val_accuracy"] > 0.5
    seen = model.stacked(torch.from_numpy(split.x), 1)
    assert spec is TABLE or (seen.min() >= 0 and seen.max() <= 1), "a binary machine sees values in [0, 1]"
    assert model.eval()(torch.from_numpy(split.x)).shape == (200, len(spec.classes))


@pytest.mark.parametrize("lower", ["differences", "rbm"])
def test_errors_of_each_block_are_curves_of_its_phase(lower: str) -> None:
    train, held = examples(GREY, 120), examples(GREY, 40, seed=1)
    parameters = {"hidden": 30, "blocks": 2, "lower": lower, "pretrain_epochs": 2, "ridge": 0.001}
    experiment = Experiment(dataset="grey", family="dbn", architecture="dsn", accelerator="cpu", parameters=parameters)
    rows: list[dict] = []
    model, best = SeedRun("x", experiment, 0, GREY.to_dict()).fit(train, held, 1, rows)
    first, last = (row for row in rows if row["phase"].startswith("block"))
    assert last is best and 0 < last["train_squared_error"] < 1
    assert last["val_error"] == pytest.approx(1 - last["val_accuracy"], abs=1e-6)
    with torch.no_grad():
        outputs = model.layers[0][1](model.activations(torch.from_numpy(held.x), 0))
        error = (outputs - model.wanted(torch.from_numpy(held.y))).square().sum(1).mean()
    assert first["val_squared_error"] == pytest.approx(float(error), rel=1e-4)
    machine = [row for row in rows if row["phase"] == "rbm1"]
    assert all({"reconstruction", "free_energy_gap", "pseudo_likelihood"} < set(row) for row in machine)
    assert len(machine) == (2 if lower == "rbm" else 0)


def test_an_rbm_below_refuses_what_its_units_cannot_take() -> None:
    split = examples(TABLE, 60)
    wide = Split(split.x * 50, split.y)
    experiment = Experiment(dataset="table", family="dbn", architecture="dsn", accelerator="cpu",
                            parameters={"hidden": 5, "blocks": 1, "lower": "rbm"})  # fmt: skip
    with pytest.raises(StemmaError, match=r"rbm1: visible unit 1 has mean .* takes standardised values"):
        SeedRun("x", experiment, 0, TABLE.to_dict()).fit(wide, None, 1, [])
