"""Averages of weights and losses of features, chosen by key, in the common training loop."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from stemma import families
from stemma.config import Experiment
from stemma.data.store import Split, load_spec, load_split
from stemma.errors import StemmaError
from stemma.nn.companions import CentreLoss, ContrastiveLoss
from stemma.runs import RunFiles
from stemma.training.datamodule import BatchPositions, to_batch
from stemma.training.loop import SeedRun, train_seed

STEPS = 6


def experiment(**values) -> Experiment:
    common = {"dataset": "slot", "family": "mlp", "architecture": "mlp", "accelerator": "cpu", "seeds": (0,),
              "batch_size": 20, "optimizer": "sgd", "learning_rate": 0.5, "patience": None}  # fmt: skip
    return Experiment(**{**common, "parameters": {"hidden": (8,)}, **values})


def fit(folder: Path, validate: bool = True, **values):
    settings, rows = experiment(**values), list[dict]()
    splits = load_split(folder, "train"), load_split(folder, "validation") if validate else None
    run = SeedRun("x", settings, 0, load_spec(folder).to_dict())
    model, best = run.fit(*splits, settings.epochs, rows)
    return model, rows, best


def walk(folder: Path, epochs: int, parameters: dict | None = None, extra=None) -> list[dict]:
    """Weights after every step, by hand: the same first weights, batches and plain steps."""
    torch.manual_seed(0)
    model = families.build("mlp", load_spec(folder).to_dict(), {"hidden": (8,), **(parameters or {})})
    data = to_batch(load_split(folder, "train"))
    order, seen = BatchPositions(len(data.y), 20, 0, True), []
    for epoch in range(epochs):
        order.set_epoch(epoch)
        for positions in order:
            model.zero_grad()
            x, y = data.x[positions], data.y[positions]
            loss = F.cross_entropy(model(x), y)
            (loss if extra is None else loss + extra(model, x, y)).backward()
            with torch.no_grad():
                for parameter in model.parameters():
                    parameter -= 0.5 * parameter.grad
            seen.append(copy.deepcopy(model.state_dict()))
    return seen


def mean(states: list[dict], decay: float | None = None) -> dict:
    result = states[0]
    for count, state in enumerate(states[1:], 1):
        share = count / (count + 1) if decay is None else decay
        result = {name: share * value + (1 - share) * state[name] for name, value in result.items()}
    return result


def same(model, state: dict) -> None:
    for name, value in model.state_dict().items():
        torch.testing.assert_close(value, state[name], msg=name)


@pytest.mark.parametrize("validate", [True, False])
def test_ema_of_every_step_by_hand(validate: bool, prepared: dict[str, Path]) -> None:
    """Training goes on from its own weights: the second epoch's steps start where the first one's ended."""
    states = walk(prepared["table"], 2)
    model, rows, _ = fit(prepared["table"], validate, epochs=2, weight_average="ema", average_decay=0.8)
    assert len(states) == 2 * STEPS and len(rows) == 2
    averages = [mean(states[: STEPS * epochs], 0.8) for epochs in (1, 2)]
    chosen = int(np.argmin([row["val_loss"] for row in rows])) if validate else 1
    same(model, averages[chosen])


def test_swa_of_late_epochs_by_hand(prepared: dict[str, Path]) -> None:
    ends = walk(prepared["table"], 4)[STEPS - 1 :: STEPS]
    model, _, _ = fit(prepared["table"], False, epochs=4, weight_average="swa", average_from=0.5)
    same(model, mean(ends[2:]))
    model, _, _ = fit(prepared["table"], False, epochs=4, weight_average="swa", average_from=0.0)
    same(model, mean(ends))


def test_the_validated_weights_are_the_averaged_ones(prepared: dict[str, Path]) -> None:
    validation = to_batch(load_split(prepared["table"], "validation"))
    states = walk(prepared["table"], 3)
    _, rows, _ = fit(prepared["table"], epochs=3, weight_average="ema", average_decay=0.9)
    net = families.build("mlp", load_spec(prepared["table"]).to_dict(), {"hidden": (8,)})
    for epoch, row in enumerate(rows, 1):
        net.load_state_dict(mean(states[: STEPS * epoch], 0.9))
        assert row["val_loss"] == pytest.approx(F.cross_entropy(net(validation.x), validation.y).item(), abs=2e-6)


def test_swa_chooses_among_averaged_epochs(prepared: dict[str, Path]) -> None:
    """Labels shuffled: what is learnt by heart makes later epochs worse, so the best of all is no average."""
    train, validation = load_split(prepared["grey"], "train"), load_split(prepared["grey"], "validation")
    wrong, rows = Split(train.x, np.random.default_rng(0).permutation(train.y)), list[dict]()
    settings = experiment(epochs=6, weight_average="swa", average_from=0.5, learning_rate=0.1)
    model, best = SeedRun("x", settings, 0, load_spec(prepared["grey"]).to_dict()).fit(wrong, validation, 6, rows)
    losses = [row["val_loss"] for row in rows]
    assert best["epoch"] == 4 + int(np.argmin(losses[3:])) and min(losses[:3]) < min(losses[3:])
    data = to_batch(validation)
    assert best["val_loss"] == pytest.approx(F.cross_entropy(model(data.x), data.y).item(), abs=2e-6)


def test_swa_takes_statistics_anew_from_train(prepared: dict[str, Path]) -> None:
    wide = {"hidden": (8,), "batch_norm": True}
    model, _, _ = fit(prepared["table"], False, epochs=3, weight_average="swa", average_from=0.3, parameters=wide)
    norm, data = model.layers[0][1], to_batch(load_split(prepared["table"], "train"))
    order = BatchPositions(len(data.y), 20, 0, True)
    order.set_epoch(2)
    with torch.no_grad():
        inputs = [model.layers[0][0](data.x[positions]) for positions in order]
    torch.testing.assert_close(norm.running_mean, torch.stack([z.mean(0) for z in inputs]).mean(0))
    torch.testing.assert_close(norm.running_var, torch.stack([z.var(0) for z in inputs]).mean(0))
    assert norm.momentum == 0.1


def test_ema_averages_statistics_with_the_weights(prepared: dict[str, Path]) -> None:
    wide = {"hidden": (8,), "batch_norm": True}
    states = walk(prepared["table"], 2, wide)
    model, _, _ = fit(prepared["table"], False, epochs=2, weight_average="ema", average_decay=0.7, parameters=wide)
    expected = mean([{k: v for k, v in state.items() if "running" in k} for state in states], 0.7)
    for name, value in expected.items():
        torch.testing.assert_close(model.state_dict()[name], value)


def test_swa_makes_a_noisy_descent_better(prepared: dict[str, Path]) -> None:
    _, rows, _ = fit(prepared["table"], epochs=12, learning_rate=4.0)
    _, averaged, _ = fit(prepared["table"], epochs=12, learning_rate=4.0, weight_average="swa", average_from=0.5)
    assert averaged[-1]["val_loss"] < np.mean([row["val_loss"] for row in rows[6:]])
    assert [row["train_loss"] for row in averaged] == [row["train_loss"] for row in rows]


@pytest.mark.parametrize("kind", ["ema", "swa"])
def test_a_searching_optimiser_is_averaged_and_searches_on(kind: str, prepared: dict[str, Path]) -> None:
    common = {"optimizer": "lbfgs", "batch_size": 120, "epochs": 4, "optimizer_options": {"iterations": 2}}
    _, plain, _ = fit(prepared["table"], **common)
    _, rows, _ = fit(prepared["table"], weight_average=kind, average_decay=0.5, average_from=0.0, **common)
    assert [row["train_loss"] for row in rows] == [row["train_loss"] for row in plain]
    assert rows[-1]["val_loss"] != plain[-1]["val_loss"]


def test_only_the_last_phase_is_averaged(prepared: dict[str, Path]) -> None:
    parameters = {"hidden": 6, "pretrain_epochs": 2}
    common = {"family": "dbn", "architecture": "rbm", "epochs": 2, "parameters": parameters}
    plain, _, _ = fit(prepared["table"], False, **common)
    averaged, _, _ = fit(prepared["table"], False, weight_average="ema", average_decay=0.9, **common)
    torch.testing.assert_close(averaged.rbms[0].weight, plain.rbms[0].weight, rtol=0, atol=0)
    assert not torch.equal(averaged.head.weight, plain.head.weight)


@pytest.mark.parametrize(
    "values",
    [
        {"weight_average": "ema", "average_decay": 0.9, "refit": True, "patience": 3},
        {"weight_average": "swa", "average_from": 0.5, "refit": True},
        {"companion": "centre", "fast_dev_run": True, "weight_average": "swa"},
        {"companion": "contrastive", "companion_weight": 0.1, "margin": 2.0},
    ],
)
def test_from_training_to_a_model_folder(values: dict, prepared: dict[str, Path], tmp_path: Path) -> None:
    settings = experiment(epochs=4, parameters={"hidden": (8,), "batch_norm": True}, **values)
    runs, plain = (
        RunFiles("x", tmp_path),
        families.build("mlp", load_spec(prepared["table"]).to_dict(), settings.parameters),
    )
    train_seed(runs, settings, 0, prepared["table"])
    model = families.load(runs.model_folder(0))
    assert set(model.state_dict()) == set(plain.state_dict())
    test = load_split(prepared["table"], "test")
    assert (model.predict(test.x).argmax(1) == test.y).mean() > (0.2 if settings.fast_dev_run else 0.6)


def test_refit_begins_its_average_where_the_choice_did(prepared: dict[str, Path], tmp_path: Path) -> None:
    """Refit for the chosen epochs: swa still begins after the same number of epochs."""
    settings = experiment(epochs=4, weight_average="swa", average_from=0.5)
    train = load_split(prepared["table"], "train")
    run = SeedRun("x", settings, 0, load_spec(prepared["table"]).to_dict())
    model, _ = run.fit(train, None, 3, [])
    same(model, walk(prepared["table"], 3)[-1])


@pytest.mark.parametrize("name", ["centre", "contrastive"])
def test_the_companions_gradient_is_that_of_both_losses(name: str, prepared: dict[str, Path]) -> None:
    """Two epochs by hand with the companion's formula; centres move after each step."""
    beside = CentreLoss(3, 8, 0.3) if name == "centre" else ContrastiveLoss(2.0)

    def extra(model, x, y):
        features = model.layers(model.encode(x))
        value = beside(features, y)
        if name == "centre":
            beside.update(features.detach(), y)
        return 0.2 * value

    states = walk(prepared["table"], 2, extra=extra)
    common = {"companion": name, "companion_weight": 0.2, "margin": 2.0, "centre_rate": 0.3, "epochs": 2}
    model, _, _ = fit(prepared["table"], False, **common)
    same(model, states[-1])
    if name == "centre":
        torch.testing.assert_close(model.companion.centres, beside.centres)


def test_the_recorded_losses_are_without_the_companion(prepared: dict[str, Path]) -> None:
    validation = to_batch(load_split(prepared["table"], "validation"))
    model, _, best = fit(prepared["table"], epochs=3, companion="contrastive", companion_weight=5.0)
    assert best["val_loss"] == pytest.approx(F.cross_entropy(model(validation.x), validation.y).item(), abs=2e-6)
    _, rows, _ = fit(prepared["table"], epochs=1, companion="contrastive", companion_weight=1e-9)
    _, plain, _ = fit(prepared["table"], epochs=1)
    assert rows[0]["train_loss"] == pytest.approx(plain[0]["train_loss"], abs=2e-6)


def test_a_centre_loss_draws_a_class_together(prepared: dict[str, Path]) -> None:
    x, y, _ = to_batch(load_split(prepared["table"], "test"))

    def spread(model) -> float:
        hidden = model.last_hidden(x)
        within = torch.stack([hidden[y == label].var(0).sum() for label in range(3)]).mean()
        return (within / hidden.var(0).sum()).item()

    plain, _, _ = fit(prepared["table"], epochs=10, learning_rate=0.1)
    drawn, _, _ = fit(prepared["table"], epochs=10, learning_rate=0.1, companion="centre", companion_weight=0.3)
    assert spread(drawn.eval()) < 0.7 * spread(plain.eval())


def test_a_companion_is_of_the_labelled_phase_alone(prepared: dict[str, Path]) -> None:
    parameters = {"hidden": (6, 5), "pretrain_epochs": 1}
    common = {"family": "dbn", "architecture": "dbn", "epochs": 1, "learning_rate": 1e-12, "parameters": parameters}
    model, rows, _ = fit(prepared["table"], companion="centre", **common)
    _, others, _ = fit(prepared["table"], **common)
    assert rows[:2] == others[:2]
    assert model.companion.centres.shape == (3, 5) and model.companion.centres.abs().sum() > 0


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"weight_average": "swa", "patience": 3}, "patience: 3; allowed with weight_average 'swa', which begins late: null"),
        ({"companion": "centre", "optimizer": "lbfgs"}, "companion: 'centre'; allowed with 'lbfgs', which minimises the loss alone: none"),
        ({"weight_average": "sma"}, "weight_average"),
        ({"average_decay": 1.0}, "average_decay"),
        ({"average_from": 1.0}, "average_from"),
        ({"companion_weight": 0.0}, "companion_weight"),
    ],
)  # fmt: skip
def test_settings_that_do_not_go_together(values: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        experiment(**values)


def test_several_starts_have_no_companion(prepared: dict[str, Path]) -> None:
    with pytest.raises(StemmaError, match="starts: above 1 does not go with companion 'centre'"):
        fit(prepared["table"], parameters={"starts": 2}, companion="centre")


def test_a_regression_inherits_no_companion(prepared: dict[str, Path]) -> None:
    """A default that serves the other experiments; one of its own is refused by `stemma check`."""
    with_default, rows, _ = fit(prepared["table_values"], companion="centre", learning_rate=0.05)
    without, expected, _ = fit(prepared["table_values"], learning_rate=0.05)
    assert rows == expected
    assert with_default.companion is None
    for name, value in with_default.state_dict().items():
        torch.testing.assert_close(value, without.state_dict()[name], rtol=0, atol=0)
