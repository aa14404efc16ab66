"""params.yaml: what is refused, and that the message says where, what and what is allowed."""

import dataclasses
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from config_files import GOOD, changed, message
from hypothesis import given, settings
from hypothesis import strategies as st

from stemma import config
from stemma.data.validation.limits import Limits
from stemma.errors import StemmaError
from stemma.families.catalog import CATALOG
from stemma.gate import Rules

ROOT = Path(__file__).parents[2]


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


def test_the_gate_has_one_default_for_each_rule(tmp_path: Path) -> None:
    """Rules() asks for nothing of the data, which only the pipeline knows; all else is as in params.yaml."""
    shipped, plain = config.load(ROOT / "params.yaml").gate, config.Gate()
    assert shipped == plain
    differ = {key for key, value in plain.model_dump().items() if value != getattr(Rules(), key)}
    assert differ == {"validation_passed", "no_leakage"}
    assert plain.to(Rules) == Rules.of(plain.model_dump())
