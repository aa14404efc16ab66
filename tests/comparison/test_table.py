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


def test_what_is_told_of_a_difference(runs: Path):
    found = compare(["bad", "good", "same"], runs, bootstrap=400)
    bad = next(row for row in found["rows"] if row["experiment"] == "bad")["to_best"]
    assert bad["bootstrap"]["lo"] < bad["difference"] < bad["bootstrap"]["hi"] < 0
    assert bad["effect"]["name"] == "cohen_h" and bad["effect"]["value"] < -0.8
    told, rows = (
        bad["mcnemar"],
        [RunFiles(name, runs).predictions(0)[1].argmax(1) == LABELS for name in ("bad", "good")],
    )
    assert (told["seed"], told["other_seed"]) == (0, 0)
    assert told["only_this"] == (rows[0] & ~rows[1]).sum() and told["only_other"] == (rows[1] & ~rows[0]).sum()
    assert told["odds_ratio"] == pytest.approx(told["only_this"] / told["only_other"])
    assert told["p_adjusted"] >= told["p_value"] and told["p_adjusted"] < 0.001


def test_mcnemar_is_of_the_seeds_that_are_best_on_validation(runs: Path):
    write_run(runs, "uneven", LABELS, [answers(0.7, s) for s in range(3)], val_accuracy=[0.5, 0.9, 0.6])
    rows = compare(["good", "uneven"], runs, bootstrap=100)["rows"]
    assert rows[1]["to_best"]["mcnemar"]["seed"] == 1


def test_the_interval_over_both_is_the_widest(runs: Path):
    for row in compare(["bad", "good", "same"], runs, bootstrap=400)["rows"]:
        both, examples = row["accuracy_over_both"], row["accuracy_over_examples"]
        if row["experiment"] == "same":
            assert both == examples
        else:
            assert both["hi"] - both["lo"] >= 0.97 * (examples["hi"] - examples["lo"])


def test_examples_that_belong_together_are_drawn_together(tmp_path: Path):
    told = np.repeat(answers(0.8, 1)[::5], 5, axis=0)
    labels = np.repeat(LABELS[::5], 5)
    write_run(tmp_path, "plain", labels, [told], test_digest="p" * 64)
    write_run(tmp_path, "films", labels, [told], groups=np.arange(400) // 5, test_digest="q" * 64)
    rows = {row["experiment"]: row["accuracy_over_examples"] for row in compare(["plain", "films"], tmp_path)["rows"]}
    plain, films = (rows[name]["hi"] - rows[name]["lo"] for name in ("plain", "films"))
    assert films / plain == pytest.approx(np.sqrt(5), rel=0.15)
    groups = [group["test_groups"] for group in compare(["plain", "films"], tmp_path, bootstrap=100)["datasets"]]
    assert groups == [None, 80]


def test_families_within_a_budget(tmp_path: Path):
    """The convolutional net is best, but too large for one budget and too slow for the other."""
    three = [answers(share, s) for share in (0.9,) for s in range(3)]
    write_run(tmp_path, "cnn-big", LABELS, three, "cnn", parameters=50_000, val_accuracy=[0.9] * 3, train_seconds=20)
    write_run(
        tmp_path, "cnn-small", LABELS, [answers(0.7, 5)], "cnn", parameters=900, val_accuracy=[0.7], train_seconds=5
    )
    write_run(
        tmp_path, "cnn-lucky", LABELS, [answers(0.99, 6)], "cnn", parameters=900, val_accuracy=[0.6], train_seconds=5
    )
    write_run(
        tmp_path, "linear", LABELS, [answers(0.6, 7)], "baseline", parameters=100, val_accuracy=[0.6], train_seconds=0.5
    )
    names = ["cnn-big", "cnn-small", "cnn-lucky", "linear"]
    view = compare(names, tmp_path, bootstrap=100, budgets={"parameters": (1000,), "train_seconds": (0.1, 1.0)})[
        "family_view"
    ]
    assert [(entry["budget"]["of"], entry["budget"]["at_most"]) for entry in view] == [
        (None, None), ("parameters", 1000), ("train_seconds", 0.1), ("train_seconds", 1.0),
    ]  # fmt: skip
    assert [[(row["family"], row["experiment"]) for row in entry["families"]] for entry in view] == [
        [("cnn", "cnn-big"), ("baseline", "linear")],
        [("cnn", "cnn-small"), ("baseline", "linear")],
        [],
        [("baseline", "linear")],
    ]
    cnn, baseline = view[0]["families"]
    means = [
        np.mean(answers(0.7, 5).argmax(1) == LABELS),
        cnn["accuracy"]["mean"],
        np.mean(answers(0.99, 6).argmax(1) == LABELS),
    ]
    assert (cnn["experiments"], cnn["lowest"], cnn["highest"]) == (3, min(means), max(means))
    assert (
        cnn["median"] == np.median(means)
        and cnn["sd"] == pytest.approx(np.std(means, ddof=1))
        and baseline["sd"] is None
    )
    assert cnn["to_first"] is None and baseline["to_first"]["beyond_chance"]
    assert baseline["to_first"]["difference"] == pytest.approx(baseline["accuracy"]["mean"] - cnn["accuracy"]["mean"])


def test_few_labels_and_many_are_other_questions(tmp_path: Path):
    write_run(tmp_path, "many", LABELS, [answers(0.9, 1)], train_examples=4000)
    write_run(tmp_path, "few", LABELS, [answers(0.8, 2)], train_examples=1000)
    found = compare(["many", "few"], tmp_path, bootstrap=100)
    assert [(e["train_examples"], e["families"][0]["experiment"]) for e in found["family_view"]] == [
        (1000, "few"),
        (4000, "many"),
    ]
    assert found["family_view"][0]["kind"] == "image" and found["family_view"][0]["shape"] == [1, 28, 28]


def test_families_over_five_datasets(tmp_path: Path):
    names = []
    for place in range(5):
        for family, share in (("cnn", 0.9), ("rnn", 0.7), ("baseline", 0.5)):
            name, digest = f"{family}{place}", str(place) * 64
            told = [answers(share, 10 * place + len(family))]
            names.append(write_run(tmp_path, name, LABELS, told, family, dataset=f"set{place}", test_digest=digest))
    found = compare(names, tmp_path, bootstrap=100)["across"]
    family, architecture = found
    assert (family["of"], family["task"], len(family["datasets"])) == ("family", "classify", 5)
    assert [row["name"] for row in family["test"]["treatments"]] == ["cnn", "rnn", "baseline"]
    assert family["test"]["cliques"] == [["cnn", "rnn"], ["rnn", "baseline"]]
    assert architecture["words"] == "too few architectures on the same 5 datasets: 1 of at least 3"
    fewer = compare(names[:-3], tmp_path, bootstrap=100)["across"][0]
    assert (fewer["words"], fewer["test"]) == ("too few datasets: 4 of at least 5", None)


def test_run_files_of_another_version_are_named(runs: Path):
    files = RunFiles("good", runs)
    files.write("test/seed1.json", {"accuracy": 0.9})
    with pytest.raises(StemmaError, match=r"good/test/seed1.json: 'temperature' is missing.* run `dvc repro`"):
        compare(["good"], runs)
    files.write("test_time.json", {"seed0": 0.1, "seed1": 0.1, "seed2": 0.1})
    with pytest.raises(
        StemmaError, match=r"good/test_time.json: 'alone' is missing, another version wrote it; run `dvc repro`"
    ):
        compare(["good"], runs)


def test_calibration_before_and_after_the_temperature(tmp_path: Path):
    """Answers 90 % sure and 60 % right: at the temperature that makes them so the error is gone."""
    right = np.arange(400) % 5 < 3
    told = sharp(np.where(right, LABELS, (LABELS + 1) % 4), 4)
    name = write_run(tmp_path, "sure", LABELS, [told])
    odds = np.log(0.9 / (0.1 / 3)) / np.log(0.6 / (0.4 / 3))
    RunFiles(name, tmp_path).write("test/seed0.json", {"temperature": float(odds)})
    (row,) = compare([name], tmp_path, bootstrap=100)["rows"]
    assert row["calibration_error"]["mean"] == pytest.approx(0.3)
    assert row["calibration"]["scaled_error"]["mean"] == pytest.approx(0, abs=1e-6)
    bins = [[n for n, each in enumerate(row["calibration"][key]) if each["share"]] for key in ("bins", "scaled_bins")]
    assert bins[0] == [13] and bins[1][0] in (8, 9)
    assert row["calibration"]["bins"][13] == {"share": 1.0, "confidence": pytest.approx(0.9), "accuracy": 0.6}
