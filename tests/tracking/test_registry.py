"""Promotion and rollback in a real registry."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_up_results import IMAGES, experiment, reports

from stemma import registry
from stemma.errors import StemmaError
from stemma.files import write_json
from stemma.gate import Robustness
from stemma.registry import ledger
from stemma.registry.versions import predictions
from stemma.runs import RunFiles
from stemma.tracking import describe
from stemma.tracking.store import connect, experiment_id

LICENCES = {"mnist": "CC BY-SA 3.0"}
MNIST = ("mnist", "sample")
Round = Callable[..., registry.Outcome]


def publish_lightly(runs: RunFiles) -> None:
    """What promotion needs of a published experiment, without a model that loads, seeds and pictures."""
    client, summary, key = connect(), runs.summary(), describe.key(runs)
    into = experiment_id(client, "mnist@sample")
    if client.search_runs([into], f"tags.key = '{key}'"):
        return
    tags = {**describe.tags(asdict(summary), "aggregate", "evaluate"), "key": key}
    run = client.create_run(into, tags={**tags, "best_seed": str(runs.seeds()[-1])}).info.run_id
    model = client.create_logged_model(into, summary.architecture, run)
    path = runs.folder / "metrics.json"
    shutil.copy(path, path.with_name("MLmodel"))
    client.log_model_artifact(model.model_id, str(path.with_name("MLmodel")))
    path.with_name("MLmodel").unlink()
    client.set_tag(run, "model_id", model.model_id)
    client.log_artifacts(run, str(runs.folder), f"runs/{runs.experiment}")
    client.set_terminated(run)


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


def aliases() -> dict[str, str]:
    found = connect().get_registered_model("mnist-sample").aliases
    return {name: str(version) for name, version in found.items()}


def happened() -> list[tuple[str, str | None, str | None]]:
    return [(event.what, event.before, event.after) for event in registry.events_of(*MNIST)[1]]


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


def test_rollback_brings_back_the_former_champion_and_its_answers(
    round_of: Round, publishing: Callable[..., Any]
) -> None:
    import mlflow

    images = np.random.default_rng(0).integers(0, 256, (7, 1, *IMAGES.shape[1:]), dtype=np.uint8)

    def publish(runs: RunFiles) -> None:
        scores = {f"seed{seed}": 0.1 * seed for seed in runs.seeds()}
        runs.write_robustness("pixels", 9, [{"epsilon": epsilon, **scores} for epsilon in (0.0, 0.1)], [])
        publishing(runs.experiment)

    def answers() -> Any:
        return mlflow.pyfunc.load_model("models:/mnist-sample@champion").predict(images)

    round_of("mnist-mlp", 0.7, publish=publish)
    former, stored = answers(), predictions(connect(), registry.champion(*MNIST))
    assert stored.robustness == Robustness("pixels", {0.0: 0.1, 0.1: 0.1})
    round_of("mnist-better", 0.95, publish=publish, seeds=(3, 4))
    assert not answers().equals(former)
    event = registry.rollback(*MNIST, "fails on  sevens")
    assert (event.what, event.before, event.after, event.reasons) == ("rollback", "2", "1", ["fails on sevens"])
    assert aliases() == {"champion": "1", "previous": "2"}
    assert answers().equals(former)
    np.testing.assert_array_equal(predictions(connect(), registry.champion(*MNIST)).outputs, stored.outputs)


def test_what_was_rolled_back_stays_out_until_its_results_change_or_it_is_asked_for(round_of: Round) -> None:
    round_of("mnist-mlp", 0.7)
    round_of("mnist-better", 0.95)
    registry.rollback(*MNIST, "fails on sevens")
    before = happened()
    kept = round_of("mnist-better", 0.95)
    assert (kept.verdict, kept.champion) == ("keep", "mnist-mlp")
    assert "Version 2" in kept.reasons[0] and "fails on sevens" in kept.reasons[0] and "--again" in kept.reasons[0]
    assert happened() == before
    assert round_of("mnist-better", 0.95, again=True).version == "2"
    assert round_of("mnist-better", 0.95).verdict == "same"
    registry.rollback(*MNIST, "still")
    changed = round_of("mnist-better", 0.97)
    assert (changed.verdict, changed.version) == ("promote", "3")


def test_rollback_to_a_version_and_back(round_of: Round) -> None:
    for name, accuracy in (("a", 0.5), ("b", 0.7), ("c", 0.95)):
        round_of(f"mnist-{name}", accuracy)
    registry.rollback(*MNIST, "to the first", to="1")
    assert aliases() == {"champion": "1", "previous": "3"}
    registry.rollback(*MNIST, "the first was worse")
    assert aliases() == {"champion": "3", "previous": "1"}
    for to, message in (("9", "no version 9 to roll back to; versions of mnist-sample: 1, 2, 3"), ("3", "is champion")):
        with pytest.raises(StemmaError, match=message):
            registry.rollback(*MNIST, "why", to=to)
    for why in ("", "x" * 1001, "a\x00b"):
        with pytest.raises(StemmaError, match="--why: expected 1 to 1000 printable"):
            registry.rollback(*MNIST, why)
    shutil.rmtree(next(Path("mlartifacts").rglob(f"{registry.version('mnist-sample/1')[0].tags['model_id']}")))
    with pytest.raises(StemmaError, match="version 1: "):
        registry.rollback(*MNIST, "why")
    assert aliases()["champion"] == "3"


def test_history_tells_who_when_from_to_and_why(round_of: Round) -> None:
    round_of("mnist-mlp", 0.7)
    round_of("mnist-better", 0.95)
    first, second = registry.events_of(*MNIST)[1]
    assert "@" in second.who and first.at < second.at and second.at.endswith("Z")
    assert (second.experiment, second.before, second.after) == ("mnist-better", "1", "2")
    assert second.p_value is not None and second.p_value < second.level == 0.05
    assert second.rival == first.key and second.difference == pytest.approx(0.25)
    champion, previous = (registry.account(*MNIST, alias) for alias in ("champion", "previous"))
    assert champion.event == second == previous.event and (champion.version, previous.version) == ("2", "1")
    assert champion.card.startswith("mlp (mlp) on mnist@sample")
    with pytest.raises(StemmaError, match="no version has the alias `challenger`"):
        registry.account(*MNIST, "challenger")
    with pytest.raises(StemmaError, match="did you mean 'champion'"):
        registry.account(*MNIST, "champoin")


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


def test_an_alias_moved_by_hand_is_told_and_taken_into_the_history(round_of: Round) -> None:
    round_of("mnist-mlp", 0.7)
    round_of("mnist-better", 0.95)
    connect().set_registered_model_alias("mnist-sample", "champion", "1")
    assert happened()[-1] == ("found", "2", "1")
    told = registry.account(*MNIST)
    assert (told.version, told.event.what, told.event.who) == ("1", "found", "")
    assert len([tag for tag in connect().get_registered_model("mnist-sample").tags if "event" in tag]) == 2
    assert round_of("mnist-third", 0.96).version == "3"
    assert happened()[-2:] == [("found", "2", "1"), ("promote", "1", "3")]


def test_the_history_is_only_added_to(round_of: Round) -> None:
    def tags() -> dict[str, str]:
        found = connect().get_registered_model("mnist-sample").tags
        return {name: value for name, value in found.items() if name.startswith(ledger.PREFIX)}

    seen: dict[str, str] = {}
    for step in (
        lambda: round_of("mnist-mlp", 0.7),
        lambda: round_of("mnist-other", 0.71),
        lambda: round_of("mnist-better", 0.95),
        lambda: registry.rollback(*MNIST, "slow"),
    ):
        step()
        now = tags()
        assert now.items() > seen.items() and list(now) == [*seen, list(now)[-1]]
        seen = now
    name, value = next(iter(seen.items()))
    connect().set_registered_model_tag("mnist-sample", name, value[:-1])
    with pytest.raises(StemmaError, match=f"its tag '{name}' is not an event"):
        registry.events_of(*MNIST)


def test_an_event_fits_into_a_tag(project: Path) -> None:
    client = connect()
    client.create_registered_model("full")
    many = [f'{n}: "ä' + "x" * 900 for n in range(12)]
    ledger.append(client, "full", ledger.Event("keep", "e" * 250, "k" * 64, "1", "1", many))
    ledger.append(client, "full", ledger.Event("keep", "e", "k", "1", "1", ["y" * 9000]))
    long, single = ledger.events(client, "full")
    assert long.reasons[0] == many[0] and long.reasons[-1] == "..." and 4 < len(long.reasons) < 12
    assert single.reasons == []
    values = client.get_registered_model("full").tags.values()
    assert max(len(value) for value in values) <= ledger.LONGEST and all(json.loads(value) for value in values)


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
