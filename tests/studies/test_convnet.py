"""Study `convnet` on planted accuracies."""

from pathlib import Path

import pytest
from made_up_study import script, write

from stemma import families
from stemma.data.store import load_spec
from stemma.studies import Study, load
from stemma.studies.probes import dropped

module = script("convnet")
KEYS = ("full-mse", "full-cross_entropy", "few-mse", "few-cross_entropy", "few-mse-rate", "few-mse-standardised")


def planted(prepared: Path, runs: Path, test: dict[str, float], rate: float = 0.3) -> Study:
    """Two seeds each, 95 % on the test but for `test`."""
    for key in KEYS:
        reached, loss = test.get(key, 0.95), "mse" if "mse" in key else "auto"
        told = {"loss": loss, "batch_size": 32, "epochs": 2, "optimizer": "sgd"}
        write(runs, prepared, key, {"hidden": (2,), "dropout": rate}, (reached, reached + 0.002), **told)
    return module.study(load(KEYS, runs, prepared.parent))


@pytest.mark.parametrize(("reached", "works", "better"), [(0.45, False, True), (0.95, True, None), (0.99, True, False)])
def test_verdicts_follow_the_numbers(
    prepared: dict[str, Path], tmp_path: Path, reached: float, works: bool, better: bool | None
) -> None:
    study = planted(prepared["grey"], tmp_path, {"few-mse": reached})
    assert [case.holds for case in study.verdicts[0].cases] == [True, works, True, True]
    assert study.verdicts[1].cases[1].holds is (False if better is None else better), "equal seeds decide"


@pytest.mark.parametrize(("rate", "holds"), [(0.3, False), (0.97, True)])
def test_dropout_keeps_what_its_rate_leaves(
    prepared: dict[str, Path], tmp_path: Path, rate: float, holds: bool
) -> None:
    assert planted(prepared["grey"], tmp_path, {}, rate).verdicts[3].cases[0].holds is holds
    model = families.build("convnet", load_spec(prepared["grey"]).to_dict(), {"dropout": rate})
    assert dropped(model, 0) == pytest.approx(rate, abs=0.01)
