"""Study `optimizers` on planted courses of the loss: races, and the verdicts that they write."""

from pathlib import Path

import numpy as np
import pytest
from made_up_study import script, write

from stemma.data.store import load_split
from stemma.errors import StemmaError
from stemma.runs import RunFiles
from stemma.studies import Trained, load, tries
from stemma.studies.page import write as write_page

module = script("optimizers")
WHOLE = ("gradient_descent", "steepest_descent", "conjugate_gradient", "lbfgs", "hessian_free")
SMALL = ("adam", "bfgs", "newton", "lbfgs", "hessian_free")
EPOCHS = 12


def plant(root: Path, prepared: Path, key: str, half_life: float, seconds: float, whole: bool = False) -> None:
    """Two seeds whose loss halves every `half_life` epochs of `seconds` each; the second seed is 1 % above the first."""
    count = len(load_split(prepared, "train"))
    course = [2.3 * 0.5 ** (epoch / half_life) for epoch in range(EPOCHS)]
    settings = {"optimizer_options": {}, "batch_size": count if whole else 4}
    losses = [course, [1.01 * loss for loss in course]]
    write(root, prepared, key, {"hidden": (2,)}, (0.9, 0.91), losses, **settings)
    ends = [5 + seconds * (epoch + 1) for epoch in range(EPOCHS)]
    RunFiles(key, root).write("train_epochs_time.json", {"seed0": ends, "seed1": ends})


@pytest.fixture
def planted(prepared: dict[str, Path], tmp_path: Path) -> Path:
    """All methods alike, but that conjugate gradients and momentum need half the steps, and each of those double time."""
    for name in (*module.BATCHES, *WHOLE):
        fast = name in ("momentum", "conjugate_gradient")
        plant(tmp_path / "runs", prepared["grey"], name, 1 if fast else 2, 2.5 if fast else 1, name in WHOLE)
    for name in SMALL:
        plant(tmp_path / "runs", prepared["grey"], f"small-{name}", 2, 1, name != "adam")
    return tmp_path / "runs"


def load_all(runs: Path, prepared: dict[str, Path]) -> dict[str, Trained]:
    keys = [*module.BATCHES, *WHOLE, *(f"small-{name}" for name in SMALL)]
    return load(keys, runs, prepared["grey"].parent)


def test_losses_stand_in_mid_epoch_by_batches_and_before_the_step_by_the_whole_set(
    planted: Path, prepared: dict[str, Path]
) -> None:
    found = module.methods(load_all(planted, prepared))
    batches, whole = found["sgd"], found["gradient_descent"]
    steps = -(-len(load_split(prepared["grey"], "train")) // 4)
    assert batches.steps[:3] == pytest.approx([0.5 * steps, 1.5 * steps, 2.5 * steps])
    assert batches.seconds[0, :3] == pytest.approx([0.5, 1.5, 2.5]), "loading, 5 s, does not count"
    assert whole.steps[:3] == pytest.approx([0, 1, 2]) and whole.seconds[0, :3] == pytest.approx([0, 1, 2])


def test_the_race_ends_where_the_target_is_first_met(planted: Path, prepared: dict[str, Path]) -> None:
    method = module.methods(load_all(planted, prepared))["gradient_descent"]
    arrival = np.ceil(2 * np.log2(2.3 / module.TARGET))
    assert method.reached(method.steps) == pytest.approx([arrival, np.ceil(2 * np.log2(1.01 * 2.3 / module.TARGET))])


@pytest.mark.parametrize(
    ("one", "other", "holds"),
    [
        ([1.0, 1.1], [2.0, 2.2], True),
        ([2.0, 2.2], [1.0, 1.1], False),
        ([1.0, 2.0], [2.0, 1.0], None),
        ([1.0, 1.0], [np.inf, np.inf], True),
        ([np.inf, np.inf], [1.0, 1.0], False),
        ([np.inf, np.inf], [np.inf, np.inf], None),
        ([1.0, np.inf], [2.0, 2.0], None),
    ],
)
def test_who_wins_a_race(one: list[float], other: list[float], holds: bool | None) -> None:
    assert module.race(np.array(one), np.array(other), "steps")[0] is holds


def test_verdicts_follow_the_numbers(planted: Path, prepared: dict[str, Path], tmp_path: Path) -> None:
    study = module.study(load_all(planted, prepared))
    momentum, conjugate = (next(v for v in study.verdicts if v.claim.startswith(w)) for w in ("Momentum", "Conjugate"))
    assert [case.holds for case in momentum.cases] == [True, True, False, False], "nesterov is like sgd here"
    assert [case.holds for case in conjugate.cases] == [True, False], "fewer steps, more seconds"
    page = write_page(study, tmp_path / "reports").read_text()
    assert conjugate.sentence.split(" (")[0] in page and page.count("<svg") == len(study.figures)

    plant(planted, prepared["grey"], "momentum", 4, 1)
    assert module._momentum(module.methods(load_all(planted, prepared))).cases[1].holds is False


def test_gradient_descent_that_climbs_once_is_caught(planted: Path, prepared: dict[str, Path]) -> None:
    def found() -> bool | None:
        return module._descends(module.methods(load_all(planted, prepared))["gradient_descent"]).cases[0].holds

    assert found() is True
    runs = RunFiles("gradient_descent", planted)
    rows = runs.history(1).to_dict("records")
    rows[5]["train_loss"] = rows[4]["train_loss"] + 0.001
    runs.write_history(1, rows)
    assert found() is False


def test_tries_stand_under_their_method_and_validation_chooses(prepared: dict[str, Path], tmp_path: Path) -> None:
    for key, half_life in (("adam-a", 3), ("adam-b", 1), ("small-adam-a", 2), ("bfgs", 2)):
        plant(tmp_path, prepared["grey"], key, half_life, 1)
    experiments = load(["adam-a", "adam-b", "small-adam-a", "bfgs"], tmp_path, prepared["grey"].parent)
    assert {name: len(found) for name, found in tries(experiments).items()} == {"adam": 2, "small-adam": 1, "bfgs": 1}
    assert module.methods(experiments)["adam"].trained.key == "adam-b"
    worst = module.methods(experiments)["adam"].sensitivity()
    assert worst == pytest.approx(2 ** ((EPOCHS - 1) * (1 - 1 / 3)))


def test_a_missing_file_of_epoch_times_is_named(prepared: dict[str, Path], tmp_path: Path) -> None:
    write(tmp_path, prepared["grey"], "old", {"hidden": (2,)}, (0.9,))
    with pytest.raises(StemmaError, match=r"old.train_epochs_time\.json: missing"):
        load(["old"], tmp_path, prepared["grey"].parent)["old"].epoch_seconds()
