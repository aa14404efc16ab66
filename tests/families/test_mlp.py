"""The facts that pin the MLP family to its texts."""

from pathlib import Path

import numpy as np
import pytest
import torch

from made_up import GREY, TABLE, TABLE_COLUMNS, VALUES, examples, prepare
from stemma import families, training
from stemma.config import Experiment
from stemma.data.store import Split, load_spec, load_split
from stemma.errors import StemmaError
from stemma.families.baseline.decision_tree import sound
from stemma.files import read_json
from stemma.runs import RunFiles
from stemma.spec import DataSpec
from stemma.training.loop import SeedRun

XOR = Split(np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32), np.array([0, 1, 1, 0]))


def table(columns: int, classes: int = 0, **known) -> dict:
    names, task = tuple(map(str, range(classes))), "classify" if classes else "regress"
    return DataSpec("made_up", "table", "table", (columns,), names, task, **known).to_dict()


def experiment(architecture: str, **settings) -> Experiment:
    common = {"dataset": "slot", "family": "mlp", "architecture": architecture, "accelerator": "cpu", "seeds": (0,)}
    return Experiment(**{**common, **settings})


def test_counts_of_parameters() -> None:
    assert families.build("linear", table(4), {}).parameter_count() == 5
    net = families.build("mlp", table(4), {"hidden": (3,), "activation": "sigmoid"})
    assert net.parameter_count() == 4 * 3 + 3 + 3 + 1 == 19


def test_linear_is_least_squares() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 4)).astype(np.float32)
    y = (300 + 50 * x @ [1.0, -2.0, 0.5, 0.0] + rng.normal(0, 20, 60)).astype(np.float32)
    spec = table(4, target_mean=float(y.mean()), target_std=float(y.std()))
    model, best = SeedRun("x", experiment("linear"), 0, spec).fit(Split(x, y), Split(x, y), 1, [])
    design = np.c_[x, np.ones(60)]
    expected = design @ np.linalg.lstsq(design, y, rcond=None)[0]
    np.testing.assert_allclose(model.predict(x), expected, rtol=1e-4)
    assert best["val_rmse"] == pytest.approx(np.sqrt(np.mean((expected - y) ** 2)), rel=1e-4)
    assert best["val_loss"] == pytest.approx(best["val_rmse"] ** 2 / y.var(), rel=1e-4)


@pytest.mark.parametrize(
    ("optimizer", "settings", "epochs"),
    [
        ("adam", {"learning_rate": 0.05, "batch_size": 60}, 300),
        ("conjugate_gradient", {"batch_size": 60}, 5),
        ("bfgs", {"batch_size": 60}, 10),
        ("newton", {"batch_size": 60}, 1),
        ("hessian_free", {"batch_size": 60}, 10),
    ],
)
def test_linear_by_gradient_finds_the_least_squares(optimizer: str, settings: dict, epochs: int) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 4)).astype(np.float32)
    y = (x @ np.array([1.0, -2.0, 0.5, 0.0]) + 0.3 + rng.normal(0, 0.2, 60)).astype(np.float32)
    spec, parameters = table(4), {"solver": "gradient"}
    described = experiment("linear", parameters=parameters, optimizer=optimizer, epochs=epochs, **settings)
    model, _ = SeedRun("x", described, 0, spec).fit(Split(x, y), None, epochs, [])
    expected = np.linalg.lstsq(np.c_[x, np.ones(60)], y, rcond=None)[0]
    found = np.append(model.head.weight.detach().numpy(), model.head.bias.detach().numpy())
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_linear_takes_the_least_norm_of_many_solutions() -> None:
    x = np.repeat(np.arange(6, dtype=np.float32)[:, None], 2, axis=1)
    model = families.build("linear", table(2), {})
    model.solve(Split(x, 3 * x[:, 0] + 1))
    torch.testing.assert_close(model.head.weight.detach(), torch.full((1, 2), 1.5), atol=1e-5, rtol=0)


def test_perceptron_separates_what_can_be_separated() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(200, 3)).astype(np.float32)
    margin = x @ [1.0, -1.0, 0.5] + 0.3
    x, y = x[np.abs(margin) > 0.2], (margin[np.abs(margin) > 0.2] > 0).astype(int)
    model = families.build("perceptron", table(3, 2), {"passes": 200})
    model.solve(Split(x, y))
    assert (model.predict(x).argmax(1) == y).all() and model.parameter_count() == 4


def test_perceptron_follows_its_rule_step_by_step() -> None:
    """From 0, where sign(0) = +1: (1, 0) of class 0 is wrong and taken off; (0, 1) of class 1 is wrong and added."""
    model = families.build("perceptron", table(2, 2), {"passes": 1})
    assert (model.predict(np.zeros((1, 2), np.float32)).argmax(1) == 1) or model.head.bias.abs() > 0
    torch.nn.init.zeros_(model.head.weight), torch.nn.init.zeros_(model.head.bias)
    assert model.predict(np.ones((1, 2), np.float32)).argmax(1) == 1
    model.solve(Split(np.array([[1, 0], [0, 1]], np.float32), np.array([0, 1])))
    assert model.head.weight.tolist() == [[-1, 1]] and model.head.bias.tolist() == [0]


def test_perceptron_fails_at_xor_and_keeps_its_best() -> None:
    model = families.build("perceptron", table(2, 2), {"passes": 50})
    model.solve(XOR)
    assert (model.predict(XOR.x).argmax(1) == XOR.y).mean() in (0.5, 0.75)


def test_perceptron_has_a_unit_a_class_of_several() -> None:
    split = examples(TABLE, 90)
    model = families.build("perceptron", TABLE.to_dict(), {})
    model.solve(split)
    assert model.head.out_features == 3 and (model.predict(split.x).argmax(1) == split.y).mean() > 0.6


@pytest.mark.parametrize("starts", [1, 3])
def test_mlp_solves_xor(starts: int) -> None:
    settings = experiment("mlp", optimizer="adam", learning_rate=0.05, batch_size=4, patience=None,
                          parameters={"hidden": (4,), "activation": "tanh", "starts": starts})  # fmt: skip
    model, _ = SeedRun("x", settings, 0, table(2, 2)).fit(XOR, XOR, 150, [])
    assert (model.predict(XOR.x).argmax(1) == XOR.y).all()


def test_random_starts_are_averaged_and_learn_apart() -> None:
    for spec in (TABLE, VALUES):
        torch.manual_seed(0)
        model, x = families.build("mlp", spec.to_dict(), {"hidden": (5,), "starts": 3}), torch.randn(7, 4)
        answers = torch.stack([model.answer(outputs) for outputs in model.each(x)])
        torch.testing.assert_close(model.answer(model(x)), answers.mean(0))
    batch = type("Batch", (), {"x": x, "y": torch.randn(7) * 20 + 120, "lengths": None})
    model.begin(model.phases()[0], experiment("mlp"))
    model.train().objective(batch)["loss"].backward()
    joint = model.others[0][-1].weight.grad.clone()
    model.zero_grad()
    model.judge(model.each(x)[1], batch.y)["loss"].backward()
    torch.testing.assert_close(model.others[0][-1].weight.grad, joint)


def test_rmse_of_an_epoch_is_that_of_all_its_examples(prepared: dict[str, Path]) -> None:
    spec, validation = load_spec(prepared["table_values"]), load_split(prepared["table_values"], "validation")
    rows: list[dict] = []
    settings = experiment("mlp", batch_size=7, parameters={"hidden": (6,)})
    model, best = SeedRun("x", settings, 0, spec.to_dict()).fit(validation, validation, 4, rows)
    error = model.predict(validation.x) - validation.y
    assert best["val_rmse"] == pytest.approx(np.sqrt(np.mean(error**2)), rel=1e-4)
    assert best["val_loss"] == pytest.approx(np.mean(error**2) / spec.target_std**2, rel=1e-4)


def test_a_table_set_from_training_to_run_files(tmp_path: Path) -> None:
    from stemma import evaluation

    prepare(tmp_path / "set", VALUES)
    training.train("x", experiment("linear"), tmp_path / "set", tmp_path)
    evaluation.evaluate("x", tmp_path / "set", tmp_path)
    runs = RunFiles("x", tmp_path)
    targets, values = runs.predictions(0)
    assert runs.summary().task == "regress" and targets.shape == values.shape == (40,)
    assert runs.read("metrics.json")["rmse"] == pytest.approx(np.sqrt(np.mean((targets - values) ** 2)), abs=1e-3)
    worst = runs.read("test/mistakes.json")[0]
    assert abs(worst["value"] - worst["target"]) == pytest.approx(np.abs(targets - values).max(), rel=1e-4)
    assert read_json(runs.model_folder(0) / "table.json") == TABLE_COLUMNS
    assert runs.pictures() == {}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"monitor": "val_accuracy"},
            "monitor: 'val_accuracy' is not measured on these data; use val_loss or val_rmse",
        ),
        ({"class_weights": "balanced"}, "class_weights: 'balanced', but these data have no classes"),
    ],
)
def test_settings_that_mean_nothing_for_values(settings: dict, message: str, tmp_path: Path) -> None:
    prepare(tmp_path / "set", VALUES)
    with pytest.raises(StemmaError, match=message):
        training.train("x", experiment("mlp", **settings), tmp_path / "set", tmp_path)


def test_a_machine_needs_three_examples_of_every_class() -> None:
    split = examples(TABLE, 30)
    few = Split(split.x[:-1], np.where(split.y[:-1] == 2, 1, split.y[:-1]))
    few.y[0] = 2
    with pytest.raises(StemmaError, match="needs 3 training examples of every class, 'high' has 1"):
        families.build("rbf_svm", TABLE.to_dict(), {}).solve(few)


@pytest.mark.parametrize("key", ["linear_svm", "rbf_svm"])
def test_a_temperature_changes_no_answer(key: str) -> None:
    split, model = examples(TABLE, 90), families.build(key, TABLE.to_dict(), {})
    model.solve(split)
    np.testing.assert_array_equal(model.predict(split.x).argmax(1), model.final.predict(split.x))


def test_trees_whose_nodes_lead_nowhere_are_not_sound() -> None:
    left, right, feature = np.array([1, -1, -1]), np.array([2, -1, -1]), np.array([0, -2, -2])
    assert sound(left, right, feature, 4)
    for bad in (np.array([3, -1, -1]), np.array([0, -1, -1]), np.array([-5, -1, -1]), np.array([1, -1, 0])):
        assert not sound(bad, right, feature, 4)
    assert not sound(left, right, np.array([4, -2, -2]), 4)


@pytest.mark.parametrize("key", ["decision_tree", "rbf_svm", "knn"])
def test_equal_estimators_have_equal_bytes(key: str, tmp_path: Path) -> None:
    kept = []
    for place in ("one", "two"):
        model = families.build(key, TABLE.to_dict(), {})
        kept.append(model)
        model.solve(examples(TABLE, 60))
        families.save(model, tmp_path / place, key, {})
    assert (tmp_path / "one/estimator.skops").read_bytes() == (tmp_path / "two/estimator.skops").read_bytes()


def test_a_loss_of_another_task_is_refused() -> None:
    model, settings = families.build("mlp", VALUES.to_dict(), {}), experiment("mlp").model_copy(update={"loss": "kl"})
    with pytest.raises(StemmaError, match="loss of task 'regress': unknown name 'kl'"):
        model.begin(model.phases()[0], settings)


def test_maxout_by_hand() -> None:
    """Pieces x, -x of one unit make |x|; then 2 |x| + 1."""
    model = families.build("maxout", table(1), {"hidden": (1,), "pieces": 2, "dropout": 0.0})
    with torch.no_grad():
        model.layers[0][0].weight.copy_(torch.tensor([[1.0], [-1.0]])), model.layers[0][0].bias.zero_()
        model.head.weight.fill_(2.0), model.head.bias.fill_(1.0)
    assert model(torch.tensor([[-3.0], [0.5]])).flatten().tolist() == [7.0, 2.0]


def test_maxout_is_an_mlp_of_that_activation() -> None:
    settings = {"hidden": (6, 5), "pieces": 3, "batch_norm": True, "starts": 2, "dropout": 0.1}
    torch.manual_seed(0)
    maxout = families.build("maxout", table(4, 3), settings).eval()
    torch.manual_seed(0)
    mlp, x = families.build("mlp", table(4, 3), {**settings, "activation": "maxout"}).eval(), torch.randn(5, 4)
    torch.testing.assert_close(maxout(x), mlp(x), rtol=0, atol=0)


def test_maxout_of_goodfellow_for_digits() -> None:
    model = families.build("maxout", GREY.to_dict(), {})
    layers = [sum(p.numel() for p in layer.parameters()) for layer in model.layers]
    assert layers == [942_000, 289_200] and model.parameter_count() == 942_000 + 289_200 + 2_410
    assert [type(part).__name__ for part in model.layers[0]] == ["Linear", "Maxout", "Dropout"]


def test_maxout_learns_made_up_digits(prepared: dict[str, Path]) -> None:
    train, test = (load_split(prepared["grey"], name) for name in ("train", "test"))
    parameters = {"hidden": (12,), "pieces": 3, "dropout": 0.2}
    settings = experiment("maxout", batch_size=20, patience=None, parameters=parameters)
    model, _ = SeedRun("x", settings, 0, load_spec(prepared["grey"]).to_dict()).fit(train, None, 12, [])
    assert (model.predict(test.x).argmax(1) == test.y).mean() > 0.9


def test_maxout_of_one_piece() -> None:
    with pytest.raises(StemmaError, match="pieces: 1; maxout takes at least 2"):
        families.build("maxout", table(4, 3), {"pieces": 1})
