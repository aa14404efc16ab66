"""A tracking store made once, copied for each test; published experiments on made-up images and texts."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from made_up_results import IMAGES, TEXTS, experiment, reports
from rounds import LICENCES, Round, publish_lightly

from stemma import registry
from stemma.runs import RunFiles
from stemma.serving.package import log_model
from stemma.tracking import store
from stemma.tracking.publish import Published, publish


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of MLflow, which takes seconds to make."""
    folder = tmp_path_factory.mktemp("store")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        store.connect()
    return folder / store.DATABASE


@pytest.fixture(scope="session")
def made_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run files of two experiments on images and one on texts."""
    root = tmp_path_factory.mktemp("made") / "runs"
    experiment(root, "mnist-mlp", "mlp", IMAGES, 0.8, hidden=[8])
    experiment(root, "mnist-dbn", "dbn", IMAGES, 0.7, pretraining="rbm1", hidden=[8, 6])
    experiment(root, "mr-tfidf", "tfidf_logistic_regression", TEXTS, 0.75, min_count=1)
    return root


@pytest.fixture
def project(tmp_path: Path, empty_store: Path, made_runs: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: an empty store and run files."""
    shutil.copy(empty_store, tmp_path / store.DATABASE)
    shutil.copytree(made_runs, tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return tmp_path


@pytest.fixture
def publishing(project: Path) -> Callable[..., Published]:
    """Publishes the named experiments of the project from their present run files."""

    def run(*names: str, log_model: Any = log_model) -> Published:
        comparison, _ = reports(project / "runs", names)
        return publish(names, comparison, log_model, project / "runs")

    return run


@pytest.fixture
def round_of(project: Path) -> Round:
    """Lets one experiment on images try for champion under `rules`, published with `publish`."""

    def run(
        name: str,
        accuracy: float,
        rules: dict[str, Any] | None = None,
        again: bool = False,
        publish: Callable[[RunFiles], Any] = publish_lightly,
        **changes: Any,
    ) -> registry.Outcome:
        publish(experiment(project / "runs", name, "mlp", IMAGES, accuracy, hidden=[8], **changes))
        comparison, decision = reports(project / "runs", [name])
        decision["rules"] = rules or {}
        (outcome,) = registry.promote(decision, comparison, LICENCES, project / "runs", again)
        return outcome

    return run
