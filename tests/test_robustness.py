"""Sign-of-gradient perturbation: closed forms, what stays within bounds, and that every architecture takes part."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from made_up import GREY, TABLE, VALUES, examples
from stemma import evaluation, families, robustness, training
from stemma.config import Experiment
from stemma.data.store import Split, load_spec, load_split
from stemma.families.base import Model
from stemma.families.catalog import entry
from stemma.nn.inputs import BagOfWords, Pixels
from stemma.nn.perturbation import changing, encoder_of, space_of
from stemma.runs import RunFiles
from stemma.training.datamodule import to_batch

EPSILONS = (0.007, 0.1, 0.3)
SMALL = {
    "kim_cnn": {"embedding": 8, "maps": 4},
    "lstm": {"hidden": 8},
    "dbn": {"hidden": (8,), "pretrain_epochs": 0},
    "mlp": {"hidden": (8,)},
}


def build(architecture: str, folder: Path) -> Model:
    return families.build(architecture, load_spec(folder).to_dict(), SMALL.get(architecture, {}))


def linear(spec, weight: np.ndarray, bias: np.ndarray) -> Model:
    """A network of one dense layer with these weights `[outputs, F]` on a table."""
    model = families.build("mlp", spec.to_dict(), {"hidden": (1,)})
    model.layers = nn.Identity()
    model.head = nn.Linear(weight.shape[1], weight.shape[0])
    model.head.weight.data, model.head.bias.data = torch.tensor(weight).float(), torch.tensor(bias).float()
    return model


def test_a_linear_margin_shrinks_by_epsilon_times_the_sum_of_magnitudes() -> None:
    rng = np.random.default_rng(0)
    weight, bias = rng.normal(size=(2, 4)), rng.normal(size=2)
    model = linear(replace(TABLE, classes=("no", "yes")), weight, bias)
    x, y = rng.normal(size=(50, 4)).astype(np.float32), rng.integers(0, 2, 50)
    answers = robustness.sweep(model, x, y, None, EPSILONS).answers
    own = np.arange(50), y
    margins = np.log(answers[:, own[0], y] / answers[:, own[0], 1 - y])
    apart = weight[1] - weight[0]
    expected = np.where(y == 1, 1, -1) * (x @ apart + bias[1] - bias[0])
    for place, epsilon in enumerate((0.0, *EPSILONS)):
        np.testing.assert_allclose(margins[place], expected - epsilon * np.abs(apart).sum(), atol=1e-4)
        losses = -np.log(answers[place][own])
        np.testing.assert_allclose(losses, np.log1p(np.exp(epsilon * np.abs(apart).sum() - expected)), atol=1e-4)


def test_a_linear_value_moves_away_from_its_target() -> None:
    weight = np.array([[0.5, -2.0, 0.0, 1.0]])
    model, spec = linear(VALUES, weight, np.zeros(1)), VALUES
    x, y = np.random.default_rng(1).normal(size=(40, 4)).astype(np.float32), np.full(40, 120.0, np.float32)
    answers = robustness.sweep(model, x, y, None, EPSILONS).answers
    plain = x @ weight[0] * spec.target_std + spec.target_mean
    for place, epsilon in enumerate((0.0, *EPSILONS)):
        moved = epsilon * 3.5 * spec.target_std * np.sign(plain - y)
        np.testing.assert_allclose(answers[place], plain + moved, rtol=1e-4)


@pytest.mark.parametrize("margin", [0.5, 30.0, 95.0])
def test_the_signs_are_those_of_cross_entropy_also_where_its_own_gradient_is_lost(margin: float) -> None:
    rng = np.random.default_rng(2)
    weight, x = rng.normal(size=(3, 4)), rng.normal(size=(1, 4)).astype(np.float32)
    bias = -(weight @ x[0]) + np.array([margin, 0.3, 0.0])
    _, sign = robustness.gradient_sign(linear(TABLE, weight, bias), torch.tensor(x), None, torch.tensor([0]))
    logits = (weight @ x[0] + bias).astype(np.longdouble)
    others = np.exp(logits[1:]) / np.exp(logits).sum()
    exact = others @ weight[1:] - others.sum() * weight[0]
    np.testing.assert_array_equal(sign[0].numpy(), np.sign(exact))


def encoded(model: Model, x: torch.Tensor, lengths: torch.Tensor | None, step: float) -> tuple[torch.Tensor, ...]:
    """What the model's encoder gives, plain and `step` away in every number."""
    encoder, seen = encoder_of(model), []
    with torch.no_grad(), changing(encoder, lambda _, __, values: seen.append(values) or values):
        model.eval()(x, lengths)
        return seen[0], space_of(encoder).moved(
            encoder, x[:, : seen[0].shape[1]], seen[0], torch.full_like(seen[0], step)
        )


@pytest.mark.parametrize("step", [0.3, -0.3, 2.0])
@pytest.mark.parametrize(("architecture", "slot"), [("convnet", "colour"), ("lstm", "grey"), ("dbn", "grey")])
def test_images_stay_within_their_range(architecture: str, slot: str, step: float, prepared: dict[str, Path]) -> None:
    model, test = build(architecture, prepared[slot]), load_split(prepared[slot], "test")
    x = torch.as_tensor(np.array(test.x[:8]))
    _, moved = encoded(model, x, None, step)
    encoder = encoder_of(model)
    assert isinstance(encoder, Pixels)
    np.testing.assert_allclose(moved * encoder.std + encoder.mean, (x / 255 + step).clamp(0, 1), atol=1e-5)


def test_a_bag_stays_between_none_and_one_and_moves_by_its_own_size(prepared: dict[str, Path]) -> None:
    model, data = build("mlp", prepared["text"]), to_batch(load_split(prepared["text"], "test"))
    assert isinstance(encoder_of(model), BagOfWords)
    plain, up = encoded(model, data.x, data.lengths, 0.5)
    _, down = encoded(model, data.x, data.lengths, -0.5)
    unit = plain.square().mean(1).sqrt()[:, None].expand_as(plain)
    torch.testing.assert_close(up[plain == 0], 0.5 * unit[plain == 0])
    torch.testing.assert_close(down[plain == 1], 1 - 0.5 * unit[plain == 1])
    assert (up[plain == 1] == 1).all() and (down[plain == 0] == 0).all() and (plain == 1).any()


@pytest.mark.parametrize("architecture", ["kim_cnn", "lstm"])
def test_padding_stays_and_words_move_by_the_vectors_size(architecture: str, prepared: dict[str, Path]) -> None:
    model, data = build(architecture, prepared["text"]), to_batch(load_split(prepared["text"], "test"))
    plain, moved = encoded(model, data.x, data.lengths, 0.1)
    unit = float(model.word_embedding().weight[1:].square().mean().sqrt().detach())
    step = (moved - plain)[:, : data.x.shape[1]]
    assert (data.x == 0).any() and not step[data.x == 0].any()
    np.testing.assert_allclose(step[data.x != 0], 0.1 * unit, rtol=1e-3)


def test_turned_images_are_right_before_and_wrong_after_at_the_least_epsilon() -> None:
    rng = np.random.default_rng(3)
    x, labels = rng.integers(0, 256, (6, 3, 5, 4), dtype=np.uint8), np.array([0, 1, 0, 1, 2, 2])
    told = np.array([[0, 1, 0, 0, 2, 2], [0, 0, 2, 1, 2, 2], [1, 0, 2, 1, 2, 1]])
    sure = np.array([[0.9] * 6, [0.8, 0.6, 0.7, 0.9, 0.9, 0.9], [0.8] * 6])
    answers = np.full((3, 6, 3), 0.01)
    np.put_along_axis(answers, told[..., None], sure[..., None], 2)
    signs = rng.integers(-1, 2, x.shape).astype(np.int8)
    rows, pictures = robustness.turned(robustness.Sweep(answers, signs), x, labels, np.arange(10, 16), (0.1, 0.5))
    assert [(row["index"], row["epsilon"], row["read"]) for row in rows] == [(12, 0.1, 2), (11, 0.1, 0), (15, 0.5, 1)]
    assert (rows[0]["before"], rows[0]["after"]) == (0.9, 0.7)
    original, pattern, changed = np.split(pictures["adversarial"], 3, axis=2)
    places = [2, 1, 5]
    np.testing.assert_array_equal(original, x[places].transpose(0, 2, 3, 1))
    np.testing.assert_array_equal(pattern[0], (127.5 * signs[2] + 127.5).astype(np.uint8).transpose(1, 2, 0))
    expected = np.clip(x[5] + 0.5 * 255 * signs[5], 0, 255).round().transpose(1, 2, 0)
    np.testing.assert_array_equal(changed[2], expected)


def test_nothing_turned_is_no_picture() -> None:
    answers = np.tile(np.eye(3)[[0, 1]], (3, 1, 1))
    sweep = robustness.Sweep(answers, np.zeros((2, 1, 4, 4), np.int8))
    assert robustness.turned(sweep, np.zeros((2, 1, 4, 4), np.uint8), np.array([0, 1]), np.arange(2), (0.1, 0.2)) == (
        [],
        {},
    )


def test_spread() -> None:
    assert robustness.spread(10, 500).tolist() == list(range(10))
    assert robustness.spread(11, 3).tolist() == [0, 5, 10]
    assert len(robustness.spread(616, 500)) == 500


def evaluated(architecture: str, slot: str, prepared: dict[str, Path], root: Path, **settings) -> RunFiles:
    named = {"dataset": slot, "family": entry(architecture).family, "architecture": architecture}
    fit = Experiment(
        **named,
        parameters=SMALL.get(architecture, {}),
        epochs=6,
        batch_size=20,
        learning_rate=0.01,
        seeds=(0, 1),
        accelerator="cpu",
    )
    training.train("x", fit, prepared[slot], root)
    evaluation.evaluate("x", prepared[slot], root, **settings)
    return RunFiles("x", root)


def test_run_files_of_a_sweep(prepared: dict[str, Path], tmp_path: Path) -> None:
    runs = evaluated("mlp", "grey", prepared, tmp_path, epsilons=EPSILONS, perturbed=25)
    found = runs.robustness()
    assert (found["space"], found["examples"]) == ("pixels", 25)
    assert [row["epsilon"] for row in found["rows"]] == [0, *EPSILONS]
    some = robustness.spread(40, 25)
    for seed in (0, 1):
        labels, probabilities = runs.predictions(seed)
        right = (probabilities.argmax(1) == labels)[some].mean()
        assert found["rows"][0][f"seed{seed}"] == pytest.approx(right)
    change = np.mean([found["rows"][1][f"seed{seed}"] - found["rows"][0][f"seed{seed}"] for seed in (0, 1)])
    assert runs.read("metrics.json")["accuracy_change_at_0.007"] == pytest.approx(change, abs=1e-4)
    assert len(runs.pictures()["adversarial"]) == len(found["turned"]) > 0
    assert runs.pictures()["adversarial"].shape[1:] == (28, 84, 1)
    before = {path: path.read_bytes() for path in (tmp_path / "x/test").iterdir()}
    evaluation.evaluate("x", prepared["grey"], tmp_path, epsilons=EPSILONS, perturbed=25)
    assert before == {path: path.read_bytes() for path in (tmp_path / "x/test").iterdir()}


@pytest.mark.parametrize(("architecture", "epsilons"), [("logistic_regression", EPSILONS), ("mlp", ())])
def test_no_file_without_gradient_or_without_epsilon(
    architecture: str, epsilons: tuple, prepared: dict[str, Path], tmp_path: Path
) -> None:
    runs = evaluated(architecture, "grey", prepared, tmp_path, epsilons=epsilons)
    assert runs.robustness() is None and not (tmp_path / "x/test/robustness.json").exists()
    assert not any("_at_" in name for name in json.loads((tmp_path / "x/metrics.json").read_text()))
    assert "adversarial" not in runs.pictures()


def test_a_network_without_an_encoder_or_of_another_task_is_left_alone() -> None:
    model = families.build("mlp", GREY.to_dict(), {"hidden": (4,)})
    assert robustness.space(model) == "pixels"
    split = Split(*(getattr(examples(GREY, 4), name) for name in ("x", "y")))
    model.encode = nn.Flatten()
    assert robustness.judge(model, split, EPSILONS, 4) is None
    assert robustness.space(object()) is None
    other = families.build("mlp", GREY.to_dict(), {"hidden": (4,)})
    other.spec = replace(GREY, task="transduce")
    assert robustness.space(other) is None
