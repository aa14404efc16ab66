"""Rollback, and what the history tells."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_up_results import IMAGES
from rounds import MNIST, Round, aliases, happened

from stemma import registry
from stemma.errors import StemmaError
from stemma.gate import Robustness
from stemma.registry import ledger
from stemma.registry.versions import predictions
from stemma.runs import RunFiles
from stemma.tracking.store import connect


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
    assert happened() == [*before, ("promote", "1", "2")]
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
