"""What may happen to test examples: by hand, within bounds, the same every time, and what evaluation writes of it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from made_up import COLOUR, TABLE, TEXT, examples
from stemma import corruption, evaluation, families, training
from stemma.config import Experiment
from stemma.data.store import Split, load_split
from stemma.families.catalog import entry
from stemma.nn.cost import multiply_adds
from stemma.runs import RunFiles

WORDS = ["<pad>", "<unk>", *(f"w{n}" for n in range(2, 60))]


def changed(split: Split, spec, **strengths) -> dict[tuple[str, float], Split]:
    found = corruption.corrupted(split, spec, strengths, WORDS)
    return {(kind, strength): each for kind, strength, each in found}


def images(count: int = 20) -> Split:
    return Split(np.random.default_rng(0).integers(60, 190, (count, 3, 32, 32), dtype=np.uint8), np.zeros(count, int))


def test_noise_has_the_strength_as_its_deviation_and_stays_a_picture():
    found = changed(images(), COLOUR, noise=(0.05, 0.5))
    gentle = found["noise", 0.05].x.astype(int) - images().x
    assert gentle.std() == pytest.approx(0.05 * 255, rel=0.02) and abs(gentle.mean()) < 0.2
    assert found["noise", 0.5].x.dtype == np.uint8
    assert {found["noise", 0.5].x.min(), found["noise", 0.5].x.max()} == {0, 255}


def test_blur_spreads_a_point_and_keeps_a_plain_picture():
    point = np.zeros((1, 1, 9, 9), np.uint8)
    point[0, 0, 4, 4] = 255
    found = changed(Split(point, np.zeros(1)), replace(COLOUR, shape=(1, 9, 9)), blur=(1.0,))["blur", 1.0].x[0, 0]
    assert found[4, 4] == pytest.approx(255 / (2 * np.pi), abs=2) and (found == found.T).all()
    assert found[4, 5] / found[4, 4] == pytest.approx(np.exp(-0.5), abs=0.03)
    plain = Split(np.full((2, 3, 32, 32), 77, np.uint8), np.zeros(2))
    assert (changed(plain, COLOUR, blur=(2.0,))["blur", 2.0].x == 77).all()


def test_shift_moves_by_whole_pixels_along_both_axes():
    split = images(40)
    found = changed(split, COLOUR, shift=(2,))["shift", 2].x
    moves = [(-2, -2), (-2, 2), (2, -2), (2, 2)]
    inner = [np.roll(split.x, move, (2, 3))[:, :, 2:-2, 2:-2] for move in moves]
    fits = np.array([(found[:, :, 2:-2, 2:-2] == each).all((1, 2, 3)) for each in inner])
    assert (fits.sum(0) == 1).all() and fits.any(1).all()


def test_words_are_lost_and_the_text_is_read_again():
    texts = [" ".join(f"w{2 + (n + k) % 50}" for k in range(12)) for n in range(200)]
    split = Split(np.zeros((200, 12), np.int32), np.zeros(200), np.full(200, 12, np.int32), texts)
    found = changed(split, TEXT, drop=(0.25,))["drop", 0.25]
    assert found.lengths.sum() / 2400 == pytest.approx(0.75, abs=0.02)
    for text, ids, length in zip(found.texts, found.x, found.lengths, strict=True):
        assert [WORDS[i] for i in ids[:length]] == text.split() and not ids[length:].any()
    lost = changed(replace(split, texts=["w2"] * 200), TEXT, drop=(0.5,))["drop", 0.5]
    blank = np.array([not text.split() for text in lost.texts])
    assert 60 < blank.sum() < 140 and (lost.x[blank, 0] == 1).all() and (lost.lengths == 1).all()


def test_columns_get_noise_and_no_kind_what_it_cannot_suffer():
    split = examples(TABLE, 300)
    found = changed(split, TABLE, noise=(0.3,), blur=(1.0,), drop=(0.5,))
    assert list(found) == [("noise", 0.3)] and found["noise", 0.3].x.dtype == np.float32
    assert (found["noise", 0.3].x - split.x).std() == pytest.approx(0.3, rel=0.1)
    assert changed(images(), COLOUR) == {}


def test_everyone_is_given_the_same():
    first, again = (changed(images(), COLOUR, noise=(0.1,), shift=(3,)) for _ in range(2))
    assert all((first[key].x == again[key].x).all() for key in first)


@pytest.mark.parametrize(
    ("architecture", "parameters", "expected"),
    [
        ("lenet5", {"form": "modern"}, 416_520),  # 117,600 + 240,000 + 48,000 + 10,080 + 840
        ("mlp", {"hidden": (20,)}, 784 * 20 + 20 * 10),
        ("lstm", {"hidden": 8}, 28 * 4 * 8 * (28 + 8) + 8 * 10),
    ],
)
def test_multiply_adds_by_hand(architecture: str, parameters: dict, expected: int, prepared: dict[str, Path]):
    test = load_split(prepared["grey"], "test")
    from stemma.data.store import load_spec

    model = families.build(architecture, load_spec(prepared["grey"]).to_dict(), parameters)
    assert multiply_adds(model.predict, np.asarray(test.x[:1])) == expected


@pytest.mark.parametrize(("architecture", "slot"), [("mlp", "grey"), ("tfidf_logistic_regression", "text")])
def test_what_evaluation_writes(architecture: str, slot: str, prepared: dict[str, Path], tmp_path: Path):
    fit = Experiment(
        dataset=slot, family=entry(architecture).family, architecture=architecture, epochs=2, batch_size=20, seeds=(0, 1), accelerator="cpu",
    )  # fmt: skip
    training.train("x", fit, prepared[slot], tmp_path)
    strengths = {"noise": (0.1, 0.3), "drop": (0.4,)}
    evaluation.evaluate("x", prepared[slot], tmp_path, perturbed=15, corruptions=strengths)
    runs = RunFiles("x", tmp_path)
    found, kind = runs.corruption(), "noise" if slot == "grey" else "drop"
    assert found["examples"] == 15 and [row["kind"] for row in found["rows"]] == [
        "none",
        *[kind] * len(strengths[kind]),
    ]
    labels, told = runs.predictions(1)
    some = corruption.spread(len(labels), 15)
    assert found["rows"][0]["seed1"] == pytest.approx((told.argmax(1) == labels)[some].mean())
    metrics = runs.read("metrics.json")
    change = np.mean([found["rows"][1][f"seed{seed}"] - found["rows"][0][f"seed{seed}"] for seed in (0, 1)])
    assert metrics[f"accuracy_change_{kind}_{strengths[kind][0]:g}"] == pytest.approx(change, abs=1e-4)
    facts, test = runs.read("test/facts.json"), runs.read("test/seed0.json")
    assert (facts["kind"], facts["groups"]) == ("image" if slot == "grey" else "text", None)
    assert (facts["multiply_adds"] is None) == (architecture != "mlp")
    assert (
        test["temperature"] > 0 and 0 <= test["scaled_calibration_error"] <= 1 and 0 <= test["worst_class_recall"] <= 1
    )
    times = runs.read("test_time.json")
    assert times["alone"]["seed1"] > 0 and times["peak_memory"] > 50_000_000


def test_nothing_tried_leaves_no_file(prepared: dict[str, Path], tmp_path: Path):
    fit = Experiment(
        dataset="table", family="baseline", architecture="logistic_regression", seeds=(0,), accelerator="cpu"
    )
    training.train("x", fit, prepared["table"], tmp_path)
    evaluation.evaluate("x", prepared["table"], tmp_path)
    assert RunFiles("x", tmp_path).corruption() is None
