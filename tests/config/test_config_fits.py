"""Whether what params.yaml names fits together: architecture, data, loss, optimiser."""

import copy
from pathlib import Path

import pytest
import yaml
from config_files import GOOD, changed, message

from stemma import config
from stemma.errors import StemmaError
from stemma.families.catalog import CATALOG


def test_depth_of_a_resnet(tmp_path: Path) -> None:
    entry = {"dataset": "grey", "family": "cnn", "architecture": "resnet", "parameters": {"depth": 9}}
    text = message(tmp_path, changed("experiments.digits", entry))
    assert "experiments.digits.parameters.depth: depth must be 6n + 2" in text and "found 9" in text


@pytest.mark.parametrize(
    ("slot", "said"),
    [
        ({"use": "mnist@sample", "tokens": "byte"}, "datasets.grey.tokens: is for text; 'mnist' holds image"),
        ({"use": "mnist@sample", "scaling": "none"}, "datasets.grey.scaling: is for table; 'mnist' holds image"),
        ({"use": "diabetes@package", "labels_per_class": 5}, "labels_per_class: is for classify; 'diabetes' holds regress"),
        ({"use": "mnist@sample", "digest": "zzz"}, "datasets.grey.digest: string should match pattern"),
        ({"use": "mnist@sample", "test_digest": "0" * 64}, "test_digest: is of `test`, which is not given"),
        ({"use": "mnist@sample", "encoding": "nonsense"}, "datasets.grey.encoding: unknown encoding 'nonsense'"),
        ({"use": "mnist@sample", "resize": {"height": 9, "wide": 9}}, "datasets.grey.resize: unknown key 'wide' (did you mean 'width'?); known: height, method, width"),
        ({"use": "mnist@sample", "resize": {"height": 99999, "width": 9, "method": "max"}}, "resize.height: input should be less than or equal to 4096"),
        ({"use": "mnist@sample", "fold": 3}, "fold: 3 of folds: None"),
        ({"use": "pairs@./x", "test": "adding@length_25"}, "holds sequence to regress, 'pairs@./x' sequence to transduce"),
    ],
)  # fmt: skip
def test_settings_that_a_slot_cannot_have(slot: dict, said: str, tmp_path: Path) -> None:
    values = {"datasets": {"grey": slot}, "training": {}, "experiments": {}}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(values))
    with pytest.raises(StemmaError) as caught:
        config.load(tmp_path / "params.yaml")
    assert said in str(caught.value)


def test_an_architecture_learns_the_slots_task(tmp_path: Path) -> None:
    experiments = {
        "a": {"dataset": "t", "family": "baseline", "architecture": "logistic_regression"},
        "b": {"dataset": "t", "family": "mlp", "architecture": "mlp", "monitor": "val_accuracy"},
    }
    values = {"datasets": {"t": {"use": "diabetes@package"}}, "experiments": experiments}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(values))
    with pytest.raises(StemmaError) as caught:
        config.load(tmp_path / "params.yaml")
    assert "'logistic_regression' learns to classify; slot 't' (diabetes@package) has the task regress" in str(
        caught.value
    )
    assert "experiments.b.monitor: 'val_accuracy' is none of the task regress" in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"optimizer": "adam", "momentum": 0.9}, "momentum: 0.9, but optimizer 'adam' takes none"),
        ({"optimizer": "momentum"}, "momentum: 0, but optimizer 'momentum' needs one above 0"),
        ({"optimizer": "adam", "optimizer_options": {"beta": 1}}, "optimizer_options.beta: 'adam' does not take it"),
        ({"optimizer": "bfgs", "schedule": "cosine"}, "schedule: 'cosine'; allowed with 'bfgs'"),
        ({"optimizer": "bfgs", "architecture": "lenet5", "family": "cnn"}, "optimizer: 'bfgs' searches its own step, for "
         "autoencoder, conv_ae, sparse_ae, denoising_ae, contractive_ae, stacked_ae, mlp, maxout, linear by gradient; not for 'lenet5'"),
        ({"loss": "hinge"}, "loss: "),
        ({"optimizer": ["adam"]}, "experiments.a.optimizer: input should be"),
        ({"optimizer": {"adam": 1}}, "experiments.a.optimizer: input should be"),
        ({"monitor": ["val_loss"]}, "experiments.a.monitor: "),
        ({"monitor": None}, "patience: 3, but monitor is null; allowed with it: null"),
        ({"monitor": "None"}, "experiments.a.monitor: input should be 'val_loss', 'val_accuracy', 'val_rmse', 'val_reconstruction_error', 'val_log_likelihood', 'val_quantisation_error' or 'val_bits_right', found 'None'"),
        ({"monitor": "val_acc"}, "experiments.a.monitor: input should be 'val_loss', 'val_accuracy', 'val_rmse', "),
        ({"monitor": "val_rmse"}, "experiments.a.monitor: 'val_rmse' is none of the task classify"),
        ({"parameters": {"pieces": 1}}, "parameters.pieces: input should be greater than or equal to 2"),
    ],
)  # fmt: skip
def test_parts_that_do_not_fit(settings: dict, said: str, tmp_path: Path) -> None:
    experiment = {"dataset": "grey", "family": "mlp", "architecture": "mlp", **settings}
    values = {"datasets": {"grey": {"use": "mnist@sample"}}, "experiments": {"a": experiment}}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(values))
    with pytest.raises(StemmaError) as caught:
        config.load(tmp_path / "params.yaml")
    (line,) = str(caught.value).splitlines()
    assert said in line


def test_linear_searches_only_by_gradient(tmp_path: Path) -> None:
    values = {
        "datasets": {"t": {"use": "diabetes@package"}},
        "experiments": {"a": {"dataset": "t", "family": "mlp", "architecture": "linear", "optimizer": "bfgs"}},
    }
    said = "maxout, linear by gradient; not for 'linear'"
    assert said in message(tmp_path, values)
    values["experiments"]["a"]["parameters"] = {"solver": "gradient"}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(values))
    config.load(tmp_path / "params.yaml")


def test_a_loss_of_classes_is_none_of_a_regression(tmp_path: Path) -> None:
    experiment = {"dataset": "t", "family": "mlp", "architecture": "mlp", "loss": "kl"}
    values = {"datasets": {"t": {"use": "diabetes@package"}}, "experiments": {"a": experiment}}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(values))
    with pytest.raises(StemmaError, match=r"experiments.a.loss: 'kl' is none for regress; known: auto, mse, l1"):
        config.load(tmp_path / "params.yaml")


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"architecture": "logistic_regression", "weight_average": "ema"}, "weight_average: 'ema', but 'logistic_regression' has no steps to average; allowed: none"),
        ({"architecture": "perceptron", "companion": "centre"}, "companion: 'centre' is of layers that learn by gradients, 'perceptron' has none; allowed: none"),
        ({"architecture": "rbm", "companion": "centre"}, "companion: 'centre' is of layers that learn by gradients, 'rbm' has none; allowed: none"),
        ({"architecture": "mlp", "companion": "contrastive", "dataset": "numbers"}, "companion: 'contrastive' is of classes; slot 'numbers' (diabetes@package) has the task regress; allowed: none"),
        ({"architecture": "mlp", "weight_average": "swa"}, "patience: 3; allowed with weight_average 'swa', which begins late: null"),
        ({"architecture": "mlp", "weight_average": "mean"}, "weight_average: input should be 'none', 'ema' or 'swa', found 'mean'"),
        ({"architecture": "mlp", "optimizer": "bfgs", "companion": "centre"}, "companion: 'centre'; allowed with 'bfgs', which minimises the loss alone: none"),
        ({"architecture": "mlp", "average_from": 1.0}, "average_from: input should be less than 1, found 1.0"),
        ({"architecture": "mlp", "centre_rate": 2.0}, "centre_rate: input should be less than or equal to 1, found 2.0"),
        ({"architecture": "maxout", "parameters": {"pieces": 1}}, "parameters.pieces: input should be greater than or equal to 2, found 1"),
    ],
)  # fmt: skip
def test_averages_and_companions_that_mean_nothing(entry: dict, said: str, tmp_path: Path) -> None:
    values = {
        "datasets": {"classes": {"use": "iris@package"}, "numbers": {"use": "diabetes@package"}},
        "experiments": {"x": {"dataset": "classes", "family": CATALOG[entry["architecture"]].family, **entry}},
    }
    text = message(tmp_path, values)
    assert said in text and len(text.splitlines()) == 1


@pytest.mark.parametrize("setting", [{"optimizer": "lbfgs"}, {"companion": "centre"}])
def test_several_nets_side_by_side_have_a_loss_each(setting: dict, tmp_path: Path) -> None:
    nets = {"dataset": "grey", "family": "mlp", "architecture": "mlp", "parameters": {"starts": 3}, **setting}
    key, value = next(iter(setting.items()))
    assert f"parameters.starts: 3; allowed with {key} '{value}': 1" in message(
        tmp_path, changed("experiments.digits", nets)
    )


def test_a_default_that_means_nothing_for_an_architecture_is_no_mistake(tmp_path: Path) -> None:
    values = copy.deepcopy(GOOD)
    values["training"] |= {"weight_average": "ema", "companion": "centre"}
    values["datasets"]["numbers"] = {"use": "diabetes@package"}
    for name, family, slot in (("knn", "baseline", "grey"), ("rbm", "dbn", "grey"), ("mlp", "mlp", "numbers")):
        values["experiments"][name] = {"dataset": slot, "family": family, "architecture": name}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(values))
    assert config.load(tmp_path / "params.yaml").experiment("mlp").companion == "centre"
