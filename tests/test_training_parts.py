"""The shared parts, chosen by name, in the common training loop."""

from pathlib import Path

import pytest
import torch

from stemma.config import Experiment
from stemma.data.store import load_spec, load_split
from stemma.errors import StemmaError
from stemma.nn.names import OPTIMIZERS
from stemma.training.loop import SeedRun


def fit(folder: Path, epochs: int = 2, parameters: dict | None = None, **values):
    common = {"dataset": "grey", "family": "mlp", "architecture": "mlp", "accelerator": "cpu", "seeds": (0,)}
    experiment = Experiment(**{**common, "parameters": {"hidden": (8,), **(parameters or {})}, **values})
    rows: list[dict] = []
    splits = load_split(folder, "train"), load_split(folder, "validation")
    model, _ = SeedRun("x", experiment, 0, load_spec(folder).to_dict()).fit(*splits, epochs, rows)
    return model, rows


@pytest.mark.parametrize("name", [name for name in OPTIMIZERS if name != "newton"])
def test_every_optimiser_lowers_the_loss(name: str, prepared: dict[str, Path]) -> None:
    method = OPTIMIZERS[name]
    size = 120 if method.searches or name == "gradient_descent" else 20
    momentum = 0.9 if method.momentum == "needs" else 0.0
    rate = {"adadelta": 1.0, "adagrad": 0.05}.get(name, 0.005 if "adam" in name or name == "rmsprop" else 0.1)
    limit = {"hidden": (4,)} if name == "bfgs" else {}
    _, rows = fit(prepared["table"], 4, limit, optimizer=name, batch_size=size, momentum=momentum, learning_rate=rate)
    assert rows[-1]["train_loss"] < rows[0]["train_loss"]


def test_newton_refuses_a_large_model(prepared: dict[str, Path]) -> None:
    with pytest.raises(StemmaError, match="2,000"):
        fit(prepared["grey"], optimizer="newton", batch_size=120)


def test_starts_and_a_line_search_do_not_go_together(prepared: dict[str, Path]) -> None:
    with pytest.raises(StemmaError, match="starts: above 1 does not go with optimizer 'lbfgs'"):
        fit(prepared["table"], parameters={"starts": 2}, optimizer="lbfgs")


@pytest.mark.parametrize(
    "layer",
    [
        {"activation": "maxout", "pieces": 3},
        {"activation": "prelu", "batch_norm": True},
        {"activation": "selu", "drop": "alpha_dropout", "dropout": 0.1, "initialisation": "lecun_normal"},
        {"drop": "dropconnect", "dropout": 0.3},
        {"drop": "standout", "dropout": 0.3, "initialisation": "he_normal"},
    ],
)
def test_layers_by_name_learn_and_answer(layer: dict, prepared: dict[str, Path]) -> None:
    model, rows = fit(prepared["table"], 5, layer, learning_rate=0.01, batch_size=20, patience=None)
    assert rows[-1]["train_loss"] < rows[0]["train_loss"]
    test = load_split(prepared["table"], "test")
    assert torch.isfinite(torch.from_numpy(model.predict(test.x))).all()


@pytest.mark.parametrize("loss", ["cross_entropy", "mse", "l1", "l2", "smooth_l1", "huber", "kl", "js"])
def test_every_loss_of_classes_trains(loss: str, prepared: dict[str, Path]) -> None:
    _, rows = fit(
        prepared["table"], 5, loss=loss, label_smoothing=0.1, learning_rate=0.01, batch_size=20, patience=None
    )
    assert rows[-1]["train_loss"] < rows[0]["train_loss"]


def test_l1_draws_weights_to_zero_and_is_not_in_the_recorded_loss(prepared: dict[str, Path]) -> None:
    plain, rows = fit(prepared["table"], 8, learning_rate=0.01, batch_size=20, patience=None)
    drawn, others = fit(prepared["table"], 8, l1=0.02, learning_rate=0.01, batch_size=20, patience=None)
    assert drawn.head.weight.abs().sum() < 0.7 * plain.head.weight.abs().sum()
    assert others[0]["train_loss"] == pytest.approx(rows[0]["train_loss"], rel=0.2)


def test_schedules_reach_the_optimiser(prepared: dict[str, Path]) -> None:
    """A rate that the first milestone cuts to nearly nothing stops learning."""
    stopped, _ = fit(
        prepared["table"], 4, schedule="steps", milestones=(1.0,), factor=1e-9, monitor="val_loss", patience=None
    )
    once, _ = fit(prepared["table"], 1, patience=None)
    torch.testing.assert_close(stopped.head.weight, once.head.weight, atol=1e-6, rtol=0)
