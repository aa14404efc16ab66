"""What a sweep's file may say; every mistake is told before a trial."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from stemma import config, sweeps
from stemma.config.sweep import Dimension, changed, entry_with, load_sweep
from stemma.errors import StemmaError

PARAMS = {
    "datasets": {"grey": {"use": "mnist@sample"}},
    "training": {"augment": {"shift": 2, "flip": False}, "seeds": [5, 6]},
    "experiments": {
        "net": {
            "architecture": "mlp",
            "family": "mlp",
            "dataset": "grey",
            "parameters": {"hidden": [8], "dropout": 0.1},
            "refit": True,
        }
    },
}
RATE = {"low": 0.001, "high": 0.1, "log": True}


@pytest.fixture
def params(tmp_path: Path) -> Path:
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(PARAMS))
    return path


def written(folder: Path, space: Any, **more: Any) -> Path:
    path = folder / "rate.yaml"
    path.write_text(yaml.safe_dump({"experiment": "net", "space": space, **more}))
    return path


@pytest.mark.parametrize(
    ("space", "more", "told"),
    [
        ({"learning_rat": RATE}, {}, "learning_rat.*did you mean 'learning_rate'"),
        ({"parameters.hiden": {"low": 4, "high": 9}}, {}, "parameters: unknown key 'hiden'"),
        ({"augment.shift": {"low": -1, "high": 2}}, {}, "space.augment.shift: -1: .*greater than or equal to 0"),
        ({"parameters.dropout": {"low": 0.0, "high": 1.0}}, {}, "space.parameters.dropout: 1.0: .*less than 1"),
        ({"batch_size": {"low": 8.0, "high": 64.0}}, {}, "batch_size.*integer, found 8.0"),
        ({"batch_size.x": {"low": 8, "high": 64}}, {}, "batch_size.*integer, found {'x': 8}"),
        ({"optimizer": {"choices": ["adam", "adan"]}}, {}, "space.optimizer: adan: .*'adam'"),
        ({"batch_size": {"low": 8, "high": 8}}, {}, "empty range: low 8 is not below high 8"),
        ({"batch_size": {"low": 8}}, {}, "expected {low, high} or {choices}"),
        ({"batch_size": {"low": 8, "high": 9, "choices": [1, 2]}}, {}, "choices stand alone"),
        ({"batch_size": {"choices": [8, 8]}}, {}, "two or more, all distinct"),
        ({"batch_size": {"low": 8, "high": 16, "step": 9}}, {}, "step: 9 is longer than the range"),
        ({"batch_size": {"low": 8, "high": 16, "step": 1.5}}, {}, "step: 1.5, but low and high are whole"),
        ({"weight_decay": {"low": 0.0, "high": 0.1, "log": True}}, {}, "log: needs low > 0"),
        ({"learning_rate": {"low": 0.1, "hi": 1.0}}, {}, "unknown key 'hi'"),
        ({"dataset": {"choices": ["grey", "text"]}}, {}, "'dataset' is not searched"),
        ({"seeds": {"choices": [[0], [1]]}}, {}, "'seeds' is not searched"),
        ({}, {}, "space: .*at least 1"),
        ({"learning_rate": RATE}, {"trials": 0}, "trials: .*greater than or equal to 1"),
        ({"learning_rate": RATE}, {"seeds": 3}, "seeds: 3, but net has 2"),
        ({"learning_rate": RATE}, {"experiment": "nett"}, "unknown name 'nett' .did you mean 'net'"),
        ({"learning_rate": RATE}, {"trails": 9}, "unknown key 'trails'.*did you mean 'trials'"),
    ],
)
def test_a_mistake_is_one_clear_error(space: Any, more: Any, told: str, params: Path, tmp_path: Path) -> None:
    with pytest.raises(StemmaError, match=told) as caught:
        load_sweep(written(tmp_path, space, **more), params)
    assert len(str(caught.value).splitlines()) == 1


def test_each_wrong_key_has_its_line(params: Path, tmp_path: Path) -> None:
    with pytest.raises(StemmaError) as caught:
        load_sweep(written(tmp_path, {"rate": RATE, "epoch": {"low": 1, "high": 2}}), params)
    assert [line.split(": ")[1] for line in str(caught.value).splitlines()] == ["space.epoch", "space.rate"]


def test_a_file_whose_name_is_none_of_an_experiment(params: Path, tmp_path: Path) -> None:
    path = written(tmp_path, {"learning_rate": RATE}).rename(tmp_path / "my rate.yaml")
    with pytest.raises(StemmaError, match="'my rate' is to be the name of an experiment; allowed: letters"):
        load_sweep(path, params)


def test_a_file_that_is_missing_or_no_mapping(params: Path, tmp_path: Path) -> None:
    with pytest.raises(StemmaError, match=r"none\.yaml: no such file"):
        load_sweep(tmp_path / "none.yaml", params)
    (tmp_path / "text.yaml").write_text("learning_rate")
    with pytest.raises(StemmaError, match="expected a mapping with experiment, space; found str"):
        load_sweep(tmp_path / "text.yaml", params)


def test_a_trial_has_the_values_and_trains_as_a_trial_does(params: Path, tmp_path: Path) -> None:
    space = {
        "learning_rate": RATE,
        "parameters.dropout": {"low": 0.0, "high": 0.5},
        "augment.flip": {"choices": [False, True]},
    }
    sweep = load_sweep(written(tmp_path, space), params)
    values = {"learning_rate": 0.02, "parameters.dropout": 0.3, "augment.flip": True}
    trained = changed(sweep, values, params)
    assert (trained.learning_rate, trained.parameters, trained.augment.model_dump()) == (
        0.02, {"hidden": (8,), "dropout": 0.3}, {"shift": 2, "flip": True},
    )  # fmt: skip
    assert (trained.seeds, trained.refit, trained.devices) == ((5,), False, 1)
    now = config.load(params).experiment("net")
    assert now.refit and now.learning_rate == 0.001, "the entry itself stays as it is"
    assert entry_with(now, values) == {
        "learning_rate": 0.02,
        "parameters": {"hidden": [8], "dropout": 0.3},
        "augment": {"shift": 2, "flip": True},
    }


@pytest.mark.parametrize(
    ("where", "inside", "outside"),
    [
        ({"low": 1, "high": 9, "step": 4}, [1, 5, 9], [3, 0, 13, 5.5, True, "5", None]),
        ({"low": 0.0, "high": 0.3, "step": 0.1}, [0.0, 0.1, 0.3, 0], [0.05, 0.4]),
        ({"low": 0.1, "high": 1.0, "log": True}, [0.1, 0.31, 1], [0.09, 1.1]),
        ({"choices": ([4], [4, 2], None)}, [[4], None], [[2], "null"]),
    ],
)
def test_which_values_a_search_can_come_to(where: Any, inside: list, outside: list) -> None:
    dimension = Dimension(**where)
    assert all(map(dimension.holds, inside)) and not any(map(dimension.holds, outside))


def test_what_trials_are_judged_by(params: Path, tmp_path: Path) -> None:
    space = {"label_smoothing": {"low": 0.0, "high": 0.2}}
    net = config.load(params).experiment("net")

    def judged(task: str = "classify", **more: Any) -> tuple[str, bool]:
        path = written(tmp_path, more.pop("space", {"learning_rate": RATE}), **more)
        return sweeps.objective_of(load_sweep(path, params), net, task, path)

    assert judged() == ("val_loss", False)
    assert judged(objective="val_accuracy") == ("val_accuracy", True)
    assert judged(task="regress", objective="val_rmse") == ("val_rmse", False)
    assert judged(objective="val_accuracy", space=space) == ("val_accuracy", True)
    with pytest.raises(StemmaError, match="label_smoothing: changes what val_loss means; set objective: val_accuracy"):
        judged(space=space)
    with pytest.raises(StemmaError, match="'val_rmse' is not measured here; allowed: val_loss, val_accuracy"):
        judged(objective="val_rmse")
    with pytest.raises(StemmaError, match="'test_accuracy' is not measured here"):
        judged(objective="test_accuracy")
