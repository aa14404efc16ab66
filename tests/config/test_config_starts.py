"""Experiments that start from another one's models."""

import copy
from pathlib import Path

import pytest
import yaml
from config_files import GOOD, changed, message

from stemma import config

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
