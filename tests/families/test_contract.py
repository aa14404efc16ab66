"""What every catalogued architecture must do, on made-up data of every kind that it accepts."""

from pathlib import Path

import numpy as np
import pytest
import torch

from made_up import ASKED, SETS
from stemma import families, robustness
from stemma.config import Experiment
from stemma.data.store import Split, load_spec, load_split
from stemma.errors import StemmaError
from stemma.families.catalog import CATALOG, FAMILIES
from stemma.families.features import OnFeatures
from stemma.scores import scoring
from stemma.training.datamodule import Batch, to_batch
from stemma.training.loop import SeedRun

SMALL = {
    "lenet5": {"form": "modern"},
    "resnet": {"depth": 8},
    "kim_cnn": {"embedding": 8, "maps": 4},
    "simple_rnn": {"hidden": 16, "layers": 2},
    "lstm": {"hidden": 16},
    "rbm": {"hidden": 20, "pretrain_epochs": 1, "ais_temperatures": 20},
    "dbn": {"hidden": (20, 15), "pretrain_epochs": 1},
    "generative_dbn": {
        "hidden": (20, 15),
        "pretrain_epochs": 1,
        "up_down_epochs": 1,
        "bound_samples": 2,
        "ais_temperatures": 20,
    },
    "dbm": {"hidden": (20, 15), "pretrain_epochs": 1, "joint_epochs": 1, "chains": 10, "ais_temperatures": 20},
    "autoencoder": {"hidden": (20, 5), "pretrain_epochs": 1},
    "conv_ae": {"maps": (4, 6), "code": 8, "pretrain_epochs": 1},
    "sparse_ae": {"hidden": (20,), "pretrain_epochs": 1},
    "denoising_ae": {"hidden": (20,), "pretrain_epochs": 1},
    "contractive_ae": {"hidden": 20, "pretrain_epochs": 1},
    "stacked_ae": {"hidden": (20, 15), "pretrain_epochs": 1},
    "dsn": {"hidden": 30, "blocks": 2},
    "som": {"rows": 4, "columns": 4, "passes": 5},
    "hopfield": {"patterns": 2},
    "boltzmann": {"hidden": 3, "side": 3, "learn_sweeps": 3, "sweeps": 5},
    "mlp": {"hidden": (16,)},
    "pca": {"components": 3},
    "maxout": {"hidden": (16,), "pieces": 3},
    "conv1d": {"maps": (12,), "embedding": 8},
}
SLOTS = {
    ("image", "classify"): ("grey", "colour"),
    ("text", "classify"): ("text",),
    ("table", "classify"): ("table",),
    ("image", "regress"): ("grey_values",),
    ("text", "regress"): ("text_values",),
    ("table", "regress"): ("table_values",),
    **{
        (kind, task): (f"{slot}_{name}",)
        for name, task in ASKED.items()
        for kind, slot in (("image", "grey"), ("text", "text"), ("table", "table"))
    },
}
CASES = [
    (key, slot)
    for key, entry in CATALOG.items()
    for kind in entry.kinds
    for task in entry.tasks
    for slot in SLOTS[kind, task]
]
ANSWERING = [case for case in CASES if not scoring(SETS[case[1]].task).asked]
"""Those that answer with classes or a value."""


def build(key: str, folder: Path):
    torch.manual_seed(0)
    return families.build(key, load_spec(folder).to_dict(), SMALL.get(key, {}))


def experiment(key: str, **settings) -> Experiment:
    common = {
        "dataset": "slot",
        "family": CATALOG[key].family,
        "architecture": key,
        "parameters": SMALL.get(key, {}),
    }
    return Experiment(**common, **{"epochs": 2, "batch_size": 20, "accelerator": "cpu", "seeds": (0,), **settings})


@pytest.mark.parametrize("key", CATALOG)
def test_entry_is_complete(key: str) -> None:
    entry = CATALOG[key]
    assert entry.family in FAMILIES and entry.paper and entry.kinds and entry.tasks
    assert entry.load().differentiable is (entry.family != "baseline") and not OnFeatures.differentiable


@pytest.mark.parametrize(("key", "slot"), CASES)
def test_trains_saves_reloads_and_predicts_the_same(
    key: str, slot: str, prepared: dict[str, Path], tmp_path: Path
) -> None:
    train, validation, test = (load_split(prepared[slot], name) for name in ("train", "validation", "test"))
    rows: list[dict] = []
    model, best = SeedRun(key, experiment(key), 0, load_spec(prepared[slot]).to_dict()).fit(train, validation, 2, rows)
    spec = load_spec(prepared[slot])
    assert {"val_loss", f"val_{scoring(spec.task).primary}"} <= set(best) and best in rows
    answers = model.predict(test.x, test.lengths, test.texts)
    if scoring(spec.task).asked:
        assert len(answers) == len(test) and np.isfinite(answers).all()
    elif spec.task == "regress":
        assert answers.shape == (len(test),) and best["val_rmse"] < 1.5 * spec.target_std
    else:
        assert answers.shape == (len(test), len(spec.classes))
        np.testing.assert_allclose(answers.sum(1), 1, atol=1e-5)
    families.save(model, tmp_path, key, SMALL.get(key, {}))
    families.save(model, tmp_path / "twice", key, SMALL.get(key, {}))
    for path in tmp_path.iterdir():
        assert not path.is_file() or path.read_bytes() == (tmp_path / "twice" / path.name).read_bytes()
    again = families.load(tmp_path)
    np.testing.assert_array_equal(again.predict(test.x, test.lengths, test.texts), answers)
    assert model.parameter_count() == again.parameter_count() > 0


@pytest.mark.parametrize(("key", "slot"), CASES)
def test_prediction_does_not_depend_on_the_batch(key: str, slot: str, prepared: dict[str, Path]) -> None:
    train, test = load_split(prepared[slot], "train"), load_split(prepared[slot], "test")
    model, _ = SeedRun(key, experiment(key), 0, load_spec(prepared[slot]).to_dict()).fit(train, None, 1, [])
    whole = model.predict(test.x, test.lengths, test.texts)
    alone = np.concatenate([model.predict(*(None if part is None else part[i : i + 1] for part in
                                                  (test.x, test.lengths, test.texts))) for i in range(10)])  # fmt: skip
    np.testing.assert_allclose(alone, whole[:10], atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize(("key", "slot"), [case for case in CASES if CATALOG[case[0]].family != "baseline"])
def test_every_trainable_parameter_gets_a_gradient(key: str, slot: str, prepared: dict[str, Path]) -> None:
    model, data = build(key, prepared[slot]), to_batch(load_split(prepared[slot], "train"))
    for phase in model.phases():
        if phase.objective is None:
            continue
        model.zero_grad(set_to_none=True)
        model.begin(phase, experiment(key))
        batch = data if phase.inputs is None else Batch(phase.inputs(data), data.y)
        values = phase.objective(batch)
        assert torch.isfinite(values["loss"])
        values["loss"].backward()
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                assert parameter.grad is not None and parameter.grad.abs().sum() > 0, (phase.name, name)
            else:
                assert parameter.grad is None, (phase.name, name)


@pytest.mark.parametrize("key", CATALOG)
def test_entry_says_what_descends(key: str, prepared: dict[str, Path]) -> None:
    model = build(key, prepared[next(slot for name, slot in CASES if name == key)])
    last = model.phases()[-1]
    descends = "none" if last.solve else "output" if last.trainable == (getattr(model, "head", None),) else "all"
    assert CATALOG[key].descends == descends


@pytest.mark.parametrize(
    ("key", "parameters", "slot"),
    [
        *[(key, SMALL.get(key, {}), slot) for key, slot in ANSWERING if CATALOG[key].family != "baseline"],
        ("lenet5", {"form": "1998"}, "grey"),
        ("mlp", {"hidden": (8,), "starts": 3, "activation": "maxout"}, "table"),
        ("mlp", {"hidden": (8,), "batch_norm": True, "drop": "standout", "dropout": 0.4}, "table"),
        ("simple_rnn", {"hidden": 8, "layers": 2, "activation": "sigmoid", "dropout": 0.3}, "text"),
    ],
)  # fmt: skip
def test_loses_under_perturbations_and_stays_as_it_was(
    key: str, parameters: dict, slot: str, prepared: dict[str, Path]
) -> None:
    torch.manual_seed(0)
    spec, test = load_spec(prepared[slot]), load_split(prepared[slot], "test")
    model = families.build(key, spec.to_dict(), parameters)
    for phase in model.phases():
        if phase.solve:
            phase.solve(load_split(prepared[slot], "train"))
    model.train()
    first = next(model.parameters())
    first.requires_grad_(False)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    learning = [p.requires_grad for p in model.parameters()]
    found = robustness.sweep(model, test.x, test.y, test.lengths, (1e-3, 0.007, 0.1))
    assert np.isfinite(found.answers).all()
    assert model.training and learning == [p.requires_grad for p in model.parameters()]
    assert all(p.grad is None for p in model.parameters())
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert not any(module._forward_hooks for module in model.modules())
    np.testing.assert_allclose(found.answers[0], model.predict(test.x, test.lengths, test.texts), rtol=1e-5, atol=1e-6)
    plain, least, *_ = [_loss(spec, answers, test.y) for answers in found.answers]
    assert least > plain


def _loss(spec, answers: np.ndarray, y: np.ndarray) -> float:
    if spec.task == "regress":
        return float(np.mean((answers.astype(np.float64) - y) ** 2))
    return float(-np.log(answers[np.arange(len(y)), y].astype(np.float64)).mean())


FORMS = [(key, slot, {}) for key, slot in ANSWERING if CATALOG[key].family != "baseline"]
FORMS += [
    ("lenet5", "grey", {"form": "1998"}),
    ("mlp", "table", {"starts": 3}),
    ("mlp", "grey", {"drop": "dropconnect", "dropout": 0.5}),
]


@pytest.mark.parametrize(("key", "slot", "form"), FORMS)
def test_what_enters_the_output_layer_makes_the_outputs(
    key: str, slot: str, form: dict, prepared: dict[str, Path]
) -> None:
    spec = load_spec(prepared[slot])
    model = families.build(key, spec.to_dict(), {**SMALL.get(key, {}), **form}).eval()
    x, _, lengths = to_batch(load_split(prepared[slot], "test"))
    hidden, layer, outputs = model.last_hidden(x, lengths), model.output_layer(), model(x, lengths)
    assert hidden.shape == (len(x), layer.in_features) and not layer._forward_pre_hooks
    if form.get("starts"):
        outputs = model.each(x)[0]
    if key == "perceptron":
        units = layer(hidden) / layer.weight.norm(dim=1)
        torch.testing.assert_close(units, outputs[:, -layer.out_features :])
    else:
        torch.testing.assert_close(layer(hidden), outputs)


@pytest.mark.parametrize("key", [key for key, entry in CATALOG.items() if entry.family != "baseline"])
def test_layer_table_accounts_for_every_parameter(key: str, prepared: dict[str, Path]) -> None:
    from stemma.families.shapes import shapes

    model = build(key, prepared[next(slot for name, slot in CASES if name == key)])
    assert sum(row["parameters"] for row in shapes(model)) == model.parameter_count()


def test_refuses_data_of_another_kind(prepared: dict[str, Path]) -> None:
    with pytest.raises(StemmaError, match="accepts text, the data is image"):
        build("kim_cnn", prepared["grey"])


def test_refuses_a_task_that_it_does_not_learn(prepared: dict[str, Path]) -> None:
    with pytest.raises(StemmaError, match="learns to classify, the data's task is regress"):
        build("logistic_regression", prepared["table_values"])


def test_unknown_architecture_names_the_nearest(prepared: dict[str, Path]) -> None:
    with pytest.raises(StemmaError, match="did you mean 'lenet5'"):
        build("lenet", prepared["grey"])


def test_an_estimator_gives_probability_0_to_a_class_it_never_saw(prepared: dict[str, Path]) -> None:
    train = load_split(prepared["grey"], "train")
    seen = train.y < 9
    model = build("logistic_regression", prepared["grey"])
    model.solve(Split(train.x[seen], train.y[seen]))
    assert (model.predict(train.x)[:, 9] == 0).all()
