"""A params.yaml in order, changes of it, and what is said of them."""

import copy
from pathlib import Path

import pytest
import yaml

from stemma import config
from stemma.errors import StemmaError

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
