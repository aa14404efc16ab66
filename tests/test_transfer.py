"""Experiments that start from another one's trained models."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.svm import SVC

from made_up import COLOUR, GREY, TEXT, VALUES, prepare
from stemma import evaluation, families, training
from stemma.config import Transfer
from stemma.data.store import load_spec, load_split
from stemma.errors import StemmaError
from stemma.families.start import take_over, thawing
from stemma.runs import RunFiles
from stemma.training.loop import SeedRun
from test_training import bits, experiment

LETTERS = replace(GREY, classes=tuple("abcdefghij"))
BN = {"hidden": (16, 8), "batch_norm": True}


def transfer(start: dict[str, Any], architecture: str = "mlp", family: str = "mlp", **settings: Any) -> Transfer:
    plain = experiment(architecture, family, **{"seeds": (0,), **settings}).model_dump()
    return Transfer(**plain, start={"experiment": "first", **start})


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A prepared set, and run files of `first` (an mlp with batch normalisation) and `net` (a convnet)."""
    prepared, root = tmp_path_factory.mktemp("prepared"), tmp_path_factory.mktemp("runs")
    prepare(prepared, GREY)
    training.train("first", experiment(parameters=BN, learning_rate=0.01), prepared, root)
    training.train("net", experiment("convnet", "cnn", seeds=(0,), learning_rate=0.01), prepared, root)
    return prepared, root


def weights(root: Path, name: str, seed: int = 0) -> dict[str, torch.Tensor]:
    return families.load(RunFiles(name, root).model_folder(seed)).state_dict()


def changed(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> set[str]:
    return {name for name in before if not torch.equal(before[name], after[name])}


def test_each_seed_starts_from_the_same_seed_of_the_other(trained: tuple[Path, Path]) -> None:
    prepared, root = trained
    frozen = transfer({"freeze": {"body": "always"}, "head": "keep"}, parameters=BN, seeds=(0, 1))
    training.train("kept", frozen, prepared, root)
    for seed in (0, 1):
        assert changed(weights(root, "first", seed), weights(root, "kept", seed)) == {"head.weight", "head.bias"}


def test_a_frozen_body_keeps_its_bits_and_its_statistics(trained: tuple[Path, Path]) -> None:
    """A step of a thawed batch normalisation would change running means even where its weights are frozen."""
    prepared, root = trained
    settings = transfer({"freeze": {"layers.0": "always"}, "head": "new"}, parameters=BN, learning_rate=0.01)
    training.train("half", settings, prepared, root)
    moved = changed(weights(root, "first"), weights(root, "half"))
    assert not {name for name in moved if name.startswith("layers.0.")}
    assert {"layers.1.0.weight", "layers.1.1.running_mean", "head.weight"} <= moved


def test_layers_thaw_when_the_schedule_says(trained: tuple[Path, Path]) -> None:
    prepared, root = trained
    settings = transfer({"freeze": {"layers.0": 3, "layers.1": 1}}, parameters=BN, epochs=5, patience=None)
    training.train("thawing", settings, prepared, root)
    history = RunFiles("thawing", root).history(0)
    assert history.groupby("phase", sort=False)["epoch"].count().to_dict() == {"frozen1": 1, "frozen2": 2, "fit": 2}
    model = families.load(RunFiles("first", root).model_folder(0))
    first, second, last = thawing(model, settings.start.freeze)
    assert {name.rpartition(".")[0] for name in first.frozen} == {
        "layers.0.0",
        "layers.0.1",
        "layers.1.0",
        "layers.1.1",
    }
    assert {name.rpartition(".")[0] for name in second.frozen} == {"layers.0.0", "layers.0.1"} and last.frozen == ()
    assert {"layers.0.0.weight", "layers.0.1.running_mean"} <= changed(weights(root, "first"), weights(root, "thawing"))


def test_a_new_head_is_fresh_and_the_body_is_taken_over(trained: tuple[Path, Path]) -> None:
    _, root = trained
    source = families.load(RunFiles("first", root).model_folder(0))
    few = {**GREY.to_dict(), "classes": ["even", "odd"]}
    fresh = families.build("mlp", few, BN)
    head = fresh.head.weight.detach().clone()
    take_over(fresh, source, "new")
    assert torch.equal(fresh.head.weight, head) and fresh.head.weight.shape[0] == 2
    own, other = fresh.state_dict(), source.state_dict()
    assert changed({name: own[name] for name in own if not name.startswith("head")}, other) == set()


def test_pre_training_is_not_done_again(trained: tuple[Path, Path]) -> None:
    prepared, root = trained
    parameters = {"hidden": (12,), "pretrain_epochs": 1}
    training.train("dbn", experiment("dbn", "dbn", seeds=(0,), parameters=parameters), prepared, root)
    again = transfer({"experiment": "dbn"}, "dbn", "dbn", parameters=parameters)
    training.train("dbn-again", again, prepared, root)
    assert set(RunFiles("dbn-again", root).history(0)["phase"]) == {"fit"}


def test_a_refit_goes_through_the_frozen_epochs_too(trained: tuple[Path, Path]) -> None:
    """The same weights as a training of the chosen epochs alone, on train and validation together.

    By plain descent: Adam blows up the rounding in a bias before batch normalisation, whose gradient is zero.
    """
    prepared, root = trained
    settings = transfer({"freeze": {"body": 1}}, parameters=BN, epochs=3, refit=True, optimizer="sgd")
    training.train("refit", settings, prepared, root)
    chosen = RunFiles("refit", root).summary().seeds["seed0"].epochs
    run = SeedRun("by hand", settings, 0, load_spec(prepared).to_dict())
    run.start, run.origin = settings.start, RunFiles("first", root).model_folder(0)
    rows: list[dict[str, Any]] = []
    model, _ = run.fit(load_split(prepared, "train").joined(load_split(prepared, "validation")), None, chosen, rows)
    assert [row["phase"] for row in rows] == ["frozen1", *["fit"] * chosen]
    refitted = weights(root, "refit")
    for name, value in model.state_dict().items():
        torch.testing.assert_close(value, refitted[name], rtol=1e-4, atol=1e-4)


def test_a_kept_head_answers_in_the_same_unit(tmp_path: Path) -> None:
    source = families.build("mlp", VALUES.to_dict(), {"hidden": (4,)})
    take_over(families.build("mlp", VALUES.to_dict(), {"hidden": (4,)}), source, "keep")
    other = replace(VALUES, target_mean=5000.0)
    with pytest.raises(StemmaError, match=r"start.head: keep needs the same target; the other has mean 120"):
        take_over(families.build("mlp", other.to_dict(), {"hidden": (4,)}), source, "keep")
    renamed = replace(VALUES, features=("height", *VALUES.features[1:]))
    with pytest.raises(StemmaError, match=r"start.experiment: its columns are age, weight, .* here height, weight"):
        take_over(families.build("mlp", renamed.to_dict(), {"hidden": (4,)}), source, "new")


@pytest.mark.parametrize(
    ("start", "parameters", "told"),
    [
        ({}, {"hidden": (16, 9)}, r"'layers.1.0.weight' has the shape \[8, 16\] there and \[9, 16\] here"),
        ({}, {"hidden": (16, 8, 4)} | {"batch_norm": True}, "'layers.2.0.weight' has the shape none there"),
        ({}, {"hidden": (16,), "batch_norm": True}, "'layers.1.0.weight' has the shape .* there and none here"),
        ({"freeze": {"layer.0": 1}}, BN, "no layer 'layer.0'; there are: body, layers.0.0, layers.0.1, .*head"),
        ({"freeze": {"body": "always", "head": 1}}, BN, "nothing is left to learn in phase 'frozen1'"),
    ],
)
def test_what_does_not_fit_is_refused_before_training(
    start: dict, parameters: dict, told: str, trained: tuple[Path, Path]
) -> None:
    prepared, root = trained
    with pytest.raises(StemmaError, match=told):
        training.train("bad", transfer(start, parameters=parameters), prepared, root)
    assert not (root / "bad/train/seed0/history.csv").exists()


def test_the_same_classes_are_needed_to_keep_a_head(trained: tuple[Path, Path], tmp_path: Path) -> None:
    _, root = trained
    prepare(tmp_path, LETTERS)
    with pytest.raises(
        StemmaError, match="keep needs the same classes; those of the start are 0, 1, 2, 3, 4, here a, b"
    ):
        training.train("bad", transfer({"head": "keep"}, parameters=BN), tmp_path, root)


def test_another_size_of_image_is_refused(trained: tuple[Path, Path], tmp_path: Path) -> None:
    _, root = trained
    prepare(tmp_path, COLOUR)
    with pytest.raises(StemmaError, match=r"start.experiment: 'layers.0.0.weight' has the shape \[16, 784\] there"):
        training.train("bad", transfer({}, parameters=BN), tmp_path, root)
    svm = transfer({"experiment": "net"}, "rbf_svm", "baseline")
    with pytest.raises(
        StemmaError, match=r"takes image of shape \[1, 28, 28\], the data is image of shape \[3, 32, 32\]"
    ):
        training.train("bad", svm, tmp_path, root)


def test_other_words_are_refused(tmp_path: Path) -> None:
    for name in ("one", "two"):
        prepare(tmp_path / name, TEXT)
    training.train("first", experiment("lstm", "rnn", seeds=(0,), parameters={"hidden": 4}), tmp_path / "one", tmp_path)
    words = tmp_path / "two/vocabulary.json"
    words.write_text(json.dumps([*json.loads(words.read_text())[:-1], "other"]))
    again = transfer({}, "lstm", "rnn", parameters={"hidden": 4})
    with pytest.raises(StemmaError, match=r"start.experiment: its vocabulary .60 tokens. is not that of"):
        training.train("bad", again, tmp_path / "two", tmp_path)


def test_svm_on_the_last_hidden_layer(trained: tuple[Path, Path], tmp_path: Path) -> None:
    """The same answers as an SVM of scikit-learn on features taken by hand; one folder holds all that it needs."""
    prepared, root = trained
    svm = transfer({"experiment": "net"}, "rbf_svm", "baseline", parameters={"c": 2.0})
    training.train("svm", svm, prepared, root)
    evaluation.evaluate("svm", prepared, root)
    net, split, test = (
        families.load(RunFiles("net", root).model_folder(0)),
        *(load_split(prepared, s) for s in ("train", "test")),
    )
    with torch.inference_mode():
        inside, outside = (net.features(net.encode(torch.tensor(np.array(s.x)))).numpy() for s in (split, test))
    expected = SVC(C=2.0).fit(inside, split.y).predict(outside)
    _, probabilities = RunFiles("svm", root).predictions(0)
    assert (probabilities.argmax(1) == expected).all()
    moved = tmp_path / "elsewhere"
    RunFiles("svm", root).model_folder(0).rename(moved)
    (root / "net").rename(tmp_path / "net")
    again = families.load(moved)
    (tmp_path / "net").rename(root / "net")
    assert np.allclose(again.predict(test.x), probabilities)
    assert again.parameter_count() == net.parameter_count() + again.estimator.parameter_count()
    moved.rename(RunFiles("svm", root).model_folder(0))


def test_the_same_transfer_twice_gives_the_same_bits(trained: tuple[Path, Path]) -> None:
    prepared, root = trained
    for name in ("linear_svm", "mlp"):
        start = {} if name == "mlp" else {"experiment": "net"}
        settings = transfer(start, name, "mlp" if name == "mlp" else "baseline", parameters=BN if name == "mlp" else {})
        for turn in ("one", "two"):
            training.train(f"{name}-{turn}", settings, prepared, root)
        one, two = (bits(root / f"{name}-{turn}/train/seed0") for turn in ("one", "two"))
        assert one == two
