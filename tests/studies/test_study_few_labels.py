"""Study `few_labels` on planted accuracies and losses."""

from pathlib import Path

import pytest
from made_up_study import script, write

from stemma.errors import StemmaError
from stemma.runs import RunFiles
from stemma.studies import Study, load

module = script("few_labels")
KEYS = [f"{name}-10" for name in module.NETS]


def planted(
    prepared: Path, runs: Path, test: dict[str, float], slow: float = 1.0, losses: tuple = (1.0, 0.05)
) -> Study:
    """Two seeds each, 90 % on the test but for `test`; seconds a unit, those of what was pre-trained times `slow`."""
    for key in KEYS:
        name = key.partition("-")[0]
        reached, shape = test.get(name, 0.9), {"hidden": (2,)}
        write(runs, prepared, key, shape, (reached, reached + 0.002), (losses,), epochs=2)
        unit = slow if name in module.PRE_TRAINED else 1.0
        RunFiles(key, runs).write("train_epochs_time.json", {f"seed{s}": [unit, 2 * unit] for s in (0, 1)})
    return module.study(load(KEYS, runs, prepared.parent))


def test_verdicts_follow_the_numbers(prepared: dict[str, Path], tmp_path: Path) -> None:
    study = planted(prepared["grey"], tmp_path, {"dbn": 0.95, "stacked_ae": 0.8, "relu": 0.93, "cnn": 0.99}, slow=3.0)
    better, sooner, gap, relu, cnn = ([case.holds for case in verdict.cases] for verdict in study.verdicts)
    assert better == [True, False]
    assert sooner == [False, False]
    assert gap == [True, False], "a higher test accuracy at the same one on train is a smaller gap"
    assert relu == [False, True]
    assert cnn == [False, False]
    told = study.verdicts[0].cases[0]
    assert told.where.endswith("labels, DBN") and told.found.startswith("+5.0")


def test_the_sooner_is_by_seconds_until_the_labels_are_learnt(prepared: dict[str, Path], tmp_path: Path) -> None:
    study = planted(prepared["grey"], tmp_path, {}, slow=0.5)
    assert [case.holds for case in study.verdicts[1].cases] == [True, True]
    assert study.verdicts[1].cases[0].found.startswith("0.50 ")


def test_what_never_learns_decides_nothing(prepared: dict[str, Path], tmp_path: Path) -> None:
    study = planted(prepared["grey"], tmp_path, {}, losses=(1.0, 0.5))
    assert {case.holds for case in study.verdicts[1].cases} == {None}
    assert "neither reaches a training loss of 0.1" in study.verdicts[1].sentence


def test_a_missing_net_is_named(prepared: dict[str, Path], tmp_path: Path) -> None:
    planted(prepared["grey"], tmp_path, {})
    with pytest.raises(
        StemmaError, match="120 labels: experiments of plain, dbn, stacked_ae, relu; needed: plain, dbn"
    ):
        module.study(load(KEYS[:-1], tmp_path, prepared["grey"].parent))
