"""The architectures rbm and dbn: phases, what they record, refuse and answer."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from families.machines import states
from made_up import GREY, TABLE, TEXT, examples
from stemma import families
from stemma.config import Experiment
from stemma.data.store import Split, load_spec, load_split
from stemma.errors import StemmaError
from stemma.families.base import Model
from stemma.families.dbn import contrastive
from stemma.families.dbn.contrastive import contrastive_loss, descent
from stemma.families.dbn.curves import check_inputs, curves, subset
from stemma.families.dbn.greedy import GreedyModel
from stemma.families.dbn.machine import RBM, make_rbm
from stemma.families.dbn.rbm import RBMModel
from stemma.families.dbn.sampling import bernoulli
from stemma.nn.inputs import BagOfWords
from stemma.nn.optimizers import descend, make_optimizer
from stemma.training.loop import SeedRun


def run(
    spec, split: Split, validation: Split | None, architecture: str = "dbn", settings: dict | None = None, **parameters
):
    """The model and history of a small training."""
    plain = {"epochs": 1, "batch_size": 20, "accelerator": "cpu", "patience": None, "monitor": None}
    common = {**plain, **(settings or {}), "dataset": "slot", "family": "dbn", "architecture": architecture}
    experiment = Experiment(**common, parameters={"pretrain_epochs": 2, **parameters})
    rows: list[dict] = []
    model, _ = SeedRun("made up", experiment, 0, spec.to_dict()).fit(split, validation, 1, rows)
    return model, rows


def test_bag_of_words() -> None:
    ids = torch.tensor([[2, 4, 2, 1, 0], [5, 9, 3, 0, 0]], dtype=torch.int32)
    assert BagOfWords(3)(ids).tolist() == [[1, 0, 1], [0, 1, 0]]
    assert BagOfWords(3, counts=True)(ids).tolist() == [[2, 0, 1], [0, 1, 0]]


def test_pretraining_leaves_the_classifier_and_fine_tuning_the_visible_biases() -> None:
    model = families.build("dbn", GREY.to_dict(), {"hidden": (6, 4), "pretrain_epochs": 1})
    names = [phase.name for phase in model.phases()]
    assert names == ["rbm1", "rbm2", "sample", "fit"]
    model.begin(model.phases()[-1], SimpleNamespace(loss="auto", label_smoothing=0.0, delta=1.0, companion="none"))
    frozen = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    assert frozen == {"rbms.0.visible_bias", "rbms.1.visible_bias"}


def test_fine_tuning_a_learned_variance(prepared: dict[str, Path]) -> None:
    spec, train = load_spec(prepared["table"]), load_split(prepared["table"], "train")
    model, _ = run(spec, train, None, hidden=(6, 4), learn_variance=True, sample_visible=True)
    assert (model.rbms[0].variance != 1).all() and model.rbms[1].units == "binary"


@pytest.mark.parametrize("persistent", [False, True])
def test_each_epoch_of_a_phase_records_its_curves(persistent: bool, prepared: dict[str, Path]) -> None:
    spec, train, validation = (
        load_spec(prepared["grey"]),
        *(load_split(prepared["grey"], n) for n in ("train", "validation")),
    )
    model, rows = run(spec, train, validation, hidden=(12, 8), persistent=persistent, chains=10)
    phases = [row for row in rows if row["phase"].startswith("rbm")]
    assert [(row["phase"], row["epoch"]) for row in phases] == [("rbm1", 1), ("rbm1", 2), ("rbm2", 1), ("rbm2", 2)]
    for row in phases:
        assert {"train_loss", "val_loss", "reconstruction", "pseudo_likelihood", "free_energy_gap"} <= row.keys()
    assert not {"reconstruction", "pseudo_likelihood"} & rows[-1].keys()
    rbm, x = model.rbms[0], model.encode(torch.from_numpy(np.array(train.x)))
    held_out = model.encode(torch.from_numpy(np.array(validation.x)))
    with torch.no_grad():
        found = curves(rbm, x, held_out)
        assert float(found["reconstruction"]) == pytest.approx(float((rbm.reconstruct(x) - x).square().mean()))
        gap = float(rbm.free_energy(held_out).mean() - rbm.free_energy(x).mean())
        assert float(found["free_energy_gap"]) == pytest.approx(gap, abs=1e-3)
    assert "free_energy_gap" not in curves(rbm, x, None)


def test_subsets_are_spread_over_the_set() -> None:
    assert subset(torch.arange(1000)).tolist() == list(range(0, 1000, 4)) and len(subset(torch.arange(251))) == 126
    assert subset(torch.arange(7)).tolist() == list(range(7))


def test_counts_learn_the_words_that_go_together(prepared: dict[str, Path]) -> None:
    spec, train = load_spec(prepared["text"]), load_split(prepared["text"], "train")
    model, rows = run(spec, train, load_split(prepared["text"], "validation"), "rbm", hidden=8, visible="counts")
    assert rows[1]["reconstruction"] < rows[0]["reconstruction"] and "pseudo_likelihood" not in rows[0]
    assert np.isfinite(model.predict(train.x, train.lengths)).all()


@pytest.mark.parametrize("settings", [{"gradient_clip_val": 1e9}, {"limit_train_batches": 12}])
def test_batches_that_come_together_learn_as_those_that_come_alone(
    settings: dict, prepared: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With draws that are the same everywhere: what asks for batches alone changes nothing."""
    monkeypatch.setattr(contrastive, "bernoulli", lambda p: (p > 0.5).to(p.dtype))
    spec, train = load_spec(prepared["grey"]), load_split(prepared["grey"], "train")
    parameters = {"hidden": (7,), "pretrain_batch_size": 10, "pretrain_epochs": 2}
    (together, rows), (alone, others) = (run(spec, train, None, settings=more, **parameters) for more in ({}, settings))
    torch.testing.assert_close(together.rbms[0].weight, alone.rbms[0].weight)
    assert together.rbms[0].weight.std() > 0.02
    assert rows[1]["train_loss"] == pytest.approx(others[1]["train_loss"], rel=1e-4)


def test_a_scheduled_rate_of_pretraining_falls_at_each_step(
    prepared: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    rates, contrast = [], GreedyModel._contrast

    def spy(model: GreedyModel, rbm: RBM, batch: Any) -> dict[str, torch.Tensor]:
        rates.append(model.optimizers().param_groups[0]["lr"])
        return contrast(model, rbm, batch)

    monkeypatch.setattr(GreedyModel, "_contrast", spy)
    scheduled = {"pretrain_schedule": "cosine", "pretrain_learning_rate": 0.1, "pretrain_batch_size": 20}
    run(load_spec(prepared["grey"]), load_split(prepared["grey"], "train"), None, hidden=(4,), **scheduled)
    steps = 2 * 6
    assert rates == pytest.approx([0.05 * (1 + np.cos(np.pi * n / steps)) for n in range(steps)])


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_given_gradients_descend_as_those_of_autograd(optimizer: str) -> None:
    """Also in lower precision, for two steps: the second one has a momentum."""
    machines = []
    for given in (False, True):
        torch.manual_seed(0)
        rbm, v = make_rbm("binary", 20, 15), torch.rand(30, 20)
        steps = make_optimizer(optimizer, rbm.parameters(), 0.1, 0.9 if optimizer == "sgd" else 0.0, 0.01)
        for _ in range(2):
            with torch.autocast("cpu", torch.bfloat16):
                if given:
                    descend(steps, rbm.parameters(), descent(rbm, v)[1])
                else:
                    steps.zero_grad()
                    contrastive_loss(rbm, v).backward()
                    steps.step()
        machines.append(rbm)
    for theirs, ours in zip(*(rbm.parameters() for rbm in machines), strict=True):
        assert torch.equal(theirs, ours) and ours.dtype == torch.float32


@pytest.mark.parametrize("parameters", [{}, {"persistent": True, "chains": 10}, {"visible": "gaussian"}])
def test_lower_precision_keeps_its_inputs_and_learns_nearly_the_same(
    parameters: dict, prepared: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contrastive, "bernoulli", lambda p: (p > 0.5).to(p.dtype))
    spec, split = load_spec(prepared["grey"]), load_split(prepared["grey"], "train")
    validation = load_split(prepared["grey"], "validation")
    common = {"hidden": (7, 5), "pretrain_batch_size": 10, **parameters}
    (low, rows), (full, others) = (
        run(spec, split, validation, settings={"precision": precision}, **common)
        for precision in ("bf16-mixed", "32-true")
    )
    for rbm, other in zip(low.rbms, full.rbms, strict=True):
        assert rbm.weight.dtype == torch.float32
        assert torch.corrcoef(torch.stack([rbm.weight.flatten(), other.weight.flatten()]))[0, 1] > 0.95
    for row, other in zip(rows[:4], others[:4], strict=True):
        assert row["reconstruction"] == pytest.approx(other["reconstruction"], rel=0.1)


def test_each_training_step_has_random_draws_of_its_own(
    prepared: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[float] = []
    monkeypatch.setattr(contrastive, "bernoulli", lambda p: (drawn.append(float(torch.rand(1))), bernoulli(p))[1])
    run(load_spec(prepared["grey"]), load_split(prepared["grey"], "train"), None, hidden=(4,), pretrain_batch_size=2)
    assert len(drawn) == len(set(drawn)) == 2 * 60


SMALL = replace(GREY, shape=(1, 4, 4), task="density")


def pictures(count: int, seed: int = 0) -> Split:
    """4x4 bars: each row on or off together."""
    rng = np.random.default_rng(seed)
    rows = np.repeat(rng.random((count, 1, 4, 1)) < 0.3, 4, axis=3)
    return Split((rows * 200).astype(np.uint8), np.zeros(count, dtype=np.int64))


def density(hidden: int = 8, **parameters):
    torch.manual_seed(0)
    model = RBMModel(SMALL.to_dict(), hidden, **parameters)
    torch.nn.init.normal_(model.rbms[0].weight, std=0.5)
    model.prepare_density(pictures(60))
    return model


def test_density_sums_to_one_over_all_pictures() -> None:
    model = density()
    every = (states(16).reshape(-1, 1, 4, 4) * 255).to(torch.uint8)
    with torch.no_grad():
        assert float(model.log_likelihood(every).exp().sum()) == pytest.approx(1, abs=1e-3)
    assert bool(model.log_z_exact) and model.log_z == model.log_z_low == model.log_z_high
    grey = torch.full((1, 1, 4, 4), 128, dtype=torch.uint8)
    assert torch.equal(model.log_likelihood(grey), model.log_likelihood(grey + 127))


def test_density_is_saved_with_its_log_z(tmp_path: Path) -> None:
    model = density(hidden=6)
    model.save_weights(tmp_path)
    again = RBMModel(SMALL.to_dict(), hidden=6)
    again.load_weights(tmp_path)
    x = torch.from_numpy(pictures(5).x)
    assert torch.equal(model.log_likelihood(x), again.log_likelihood(x)) and bool(again.log_z_exact)


def test_density_of_a_large_machine_has_an_interval() -> None:
    model = RBMModel(replace(GREY, task="density").to_dict(), hidden=30, ais_temperatures=50)
    model.prepare_density(examples(GREY, 30))
    assert not model.log_z_exact and model.log_z_low < model.log_z < model.log_z_high
    assert [phase.name for phase in model.phases()] == ["rbm1", "sample", "log_z"]


REFUSED = [
    (GREY, {"visible": "counts"}, "visible: 'counts' is of words, the data is image"),
    (TEXT, {"visible": "gaussian"}, "visible: 'gaussian' takes standardised values, a text is words"),
    (TEXT, {"visible": "counts", "persistent": True}, "persistent: true; allowed with visible 'counts'"),
    (GREY, {"learn_variance": True}, "learn_variance: true; allowed with visible 'binary': false"),
    (replace(TEXT, task="density"), {"visible": "counts"}, "visible: 'counts' has a log Z a length of text"),
]


@pytest.mark.parametrize(("spec", "parameters", "message"), REFUSED)
def test_refuses_visible_units_that_do_not_fit(spec, parameters: dict, message: str) -> None:
    with pytest.raises(StemmaError, match=message):
        RBMModel(spec.to_dict(), **parameters)


def values(mean: float = 0.0, deviation: float = 1.0) -> torch.Tensor:
    torch.manual_seed(0)
    return mean + deviation * torch.randn(50, 4)


INPUTS = [
    ("binary", False, values(), r"from -\S+ to \S+; allowed with visible 'binary': 0 to 1"),
    ("binary", False, torch.rand(5, 3), "4 visible units, but its inputs have 3 values"),
    ("binary", False, torch.full((5, 4), float("nan")), "not finite"),
    ("binary", False, torch.full((5, 4), -float("inf")), "not finite"),
    ("gaussian", False, values(mean=40), r"visible unit \d has mean \S+ and deviation \S+;.*standardised"),
    ("gaussian", False, values(deviation=60), "takes standardised values"),
    ("gaussian", False, torch.ones(5, 4), "4 of 4 visible units have zero variance"),
    ("gaussian", True, values() * torch.tensor([1.0, 1, 0, 1]), "1 of 4 visible units have zero variance"),
    ("counts", False, torch.rand(5, 4), "allowed with visible 'counts': 0, 1, 2"),
]


@pytest.mark.parametrize(("units", "learn", "x", "message"), INPUTS)
def test_refuses_inputs_that_do_not_fit(units: str, learn: bool, x: torch.Tensor, message: str) -> None:
    with pytest.raises(StemmaError, match=f"rbm1: .*{message}"):
        check_inputs(make_rbm(units, 4, 2, learn), x, "rbm1")


def test_takes_inputs_that_fit() -> None:
    check_inputs(make_rbm("binary", 4, 2), torch.rand(5, 4), "rbm1")
    check_inputs(make_rbm("gaussian", 4, 2, True), values(), "rbm1")
    check_inputs(make_rbm("gaussian", 4, 2), values() * torch.tensor([1.0, 1, 0, 1]), "rbm1")
    check_inputs(make_rbm("counts", 4, 2), torch.tensor([[3.0, 0, 0, 1]]), "rbm1")


WIDE = replace(examples(TABLE, 60), x=40 * examples(TABLE, 60).x)
FLAT = replace(examples(TABLE, 60), x=np.zeros((60, 4), np.float32))
BINARY, STANDARD = "inputs from .* allowed with visible 'binary': 0 to 1", "takes standardised values"
MISFITS = [
    ("rbm", {"visible": "binary"}, examples(TABLE, 60), f"rbm1: {BINARY}"),
    ("dbn", {"visible": "gaussian"}, WIDE, f"rbm1: .*{STANDARD}"),
    ("rbm", {"visible": "gaussian"}, FLAT, "rbm1: 4 of 4 visible units have zero variance"),
]


@pytest.mark.parametrize(("name", "parameters", "split", "message"), MISFITS)
def test_data_that_do_not_fit_are_refused_before_the_first_step(
    name: str, parameters: dict, split: Split, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Model, "training_step", lambda *_: pytest.fail("a step was taken"))
    hidden = 6 if name == "rbm" else (6, 5)
    experiment = Experiment(dataset="table", family="dbn", architecture=name, accelerator="cpu",
                            parameters={"hidden": hidden, **parameters})  # fmt: skip
    with pytest.raises(StemmaError, match=message) as refused:
        SeedRun("x", experiment, 0, TABLE.to_dict()).fit(split, None, 1, [])
    assert "\n" not in str(refused.value)


def test_an_image_channel_of_zero_variance_is_refused() -> None:
    with pytest.raises(StemmaError, match="made_up@grey: channel 0 has zero variance in train"):
        RBMModel(replace(GREY, std=(0.0,)).to_dict(), visible="gaussian")
