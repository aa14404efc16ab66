import json
from pathlib import Path

import numpy as np
import pytest
from small_runs import sharp, write_run

from stemma.comparison import FAMILY_COLOURS, FAMILY_COLOURS_DARK, FAMILY_MARKERS, FAMILY_NAMES, compare
from stemma.comparison.curves import learning_curves
from stemma.errors import StemmaError
from stemma.families.catalog import CATALOG
from stemma.runs import RunFiles

LABELS = np.arange(400) % 4


def answers(share: float, seed: int) -> np.ndarray:
    """Probabilities right on about `share` of LABELS."""
    rng = np.random.default_rng(seed)
    return sharp(np.where(rng.random(400) < share, LABELS, (LABELS + 1) % 4), 4)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    write_run(tmp_path, "good", LABELS, [answers(0.9, s) for s in range(3)], val_accuracy=[0.9] * 3)
    write_run(tmp_path, "bad", LABELS, [answers(0.5, s + 9) for s in range(3)], "rnn", val_accuracy=[0.5] * 3)
    write_run(tmp_path, "same", LABELS, [answers(0.6, 5)] * 3, "baseline", val_accuracy=[0.6] * 3)
    return tmp_path


def test_ranks_and_pairs_within_a_test_set(runs: Path):
    found = compare(["bad", "good", "same"], runs, bootstrap=200)
    good, same, bad = found["rows"]
    assert [row["experiment"] for row in (good, same, bad)] == ["good", "same", "bad"]
    assert good["to_best"] is None
    assert bad["to_best"]["beyond_chance"] is True
    assert bad["to_best"]["difference"] == pytest.approx(bad["accuracy"]["mean"] - good["accuracy"]["mean"])
    assert same["accuracy"]["interval"] == "deterministic"
    assert good["accuracy_over_examples"]["lo"] < good["accuracy"]["mean"] < good["accuracy_over_examples"]["hi"]
    assert found["datasets"][0]["best"] == "good"
    assert found["datasets"][0]["largest_class"] == 0.25
    assert 0 < found["datasets"][0]["detectable"] < 0.2


def test_rows_carry_what_the_contract_names(runs: Path):
    row = compare(["good"], runs, bootstrap=100)["rows"][0]
    names = "dataset source slot experiment architecture family seeds parameters model_bytes accuracy macro_f1"
    names += " cross_entropy calibration_error validation_accuracy train_seconds predict_ms"
    assert set(names.split()) <= set(row)
    assert row["seeds"] == [0, 1, 2]
    assert row["train_seconds"]["mean"] == 2.0
    assert row["predict_ms"]["mean"] == pytest.approx(0.1)


def test_is_json_and_repeats_itself(runs: Path):
    first, again = (json.dumps(compare(["bad", "good"], runs), allow_nan=False) for _ in range(2))
    assert first == again


def test_other_test_examples_are_never_paired(runs: Path):
    write_run(runs, "elsewhere", LABELS, [answers(0.7, 3)], test_digest="u" * 64)
    found = compare(["good", "elsewhere"], runs, bootstrap=100)
    assert [group["best"] for group in found["datasets"]] == ["good", "elsewhere"]
    assert [row["to_best"] for row in found["rows"]] == [None, None]
    assert [group["detectable"] for group in found["datasets"]] == [None, None]


def test_family_is_represented_by_its_best_on_validation(runs: Path):
    write_run(runs, "lucky", LABELS, [answers(0.97, s) for s in range(3)], val_accuracy=[0.8] * 3)
    found = compare(["good", "lucky"], runs, bootstrap=100)
    assert found["datasets"][0]["best"] == "lucky"
    assert [row["experiment"] for row in found["families"]] == ["good"]


def test_one_seed_and_one_experiment(tmp_path: Path):
    write_run(tmp_path, "alone", LABELS, [answers(0.8, 0)])
    found = compare(["alone"], tmp_path, bootstrap=100)
    assert found["rows"][0]["accuracy"]["interval"] == "none"


def test_bad_files_are_named(tmp_path: Path):
    broken = answers(0.8, 0)
    broken[3] = np.nan
    write_run(tmp_path, "broken", LABELS, [answers(0.8, 0), broken])
    with pytest.raises(StemmaError, match=r"'broken', seed 1: .*not finite"):
        compare(["broken"], tmp_path)
    write_run(tmp_path, "shuffled", LABELS, [answers(0.8, 0), answers(0.8, 1)])
    RunFiles("shuffled", tmp_path).write_predictions(1, LABELS[::-1], answers(0.8, 1))
    with pytest.raises(StemmaError, match="'shuffled', seed 1: its test labels differ"):
        compare(["shuffled"], tmp_path)
    with pytest.raises(StemmaError, match="'absent'"):
        compare(["absent"], tmp_path)


def test_curves_show_the_final_phase(tmp_path: Path):
    write_run(tmp_path, "deep", LABELS, [answers(0.8, 0), answers(0.8, 1)], "dbn")
    pretraining = [{"phase": "rbm1", "epoch": e, "train_loss": 9.0} for e in (1, 2, 3)]
    for seed, last in ((0, 2), (1, 3)):
        fit = [
            {"phase": "fit", "epoch": e, "val_accuracy": 0.1 * (e + seed), "val_loss": 1.0} for e in range(1, last + 1)
        ]
        RunFiles("deep", tmp_path).write_history(seed, pretraining + fit)
    found = learning_curves(["deep"], tmp_path)
    assert found["epoch"].tolist() == [1, 2, 3]
    assert found["val_accuracy"].tolist() == pytest.approx([0.15, 0.25, 0.4])


def test_every_family_has_its_name_colour_and_marker():
    families = {entry.family for entry in CATALOG.values()}
    for table in (FAMILY_NAMES, FAMILY_COLOURS, FAMILY_COLOURS_DARK, FAMILY_MARKERS):
        assert families <= set(table)
    assert all(len(colour) == 7 and int(colour[1:], 16) >= 0 for colour in FAMILY_COLOURS.values())
