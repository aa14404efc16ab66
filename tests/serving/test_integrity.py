"""A package that was tampered with is refused, and nothing in it is unpickled."""

import os
import pickle
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
import yaml
from packaging_models import packaged

from made_up import GREY
from stemma.errors import StemmaError
from stemma.files import read_json, write_json
from stemma.serving import integrity


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Packages with weights of safetensors and of skops."""
    found = {}
    for architecture, spec in {"mlp": GREY, "logistic_regression": GREY}.items():
        folder = tmp_path_factory.mktemp(architecture)
        packaged(folder, architecture, spec)
        found[architecture] = folder / "packaged"
    return found


@pytest.fixture
def package(made: dict[str, Path], tmp_path: Path) -> Callable[[str], Path]:
    """A copy of a package, to be spoilt."""
    return lambda architecture: Path(shutil.copytree(made[architecture], tmp_path / architecture))


def renewed(package: Path) -> None:
    """Make the digests of the package fit what it holds now, as who tampers with it would."""
    path = package / "MLmodel"
    told = yaml.safe_load(path.read_text())
    told["metadata"]["sha256"] = integrity.digests(package / "artifacts/model")
    path.write_text(yaml.safe_dump(told))


def turn_a_byte(folder: Path) -> None:
    content = bytearray((folder / "weights.safetensors").read_bytes())
    content[-1] ^= 1
    (folder / "weights.safetensors").write_bytes(content)


def other_classes(folder: Path) -> None:
    told = read_json(folder / "model.json")
    told["spec"]["classes"] = list(reversed(told["spec"]["classes"]))
    write_json(folder / "model.json", told)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (turn_a_byte, "weights.safetensors was changed"),
        (other_classes, "model.json was changed"),
        (lambda folder: (folder / "model.json").unlink(), "model.json was missing"),
        (lambda folder: (folder / "table.json").write_text("{}"), "table.json was added"),
    ],
)
def test_changed_files_are_refused(package: Callable[[str], Path], change: Callable[[Path], Any], message: str) -> None:
    folder = package("mlp")
    assert len(mlflow.pyfunc.load_model(str(folder)).predict(np.zeros((2, 28, 28), np.uint8))) == 2
    change(folder / "artifacts/model")
    with pytest.raises(StemmaError, match=f"model: refused, {message} since it was packaged"):
        mlflow.pyfunc.load_model(str(folder))


def test_a_package_without_digests_is_refused(package: Callable[[str], Path]) -> None:
    folder = package("mlp")
    told = yaml.safe_load((folder / "MLmodel").read_text())
    del told["metadata"]["sha256"]
    (folder / "MLmodel").write_text(yaml.safe_dump(told))
    with pytest.raises(StemmaError, match="refused"):
        mlflow.pyfunc.load_model(str(folder))


class Trap:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def test_a_pickle_in_place_of_the_weights_is_not_read(package: Callable[[str], Path], tmp_path: Path) -> None:
    trap = tmp_path / "sprung"
    bomb = pickle.dumps(Trap(trap))
    for architecture, name in (("mlp", "weights.safetensors"), ("logistic_regression", "estimator.skops")):
        folder = package(architecture)
        (folder / "artifacts/model" / name).write_bytes(bomb)
        renewed(folder)
        with pytest.raises(Exception, match=r"(?i)header|zip"):
            mlflow.pyfunc.load_model(str(folder))
    pickle.loads(bomb)
    assert trap.is_dir(), "the trap works"


def test_an_estimator_of_an_untrusted_type_is_refused(package: Callable[[str], Path], tmp_path: Path) -> None:
    import skops.io

    folder = package("logistic_regression")
    weights = folder / "artifacts/model/estimator.skops"
    skops.io.dump(Trap(tmp_path / "sprung"), weights)
    assert zipfile.is_zipfile(weights)
    renewed(folder)
    with pytest.raises(Exception, match="Untrusted types"):
        mlflow.pyfunc.load_model(str(folder))
    assert not (tmp_path / "sprung").exists()


def test_the_seal_tells_all_that_loading_reads_or_runs(package: Callable[[str], Path], tmp_path: Path) -> None:
    folder = package("mlp")
    whole = integrity.seal(integrity.executed(folder))
    assert whole == integrity.seal(integrity.executed(folder))
    (folder / "requirements.txt").write_text("")
    assert whole == integrity.seal(integrity.executed(folder)), "what is not used does not count"

    def told(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], Any]:
        def write(copy: Path) -> None:
            content = yaml.safe_load((copy / "MLmodel").read_text())
            change(content["flavors"]["python_function"])
            (copy / "MLmodel").write_text(yaml.safe_dump(content))

        return write

    changes: list[Callable[[Path], Any]] = [
        lambda copy: (copy / "script.py").write_text("print()"),
        lambda copy: (copy / "code/skops.py").write_text(""),
        lambda copy: (copy / "code/stemma/files.py").unlink(),
        lambda copy: turn_a_byte(copy / "artifacts/model"),
        told(lambda flavor: flavor.update(loader_module="mlflow.sklearn")),
        told(lambda flavor: flavor.update(code="other")),
        told(lambda flavor: flavor.update(model_code_path="other.py")),
        told(lambda flavor: flavor["artifacts"]["model"].update(path="elsewhere")),
    ]
    for n, change in enumerate(changes):
        copy = Path(shutil.copytree(folder, tmp_path / str(n)))
        change(copy)
        assert integrity.seal(integrity.executed(copy)) != whole, n
