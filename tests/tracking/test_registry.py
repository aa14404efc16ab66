"""Promotion in a real registry."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_up_results import IMAGES, experiment, reports
from rounds import LICENCES, MNIST, Round, aliases, happened, publish_lightly

from stemma import registry
from stemma.errors import StemmaError
from stemma.files import write_json
from stemma.tracking.store import connect


def test_first_same_kept_replaced_and_back(round_of: Round) -> None:
    first = round_of("mnist-mlp", 0.7)
    assert (first.verdict, first.champion, first.version, first.model) == ("promote", "mnist-mlp", "1", "mnist-sample")
    assert round_of("mnist-mlp", 0.7).verdict == "same"
    kept = round_of("mnist-other", 0.71)
    assert (kept.verdict, kept.champion, kept.version) == ("keep", "mnist-mlp", "1")
    assert "chance" in kept.reasons[0]
    assert aliases() == {"champion": "1", "challenger": "2"}
    won = round_of("mnist-better", 0.95)
    assert (won.verdict, won.champion, won.version) == ("promote", "mnist-better", "3")
    assert aliases() == {"champion": "3", "previous": "1", "challenger": "2"}
    changed = round_of("mnist-better", 0.96)
    assert (changed.verdict, changed.version) == ("keep", "3")
    assert aliases() == {"champion": "3", "previous": "1", "challenger": "4"}
    assert happened() == [("promote", None, "1"), ("keep", "1", "1"), ("promote", "1", "3"), ("keep", "3", "3")]


def test_a_challenger_that_wins_is_no_challenger_any_more(round_of: Round) -> None:
    round_of("mnist-mlp", 0.7)
    assert round_of("mnist-better", 0.95, {"min_effect": 0.5}).verdict == "keep"
    card = connect().get_model_version("mnist-sample", "2").description
    assert "Why it was not promoted" in card and "at least 50 count" in card
    assert round_of("mnist-better", 0.95).version == "2"
    assert aliases() == {"champion": "2", "previous": "1"}
    assert "Why it was promoted" in registry.champion(*MNIST).description


def test_version_tells_what_it_is(round_of: Round) -> None:
    round_of("mnist-mlp", 0.7)
    version = registry.champion(*MNIST)
    assert version.tags["experiment"] == "mnist-mlp" and version.tags["family"] == "mlp"
    for words in (
        "mnist@sample",
        "CC BY-SA 3.0",
        "accuracy: 0.7000",
        "95% interval",
        "There is no champion yet",
        "Judged on 100 test examples",
        "its worst, it tells",
    ):
        assert words in version.description
    model = connect().get_logged_model(version.tags["model_id"])
    assert '"mnist-sample"' in model.tags["mlflow.modelVersions"]


def test_other_test_set_is_refused(round_of: Round) -> None:
    round_of("mnist-mlp", 0.7)
    outcome = round_of("mnist-more", 0.9, test=200)
    assert (outcome.verdict, outcome.champion) == ("refuse", "mnist-mlp")
    assert aliases() == {"champion": "1"}
    assert happened()[-1] == ("refuse", "1", "1")


def test_errors(project: Path, publishing: Callable[..., Any]) -> None:
    with pytest.raises(StemmaError, match="mnist@sample: no champion yet; run `stemma publish`"):
        registry.champion(*MNIST)
    with pytest.raises(StemmaError, match="mnist@sample: no champion yet, so none to roll back"):
        registry.rollback(*MNIST, "why not")
    with pytest.raises(StemmaError, match="mnist@sample: no registered model yet"):
        registry.events_of(*MNIST)
    comparison, decision = reports(project / "runs", ["mnist-mlp"])
    with pytest.raises(StemmaError, match="'mnist-mlp': its present run files are not published"):
        registry.promote(decision, comparison, {}, project / "runs")
    with pytest.raises(StemmaError, match="unknown min_gain; run `dvc repro decide`"):
        registry.promote({**decision, "rules": {"min_gain": 1}}, comparison, {}, project / "runs")
    with pytest.raises(StemmaError, match="'mnist-mlp': not in the comparison"):
        registry.promote(decision, {**comparison, "rows": []}, {}, project / "runs")
    publishing("mnist-mlp")
    registry.promote(decision, comparison, {}, project / "runs")
    with pytest.raises(StemmaError, match="no version with the alias `previous` to roll back to; versions of mnist"):
        registry.rollback(*MNIST, "why not")
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
    assert happened() == [("refuse", None, None)] and aliases() == {}


def test_the_same_judgement_again_adds_nothing_and_uses_up_nothing(round_of: Round) -> None:
    rules = {"max_confirmations": 2}
    round_of("mnist-mlp", 0.7, rules)
    for _ in range(3):
        assert round_of("mnist-other", 0.71, rules).verdict == "keep"
    assert len(happened()) == 2
    assert round_of("mnist-third", 0.72, rules).verdict == "keep"
    used_up = round_of("mnist-fourth", 0.95, rules)
    assert (used_up.verdict, used_up.version) == ("refuse", "1")
    assert "2 comparisons with a champion" in used_up.reasons[0] and "draw a fresh one" in used_up.reasons[0]
    assert round_of("mnist-third", 0.72, rules).verdict == "keep"
    assert round_of("mnist-fourth", 0.95, {"max_confirmations": 3}).verdict == "promote"


def test_twenty_promotions_at_once_leave_one_champion(project: Path) -> None:
    accuracies = {"mnist-worse": 0.6, "mnist-better": 0.9}
    for name, accuracy in accuracies.items():
        publish_lightly(experiment(project / "runs", name, "mlp", IMAGES, accuracy, hidden=[8]))
    files = {name: reports(project / "runs", [name]) for name in accuracies}

    def attempt(number: int) -> str:
        comparison, decision = files[list(accuracies)[number % 2]]
        (outcome,) = registry.promote(decision, comparison, LICENCES, project / "runs")
        return outcome.verdict

    with ThreadPoolExecutor(20) as pool:
        verdicts = list(pool.map(attempt, range(20)))
    assert aliases()["champion"] == str(registry.champion(*MNIST).version)
    assert registry.champion(*MNIST).tags["experiment"] == "mnist-better"
    assert len(verdicts) == 20 and verdicts[1::2].count("promote") == 1 and verdicts[1::2].count("same") == 9
    assert set(verdicts[::2]) <= {"promote", "same", "keep"}
    moves = [(before, after) for what, before, after in happened() if what == "promote"]
    assert [before for before, _ in moves] == [None, *(after for _, after in moves[:-1])]
    assert "found" not in {what for what, *_ in happened()}
    assert len(connect().search_model_versions("name = 'mnist-sample'")) == 2


@pytest.mark.slow
def test_twenty_processes_at_once_leave_one_champion(project: Path) -> None:
    """The commands themselves, each in a process of its own, two candidates in turn."""
    for name, accuracy in {"mnist-worse": 0.6, "mnist-better": 0.9}.items():
        publish_lightly(experiment(project / "runs", name, "mlp", IMAGES, accuracy, hidden=[8]))
        for file, content in zip(("comparison", "decision"), reports(project / "runs", [name]), strict=True):
            write_json(project / f"reports-{name}" / f"{file}.json", content)
    command = [sys.executable, "-m", "stemma.cli.main", "promote", "--json", "--reports"]
    folders = ["reports-mnist-worse", "reports-mnist-better"] * 10
    started = [subprocess.Popen([*command, folder], stdout=subprocess.PIPE, text=True) for folder in folders]
    verdicts = [json.loads(process.communicate()[0])[0]["verdict"] for process in started]
    assert {process.returncode for process in started} == {0}
    assert verdicts[1::2].count("promote") == 1 and verdicts[1::2].count("same") == 9
    assert registry.champion(*MNIST).tags["experiment"] == "mnist-better"
    moves = [(before, after) for what, before, after in happened() if what == "promote"]
    assert [before for before, _ in moves] == [None, *(after for _, after in moves[:-1])]
    assert "found" not in {what for what, *_ in happened()}
