"""Promotion in a real registry."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_up_results import IMAGES, experiment, reports

from stemma import registry
from stemma.errors import StemmaError
from stemma.tracking.store import connect

LICENCES = {"mnist": "CC BY-SA 3.0"}


@pytest.fixture
def round_of(project: Path, publishing: Callable[..., Any]) -> Callable[..., registry.Outcome]:
    """Publishes one experiment on images and lets it try for champion."""

    def run(name: str, accuracy: float, architecture: str = "mlp", **changes: Any) -> registry.Outcome:
        experiment(project / "runs", name, architecture, IMAGES, accuracy, hidden=[8], **changes)
        publishing(name)
        comparison, decision = reports(project / "runs", [name])
        (outcome,) = registry.promote(decision, comparison, LICENCES, project / "runs")
        return outcome

    return run


def test_first_same_kept_replaced_and_back(round_of: Callable[..., registry.Outcome]) -> None:
    first = round_of("mnist-mlp", 0.7)
    assert (first.verdict, first.champion, first.version, first.model) == ("promote", "mnist-mlp", "1", "mnist-sample")
    assert round_of("mnist-mlp", 0.7).verdict == "same"
    kept = round_of("mnist-other", 0.71)
    assert (kept.verdict, kept.champion, kept.version) == ("keep", "mnist-mlp", "1")
    assert "chance" in kept.reasons[0]
    won = round_of("mnist-better", 0.95)
    assert (won.verdict, won.champion, won.version) == ("promote", "mnist-better", "2")
    changed = round_of("mnist-better", 0.96)
    assert (changed.verdict, changed.version) == ("keep", "2")
    aliases = connect().get_registered_model("mnist-sample").aliases
    assert {name: str(version) for name, version in aliases.items()} == {"champion": "2", "previous": "1"}
    assert len(connect().search_model_versions("name = 'mnist-sample'")) == 2


def test_version_tells_what_it_is(round_of: Callable[..., registry.Outcome]) -> None:
    round_of("mnist-mlp", 0.7)
    version = registry.champion("mnist", "sample")
    assert version.tags["experiment"] == "mnist-mlp" and version.tags["family"] == "mlp"
    for words in ("mnist@sample", "CC BY-SA 3.0", "accuracy: 0.7000", "95% interval", "There is no champion yet"):
        assert words in version.description
    model = connect().get_logged_model(version.tags["model_id"])
    assert '"mnist-sample"' in model.tags["mlflow.modelVersions"]


def test_other_test_set_is_refused(round_of: Callable[..., registry.Outcome], monkeypatch: pytest.MonkeyPatch) -> None:
    round_of("mnist-mlp", 0.7)
    outcome = round_of("mnist-more", 0.9, test=200)
    assert (outcome.verdict, outcome.champion) == ("refuse", "mnist-mlp")


def test_errors(project: Path, publishing: Callable[..., Any]) -> None:
    with pytest.raises(StemmaError, match="mnist@sample: no champion yet; run `stemma publish`"):
        registry.champion("mnist", "sample")
    comparison, decision = reports(project / "runs", ["mnist-mlp"])
    with pytest.raises(StemmaError, match="'mnist-mlp': its present run files are not published"):
        registry.promote(decision, comparison, {}, project / "runs")
    publishing("mnist-mlp")
    registry.promote(decision, comparison, {}, project / "runs")
    shutil.rmtree(project / "mlartifacts")
    experiment(project / "runs", "mnist-mlp", "mlp", IMAGES, 0.99, hidden=[8])
    comparison, decision = reports(project / "runs", ["mnist-mlp"])
    with pytest.raises(StemmaError, match="version 1: its stored predictions cannot be read"):
        registry.promote(decision, comparison, {}, project / "runs")


def test_candidate_that_is_not_finite_is_refused(project: Path) -> None:
    runs = experiment(project / "runs", "mnist-mlp", "mlp", IMAGES, 0.9, hidden=[8])
    comparison, decision = reports(project / "runs", ["mnist-mlp"])
    labels, probabilities = runs.predictions(1)
    runs.write_predictions(1, labels, np.full_like(probabilities, np.nan))
    (outcome,) = registry.promote(decision, comparison, {}, project / "runs")
    assert (outcome.verdict, outcome.champion) == ("refuse", None)
