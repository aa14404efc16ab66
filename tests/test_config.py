"""params.yaml: what is refused, and that the message says where, what and what is allowed."""

import copy
import dataclasses
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from stemma import config
from stemma.data.validation.limits import Limits
from stemma.errors import StemmaError
from stemma.families.catalog import CATALOG
from stemma.gate import Rules

ROOT = Path(__file__).parents[1]
GOOD = {
    "datasets": {"grey": {"use": "mnist@sample"}, "text": {"use": "rotten_tomatoes@sample"}},
    "training": {"epochs": 4},
    "experiments": {
        "digits": {"dataset": "grey", "family": "cnn", "architecture": "lenet5", "parameters": {"form": "modern"}},
        "reviews": {"dataset": "text", "family": "rnn", "architecture": "lstm", "epochs": 2},
    },
}


def changed(path: str, value: object) -> dict:
    values = copy.deepcopy(GOOD)
    *parents, last = path.split(".")
    place = values
    for parent in parents:
        place = place.setdefault(parent, {})
    place[last] = value
    return values


def message(tmp_path: Path, values: object) -> str:
    file = tmp_path / "params.yaml"
    file.write_text(values if isinstance(values, str) else yaml.safe_dump(values))
    with pytest.raises(StemmaError) as error:
        config.load(file)
    return str(error.value)


def test_experiments_take_the_defaults_and_override_them(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(yaml.safe_dump(GOOD))
    checked = config.load(file)
    assert checked.experiment("digits").epochs == 4 and checked.experiment("reviews").epochs == 2
    assert checked.experiment("digits").parameters == {"form": "modern"}


def test_the_shipped_parameters_are_in_order() -> None:
    for file in [ROOT / "params.yaml", *ROOT.glob("recipes/*.yaml")]:
        config.load(file)


def test_params_yaml_writes_out_every_default_of_training() -> None:
    """DVC sees params.yaml, not the defaults in the code: what is not written there could change unseen."""
    written = yaml.safe_load((ROOT / "params.yaml").read_text())["training"]
    assert set(written) == set(config.Training.model_fields)


def test_an_empty_list_of_epsilons_switches_perturbations_off(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(changed("evaluation", {"epsilons": []})))
    assert config.load(tmp_path / "params.yaml").evaluation.epsilons == ()
    assert 0.007 in config.Evaluation().epsilons


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("experiments.digits.architecture", "lenet", "experiments.digits.architecture: unknown name 'lenet' (did you mean 'lenet5'?)"),
        ("experiments.digits.epoch", 3, "experiments.digits: unknown key 'epoch' (did you mean 'epochs'?)"),
        ("experiments.digits.parameters.fom", 3, "experiments.digits.parameters: unknown key 'fom' (did you mean 'form'?)"),
        ("experiments.digits.parameters.form", "2020", "experiments.digits.parameters.form: input should be '1998' or 'modern', found '2020'"),
        ("experiments.digits.dataset", "gray", "experiments.digits.dataset: unknown name 'gray' (did you mean 'grey'?)"),
        ("experiments.digits.dataset", "text", "'lenet5' accepts image; slot 'text' (rotten_tomatoes@sample) holds text"),
        ("experiments.digits.family", "rnn", "experiments.digits.family: 'lenet5' belongs to 'cnn', found 'rnn'"),
        ("experiments.digits.epochs", 0, "experiments.digits.epochs: input should be greater than or equal to 1, found 0"),
        ("experiments.digits.epochs", "3", "experiments.digits.epochs: input should be a valid integer, found '3'"),
        ("experiments.digits.seeds", [1, 1], "experiments.digits.seeds: seeds must be distinct"),
        ("experiments.digits.seeds", [-1], "experiments.digits.seeds.0: input should be greater than or equal to 0, found -1"),
        ("experiments.digits.strategy", "dpp", "experiments.digits.strategy: input should be 'auto', 'ddp' or"),
        ("experiments.digits.limit_val_batches", 1.5, "experiments.digits.limit_val_batches"),
        ("experiments.a/b", GOOD["experiments"]["digits"], "experiments.a/b: string should match pattern"),
        ("datasets.grey.test", "rotten_tomatoes@sample", "datasets.grey: test 'rotten_tomatoes@sample' holds text to classify, 'mnist@sample' image to classify"),
        ("training.learning_rate", -1, "training.learning_rate: input should be greater than 0, found -1"),
        ("training.learnig_rate", 1, "training: unknown key 'learnig_rate' (did you mean 'learning_rate'?)"),
        ("training.optimizer", "adm", "training.optimizer: input should be 'gradient_descent', 'sgd'"),
        ("datasets.grey.use", "mnst@sample", "(did you mean 'mnist'?)"),
        ("datasets.grey.use", "mnist@smple", "(did you mean 'sample'?)"),
        ("datasets.grey.validation", 1.5, "datasets.grey.validation: input should be less than 1, found 1.5"),
        ("experimets", {}, "unknown key 'experimets' (did you mean 'experiments'?)"),
        ("evaluation", {"epsilons": [0.1, 0.02]}, "evaluation.epsilons: epsilons must ascend and be distinct, found [0.1, 0.02]"),
        ("evaluation", {"epsilons": [0.1, 0.1]}, "evaluation.epsilons: epsilons must ascend and be distinct, found [0.1, 0.1]"),
        ("evaluation", {"epsilons": [0, 0.1]}, "evaluation.epsilons.0: input should be greater than 0, found 0"),
        ("evaluation", {"perturbed": 0}, "evaluation.perturbed: input should be greater than or equal to 1, found 0"),
        ("evaluation", {"corruptions": {"blur": [2, 1]}}, "evaluation.corruptions.blur: blur must ascend and be distinct, found [2.0, 1.0]"),
        ("evaluation", {"corruptions": {"shift": [0.5]}}, "evaluation.corruptions.shift.0: input should be a valid integer, found 0.5"),
        ("evaluation", {"corruptions": {"drop": [1.0]}}, "evaluation.corruptions.drop.0: input should be less than 1, found 1.0"),
        ("evaluation", {"corruptions": {"fog": [1.0]}}, "evaluation.corruptions: unknown key 'fog'; known: blur, drop, noise, shift"),
        ("comparison", {"budgets": {"parameters": [100, 10]}}, "comparison.budgets.parameters: parameters must ascend and be distinct, found [100, 10]"),
        ("evaluation", {"epsilon": [0.1]}, "evaluation: unknown key 'epsilon' (did you mean 'epsilons'?)"),
        ("gate", {"alpha": 2}, "gate.alpha: input should be less than 1, found 2"),
        ("gate", {"max_confirmations": 0}, "gate.max_confirmations: input should be greater than or equal to 1, found 0"),
        ("gate", {"robust_margin": 0.1}, "gate: robust_margin: needs robust_epsilon, which is null"),
        ("gate", {"robust_epsilon": 0.1}, "gate: robust_epsilon: 0.1, but robust_bound and robust_margin are null; "),
        ("gate", {"robust_epsilon": 0.3, "robust_bound": 0.5}, "gate.robust_epsilon: 0.3 is not one of "
         "evaluation.epsilons (0.007, 0.02, 0.05, 0.1, 0.2)"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_that_names_it(path: str, value: object, expected: str, tmp_path: Path) -> None:
    text = message(tmp_path, changed(path, value))
    assert expected in text and len(text.splitlines()) == 1 and text.startswith(str(tmp_path / "params.yaml"))


def test_numbers_as_yaml_writes_them_and_words_that_look_like_numbers(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    values = changed("training.epochs", 4)
    file.write_text(yaml.safe_dump(values).replace("epochs: 4", "learning_rate: 1e-3").replace("modern", "1998"))
    digits = config.load(file).experiment("digits")
    assert digits.learning_rate == 0.001 and digits.parameters == {"form": "1998"}


def test_a_key_given_twice(tmp_path: Path) -> None:
    text = yaml.safe_dump(GOOD) + "training: {epochs: 9}\n"
    assert "the key 'training' stands there twice" in message(tmp_path, text)


def test_depth_of_a_resnet(tmp_path: Path) -> None:
    entry = {"dataset": "grey", "family": "cnn", "architecture": "resnet", "parameters": {"depth": 9}}
    text = message(tmp_path, changed("experiments.digits", entry))
    assert "experiments.digits.parameters.depth: depth must be 6n + 2" in text and "found 9" in text


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    values = changed("training.epochs", 0)
    values["experiments"]["digits"]["architecture"] = "lenet"
    values["datasets"]["grey"]["seed"] = -1
    assert len(message(tmp_path, values).splitlines()) == 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a: [1", "not valid YAML in line"), ("- 1", "expected a mapping"), ("", "expected a mapping"), ("datasets: {}", "experiments: missing")],
)  # fmt: skip
def test_a_file_that_is_no_parameter_file(text: str, expected: str, tmp_path: Path) -> None:
    assert expected in message(tmp_path, text)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(StemmaError, match="no such file"):
        config.load(tmp_path / "params.yaml")


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)))  # fmt: skip
@settings(deadline=None)
def test_no_content_whatever_gives_anything_but_the_own_error(
    tmp_path_factory: pytest.TempPathFactory, value: object
) -> None:
    for key in ("datasets", "training", "experiments", "gate"):
        file = tmp_path_factory.getbasetemp() / "any.yaml"
        file.write_text(yaml.safe_dump({**GOOD, key: value}))
        with suppress(StemmaError):
            config.load(file)


def test_every_declared_parameter_is_one_of_the_constructor() -> None:
    import inspect

    for key, entry in CATALOG.items():
        taken: set[str] = set()
        for cls in entry.load().__mro__:
            signature = inspect.signature(cls.__init__) if "__init__" in vars(cls) else None
            names = set(signature.parameters) - {"self", "spec", "args", "kwargs"} if signature else set()
            taken |= names
            if signature and not any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values()):
                break
        assert set(entry.parameters) <= taken, key


def test_the_limits_are_those_of_the_stage() -> None:
    assert config.Limits().to(Limits) == Limits()
    assert set(config.Limits.model_fields) == {field.name for field in dataclasses.fields(Limits)}


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


TRANSFER = {"dataset": "grey", "family": "cnn", "architecture": "lenet5", "parameters": {"form": "modern"}}


def with_transfer(**entry: object) -> dict:
    return {**copy.deepcopy(GOOD), "transfers": {"tuned": {**TRANSFER, "start": {"experiment": "digits"}, **entry}}}


def test_what_starts_from_another_experiment(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    svm = {"dataset": "grey", "family": "baseline", "architecture": "rbf_svm", "start": {"experiment": "tuned"}}
    values = with_transfer(start={"experiment": "digits", "freeze": {"body": 1, "features.0": "always"}})
    values["transfers"]["svm"] = svm
    values["transfers"]["reviews-lda"] = {
        **svm,
        "dataset": "text",
        "architecture": "lda",
        "start": {"experiment": "reviews"},
    }
    file.write_text(yaml.safe_dump(values))
    checked = config.load(file)
    assert set(checked.trained) == {"digits", "reviews", "tuned", "svm", "reviews-lda"}
    tuned = checked.experiment("tuned")
    assert tuned.epochs == 4 and tuned.start.head == "new" and tuned.start.freeze == {"body": 1, "features.0": "always"}


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"start": {"experiment": "digit"}}, "transfers.tuned.start.experiment: unknown name 'digit' (did you mean 'digits'?)"),
        ({"start": {"experiment": "tuned"}}, "start.experiment: 'tuned' itself starts from this experiment"),
        ({"start": {"experiment": "reviews"}}, "'reviews' is a lstm, whose weights do not fit a lenet5"),
        ({"start": {"experiment": "reviews"}}, "start.experiment: 'reviews' reads text, this one's slot 'grey' holds image"),
        ({"start": {}}, "transfers.tuned.start.experiment: missing"),
        ({"start": {"experiment": "digits", "heads": "new"}}, "transfers.tuned.start: unknown key 'heads'"),
        ({"start": {"experiment": "digits", "freeze": {"body": 4}}}, "start.freeze.body: 4 epochs, but epochs is 4"),
        ({"start": {"experiment": "digits", "freeze": {"body": "never"}}}, "start.freeze: layer 'body' waits for 'never'; write a number of epochs (1 or more) or always"),
        ({"seeds": [7, "a", [1]]}, "transfers.tuned.seeds: [7] are none of 'digits'"),
        ({"architecture": ["lenet5"]}, "transfers.tuned.architecture: input should be a valid string"),
        ({"parameters": {"form": "1998"}}, "parameters.form: 1998, but 'digits' has modern; its weights need the same"),
        ({"parameters": {}}, "parameters.form: not written, but 'digits' has modern"),
        ({"start": {"experiment": "digits", "freeze": {"body": "always"}}, "companion": "centre"}, "companion: 'centre' is of the layers below the head, which start.freeze.body keeps; none"),
        ({"architecture": "ridge", "family": "baseline", "parameters": {}}, "'ridge' learns to regress; slot 'grey' (mnist@sample) has the task classify"),
        ({"seeds": [0, 7]}, "transfers.tuned.seeds: [7] are none of 'digits', which has [0, 1, 2]"),
        ({"architecture": "mlp", "family": "mlp", "parameters": {}}, "'digits' is a lenet5, whose weights do not fit a mlp"),
        ({"architecture": "knn", "family": "baseline", "parameters": {}, "start": {"experiment": "digits", "head": "keep"}}, "start.head: is for networks; 'knn' learns on the hidden layer"),
        ({"architecture": "colour_statistics", "family": "baseline", "parameters": {}}, "'colour_statistics' does not accept a table"),
    ],
)  # fmt: skip
def test_starts_that_do_not_fit(entry: dict, told: str, tmp_path: Path) -> None:
    assert told in message(tmp_path, with_transfer(**entry))


def test_a_start_from_what_has_no_hidden_layer(tmp_path: Path) -> None:
    values = with_transfer()
    values["experiments"]["digits"] = {"dataset": "grey", "family": "baseline", "architecture": "lda"}
    told = "transfers.tuned.start.experiment: 'digits' is a lda, which has no hidden layer to start from"
    assert message(tmp_path, values).splitlines()[-1].endswith(told)


@pytest.mark.parametrize(
    ("slot", "told"),
    [
        ({"use": "mnist@sample", "seed": 1}, "'digits' may have trained on examples that are held out here: of one dataset it has seed 0 and here 1"),
        ({"use": "mnist@canonical"}, "it has use 'mnist@sample' and here 'mnist@canonical'"),
        ({"use": "mnist@sample", "validation": 0.2}, "it has validation 0.1 and here 0.2"),
        ({"use": "mnist@sample", "train_fraction": 0.1}, None),
        ({"use": "digits@package", "seed": 1}, None),
    ],
)  # fmt: skip
def test_what_is_held_out_was_not_trained_on(slot: dict, told: str | None, tmp_path: Path) -> None:
    values = with_transfer(dataset="other")
    values["datasets"]["other"] = slot
    if told is None:
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(values))
        config.load(tmp_path / "params.yaml")
    else:
        assert told in message(tmp_path, values)


def test_a_start_from_what_saw_the_validation_examples(tmp_path: Path) -> None:
    values = with_transfer()
    values["experiments"]["digits"]["refit"] = True
    values["transfers"]["later"] = {**values["transfers"]["tuned"], "start": {"experiment": "tuned"}}
    told = "'digits' has refit: true: it trained on the examples that this one is chosen by"
    lines = message(tmp_path, values).splitlines()
    refused = {line.partition(": ")[2].partition(".start")[0] for line in lines if told in line}
    assert refused == {"transfers.tuned", "transfers.later"}


def test_one_net_of_several_side_by_side_starts_nothing(tmp_path: Path) -> None:
    nets = {"dataset": "grey", "family": "mlp", "architecture": "mlp", "parameters": {"starts": 3}}
    values = with_transfer(**nets)
    values["experiments"]["digits"] = nets
    assert "parameters.starts: 3; a net that starts from another one is one net: 1" in message(tmp_path, values)


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


def test_starts_in_a_circle_and_keys_twice(tmp_path: Path) -> None:
    values = with_transfer(start={"experiment": "other"})
    values["transfers"]["other"] = {**TRANSFER, "start": {"experiment": "tuned"}}
    assert "transfers.other.start.experiment: 'tuned' itself starts from this experiment" in message(tmp_path, values)
    values = with_transfer()
    values["transfers"]["digits"] = values["transfers"].pop("tuned")
    assert "transfers.digits: experiments has this key too; each key is one experiment" in message(tmp_path, values)


def test_a_start_in_the_wrong_section(tmp_path: Path) -> None:
    told = "experiments.digits.start: what starts from another experiment stands in the section `transfers`"
    assert message(tmp_path, changed("experiments.digits.start", {"experiment": "reviews"})).endswith(told)


def test_the_gate_has_one_default_for_each_rule(tmp_path: Path) -> None:
    """Rules() asks for nothing of the data, which only the pipeline knows; all else is as in params.yaml."""
    shipped, plain = config.load(ROOT / "params.yaml").gate, config.Gate()
    assert shipped == plain
    differ = {key for key, value in plain.model_dump().items() if value != getattr(Rules(), key)}
    assert differ == {"validation_passed", "no_leakage"}
    assert plain.to(Rules) == Rules.of(plain.model_dump())
