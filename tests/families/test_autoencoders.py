"""Autoencoders against principal components, derivatives by autograd, and penalties by hand."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.linalg import subspace_angles
from sklearn.datasets import load_digits

from made_up import COLOUR, GREY, TABLE
from stemma import families
from stemma.config import Experiment
from stemma.data.store import Split, load_spec, load_split
from stemma.errors import StemmaError
from stemma.families.dbn.autoencoder import judged
from stemma.families.dbn.coders import ACTIVATIONS, Coder, ConvCoder, DenseCoder, slope
from stemma.families.dbn.contractive_ae import encoder_contraction, reconstruction_contraction
from stemma.families.dbn.denoising_ae import Corruption
from stemma.families.dbn.sparse_ae import sparsity
from stemma.training.datamodule import Batch
from stemma.training.loop import SeedRun

SETTINGS = SimpleNamespace(loss="auto", label_smoothing=0.0, delta=1.0, companion="none")
VALUES = replace(TABLE, shape=(8,), features=tuple("abcdefgh"))


def build(name: str, spec: Any = GREY, **parameters: Any) -> Any:
    torch.manual_seed(0)
    return families.build(name, spec.to_dict(), parameters)


def train(name: str, spec: Any, parameters: dict, split: Split, **settings: Any) -> Any:
    """A model after all its phases; the last one is short."""
    common = {"dataset": "slot", "family": "dbn", "architecture": name, "epochs": 1, "accelerator": "cpu"}
    experiment = Experiment(**common, parameters=parameters, seeds=(0,), **settings)
    rows: list[dict] = []
    model, _ = SeedRun(name, experiment, 0, spec.to_dict()).fit(split, None, 1, rows)
    return model.eval(), rows


def correlated(count: int = 400) -> Split:
    """Eight columns of which three directions carry most."""
    rng = np.random.default_rng(0)
    directions = np.linalg.qr(rng.normal(size=(8, 8)))[0]
    x = rng.normal(size=(count, 8)) * [4, 3, 2, 0.3, 0.3, 0.2, 0.2, 0.1] @ directions.T + rng.normal(size=8)
    return Split(x.astype(np.float32), np.arange(count) % 3)


def patterns(count: int = 600) -> Split:
    """Grey images of 28x28: one of four fixed random drawings of blocks, a little noise."""
    rng = np.random.default_rng(0)
    drawings = np.kron(rng.integers(0, 2, (4, 7, 7)), np.ones((4, 4))) * 220
    kinds = np.arange(count) % 4
    return Split((drawings[kinds] + rng.integers(0, 30, (count, 28, 28))).astype(np.uint8)[:, None], kinds)


@pytest.mark.parametrize(
    ("optimizer", "options"),
    [("lbfgs", {"iterations": 60}), ("conjugate_gradient", {"iterations": 80}), ("hessian_free", {"iterations": 12})],
)
@pytest.mark.parametrize("tied", [True, False])
def test_a_linear_one_spans_the_principal_subspace(optimizer: str, options: dict, tied: bool) -> None:
    """Searching optimisers minimise it to the end, so that the subspaces can be compared."""
    split = correlated()
    linear = {"hidden": (3,), "activation": "linear", "tied": tied, "pretrain_epochs": 3, "pretrain_batch_size": 400}
    searching = {"optimizer": optimizer, "optimizer_options": options, "batch_size": 400}
    model, _ = train("autoencoder", VALUES, linear, split, **searching)
    centred = split.x - split.x.mean(0)
    components = np.linalg.svd(centred, full_matrices=False)[2][:3]
    decoder = model.stack[0].decoding.detach().numpy()
    assert np.degrees(subspace_angles(decoder.T, components.T)).max() < 0.5
    x = torch.from_numpy(split.x)
    error = (model.reconstruct(x) - model.targets(x)).square().mean().item()
    least = (centred - centred @ components.T @ components).astype(np.float64)
    assert error == pytest.approx(np.square(least).mean(), rel=0.01)


def test_principal_components_are_those_of_the_singular_value_decomposition() -> None:
    split, model = correlated(), build("pca", replace(VALUES, task="reconstruct"), components=3)
    model.solve(split)
    mean = split.x.mean(0)
    components = np.linalg.svd(split.x - mean, full_matrices=False)[2][:3]
    expected = (split.x - mean) @ components.T @ components + mean
    np.testing.assert_allclose(model.predict(split.x), expected, atol=1e-4)
    with pytest.raises(StemmaError, match=r"parameters\.components: 9; an example has 8 values"):
        build("pca", replace(VALUES, task="reconstruct"), components=9)


@pytest.mark.parametrize("coder", ["dense", "conv"])
def test_tied_weights_are_one_parameter_whose_gradient_is_the_sum_of_both_uses(coder: str) -> None:
    def made(tied: bool) -> Coder:
        torch.manual_seed(1)
        if coder == "dense":
            return DenseCoder(6, 4, "tanh", "sigmoid", tied)
        return ConvCoder((2, 5, 6), 3, 3, "tanh", "sigmoid", tied)

    shared, apart = made(True), made(False)
    assert len(list(apart.parameters())) == len(list(shared.parameters())) + 1
    apart.decoder.data.copy_(apart.weight)
    shared.weight.data.copy_(apart.weight)
    v = torch.rand(5, *((6,) if coder == "dense" else (2, 5, 6)))
    for each in (shared, apart):
        (each.decode(each(v)) - v).square().sum().backward()
    torch.testing.assert_close(shared.weight.grad, apart.weight.grad + apart.decoder.grad)
    assert apart.weight.grad.abs().sum() > 0 and apart.decoder.grad.abs().sum() > 0


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 7, 9), (2, 8, 5)])
@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_a_convolution_is_decoded_by_its_transpose(shape: tuple[int, int, int], kernel: int) -> None:
    torch.manual_seed(0)
    coder = ConvCoder(shape, 4, kernel, "linear", "linear", True)
    v, h = torch.randn(2, *shape), torch.randn(2, *coder.shape)
    assert coder(v).shape == h.shape and coder.decode(h).shape == v.shape
    torch.testing.assert_close((coder(v) * h).sum(), (v * coder.decode(h)).sum(), rtol=1e-4, atol=1e-4)


def test_the_deep_one_has_the_layers_of_2006() -> None:
    model = build("autoencoder", hidden=(1000, 500, 250, 30))
    assert model.parameter_count() - 30 * 10 - 10 == 2 * (784_000 + 500_000 + 125_000 + 7_500) + 2 * 1_750 + 30 + 784
    assert [coder.activation for coder in model.stack] == ["relu", "relu", "relu", "linear"]
    assert [coder.output for coder in model.stack] == ["sigmoid", "relu", "relu", "relu"]


def test_the_loss_is_summed_over_an_example_and_the_error_a_mean_over_values() -> None:
    logits, v = torch.randn(3, 4, dtype=torch.float64), torch.rand(3, 4, dtype=torch.float64)
    r = torch.sigmoid(logits)
    nats = -(v * r.log() + (1 - v) * (1 - r).log()).sum(1).mean()
    found = judged(logits, v, "sigmoid", "cross_entropy")
    torch.testing.assert_close(found["loss"], nats)
    torch.testing.assert_close(found["reconstruction_error"], (v - r).square().mean())
    torch.testing.assert_close(judged(logits, v, "linear", "mse")["loss"], (v - logits).square().sum(1).mean())


@pytest.mark.parametrize("activation", list(ACTIVATIONS))
def test_slopes_are_the_derivatives(activation: str) -> None:
    z = torch.randn(20, dtype=torch.float64, requires_grad=True)
    values = ACTIVATIONS[activation](z)
    (gradient,) = torch.autograd.grad(values.sum(), z)
    torch.testing.assert_close(slope(values, activation), gradient)


def test_sparsity_by_hand_and_its_gradient() -> None:
    hidden = torch.tensor([[0.2, 0.9], [0.4, 0.5]], dtype=torch.float64, requires_grad=True)
    means = [0.3, 0.7]
    by_hand = sum(0.1 * np.log(0.1 / m) + 0.9 * np.log(0.9 / (1 - m)) for m in means)
    value = sparsity(hidden, 0.1, "sigmoid")
    assert value.item() == pytest.approx(by_hand)
    (gradient,) = torch.autograd.grad(value, hidden)
    expected = torch.tensor([(-0.1 / m + 0.9 / (1 - m)) / 2 for m in means], dtype=torch.float64)
    torch.testing.assert_close(gradient, expected.expand(2, 2))
    assert sparsity(torch.full((5, 3), 0.1), 0.1, "sigmoid").item() == pytest.approx(0, abs=1e-6)
    torch.testing.assert_close(sparsity(2 * hidden - 1, 0.1, "tanh"), value)


def test_the_penalty_makes_units_rare() -> None:
    split = patterns()
    sizes = {"hidden": (40,), "pretrain_epochs": 10, "pretrain_learning_rate": 0.01, "rho": 0.05}
    means = {}
    for beta in (0.0, 100.0):
        model, rows = train("sparse_ae", replace(GREY), {**sizes, "beta": beta}, split)
        means[beta] = model.codes(torch.from_numpy(split.x)).mean().item()
        assert "train_sparsity" in rows[0]
    assert means[100.0] < 0.12 and means[0.0] > 0.2


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
@pytest.mark.parametrize("output", ["sigmoid", "linear"])
def test_contractions_are_norms_of_autograds_jacobians(activation: str, output: str, tied: bool) -> None:
    torch.manual_seed(0)
    coder, v = DenseCoder(5, 3, activation, output, tied).double(), torch.rand(4, 5, dtype=torch.float64)

    def norm(function: Any) -> torch.Tensor:
        jacobians = [torch.autograd.functional.jacobian(function, row) for row in v]
        return torch.stack([jacobian.square().sum() for jacobian in jacobians]).mean()

    hidden = coder(v)
    expected = norm(lambda row: coder(row[None])[0])
    torch.testing.assert_close(encoder_contraction(coder, hidden), expected)
    expected = norm(lambda row: coder.decode(coder(row[None]))[0])
    torch.testing.assert_close(reconstruction_contraction(coder, hidden, coder.down(hidden)), expected)


@pytest.mark.parametrize("form", ["encoder", "reconstruction"])
def test_the_loss_takes_on_the_contraction(form: str) -> None:
    v = torch.rand(6, 784)
    plain, more = (build("contractive_ae", hidden=8, form=form, contraction=factor) for factor in (0.0, 2.0))
    found = more.reconstruction(v)
    terms = {"loss", "reconstruction_error", "contraction"}
    assert set(found) == terms and found["contraction"] > 0
    torch.testing.assert_close(found["loss"] - found["contraction"], plain.reconstruction(v)["loss"])


def test_corruptions() -> None:
    torch.manual_seed(0)
    v = torch.full((400, 100), 0.5)
    masked, noisy, peppered = (
        Corruption(kind, 0.3)(v) for kind in ("masking", "gaussian", "salt_and_pepper")
    )  # fmt: skip
    assert (masked == 0).float().mean() == pytest.approx(0.3, abs=0.01) and set(masked.unique().tolist()) == {0, 0.5}
    assert (noisy - v).mean() == pytest.approx(0, abs=0.01) and (noisy - v).std() == pytest.approx(0.3, abs=0.01)
    assert [(peppered == value).float().mean().item() for value in (0, 1)] == pytest.approx([0.15, 0.15], abs=0.01)
    assert torch.equal(Corruption("none", 0.3)(v), v)


@pytest.mark.parametrize(("kind", "level"), [("masking", 0.4), ("gaussian", 0.5), ("salt_and_pepper", 0.3)])
def test_denoising_restores_better_than_the_identity(kind: str, level: float) -> None:
    split = patterns()
    steps = {"pretrain_epochs": 10, "pretrain_learning_rate": 0.01}
    parameters = {"hidden": (30,), "corruption": kind, "level": level, **steps}
    model, _ = train("denoising_ae", GREY, parameters, split)
    clean, damaged, restored = model.compared(torch.from_numpy(split.x[:100]))
    error, identity = (restored - clean).square().mean(), (damaged - clean).square().mean()
    assert error < 0.25 * identity


def test_corrupts_what_is_encoded_while_training_and_nothing_else() -> None:
    model, v = build("denoising_ae", hidden=(6,), level=0.5), torch.rand(8, 784)
    seen: list[torch.Tensor] = []
    model.stack[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    model.train().reconstruction(v)
    model.eval().reconstruction(v)
    assert (seen[0] == 0).float().mean() == pytest.approx(0.5, abs=0.05)
    assert torch.equal(seen[0][seen[0] > 0], v[seen[0] > 0]) and torch.equal(seen[1], v)


def test_each_phase_of_a_stack_trains_its_layer_on_what_those_below_give() -> None:
    model = build("stacked_ae", hidden=(12, 9, 7), pretrain_epochs=1, tied=False)
    batch = Batch(torch.from_numpy(patterns(40).x), torch.from_numpy(patterns(40).y))
    phases = model.phases()
    assert [phase.name for phase in phases] == ["ae1", "ae2", "ae3", "keep", "fit"]
    for level, phase in enumerate(phases[:3]):
        model.begin(phase, SETTINGS)
        learning = {name for name, p in model.named_parameters() if p.requires_grad}
        assert learning == {f"coders.{level}.{name}" for name, _ in model.stack[level].named_parameters()}
        v = phase.inputs(batch)
        below = model.up(model.encode(batch.x))
        torch.testing.assert_close(v, below[level - 1] if level else model.targets(batch.x))
        assert not phase.labels and phase.objective(Batch(v, batch.y))["loss"].requires_grad
    model.begin(phases[-1], SETTINGS)
    frozen = {name.split(".")[-1] for name, p in model.named_parameters() if not p.requires_grad}
    assert frozen == {"visible_bias", "decoder"}


def test_pictures(prepared: dict[str, Path]) -> None:
    split, spec = load_split(prepared["grey"], "train"), load_spec(prepared["grey"])
    model, _ = train("autoencoder", spec, {"hidden": (20, 2), "pretrain_epochs": 1}, split)
    pictures = model.pictures()
    assert all(each.dtype == np.uint8 for each in pictures.values())
    assert {name: each.shape for name, each in pictures.items()} == {
        "filters": (20, 28, 28, 1), "reconstructions": (32, 28, 56, 1),
        "codes": (1, 320, 320, 3), "between the codes": (144, 28, 28, 1),
    }  # fmt: skip
    for place, example in ((0, split.x[0]), (-1, split.x[-1])):
        np.testing.assert_array_equal(pictures["reconstructions"][place, :, :28], example.transpose(1, 2, 0))
    damaged, _ = train("denoising_ae", spec, {"hidden": (8,), "pretrain_epochs": 1}, split)
    assert damaged.pictures()["reconstructions"].shape == (32, 28, 84, 1)
    fresh, _ = train("stacked_ae", spec, {"hidden": (8, 2), "pretrain_epochs": 0}, split)
    assert set(fresh.pictures()) == {"filters"}, "untrained decoders reconstruct nothing"
    table = load_split(prepared["table"], "train")
    flat, _ = train("autoencoder", load_spec(prepared["table"]), {"hidden": (2,), "pretrain_epochs": 1}, table)
    assert set(flat.pictures()) == {"codes"}
    assert len(np.unique(flat.pictures()["codes"].reshape(-1, 3), axis=0)) == 4


def test_fine_tuning_changes_no_picture_of_what_the_pretrained_layers_gave_back(prepared: dict[str, Path]) -> None:
    split, spec = load_split(prepared["grey"], "train"), load_spec(prepared["grey"])
    model, _ = train("stacked_ae", spec, {"hidden": (12, 6), "pretrain_epochs": 2}, split, learning_rate=0.1)
    before = model.pictures()["reconstructions"]
    with torch.no_grad():
        model.stack[0].weight.mul_(-1)
    np.testing.assert_array_equal(model.pictures()["reconstructions"], before)


@pytest.mark.slow
def test_with_few_labels_pretraining_beats_the_same_network_without() -> None:
    """Six labels a class of scikit-learn's digits, the other training examples unlabelled."""
    x, y = load_digits(return_X_y=True)
    x = (x * 255 / 16).astype(np.uint8).reshape(-1, 1, 8, 8)
    spec = replace(GREY, shape=(1, 8, 8))
    order = np.random.default_rng(0).permutation(len(x))
    test, rest = order[:600], order[600:]
    labelled = np.concatenate([rest[y[rest] == digit][:6] for digit in range(10)])
    accuracy: dict[int, list[float]] = {0: [], 60: []}
    for seed in range(3):
        for epochs in accuracy:
            parameters = {"hidden": (100, 100), "pretrain_epochs": epochs, "pretrain_learning_rate": 0.003}
            settings = {
                "epochs": 60,
                "batch_size": 20,
                "accelerator": "cpu",
                "seeds": (seed,),
                "parameters": parameters,
            }
            experiment = Experiment(dataset="slot", family="dbn", architecture="stacked_ae", **settings)
            run = SeedRun("stacked_ae", experiment, seed, spec.to_dict())
            run.unlabelled = Split(x[rest], y[rest])
            model, _ = run.fit(Split(x[labelled], y[labelled]), None, 60, [])
            accuracy[epochs].append((model.predict(x[test]).argmax(1) == y[test]).mean())
    assert min(accuracy[60]) > max(accuracy[0]) and np.mean(accuracy[60]) > np.mean(accuracy[0]) + 0.02


@pytest.mark.parametrize(
    ("name", "spec", "parameters", "told"),
    [
        ("autoencoder", TABLE, {"output": "sigmoid"}, "parameters.output: sigmoid .* allowed: linear"),
        ("autoencoder", TABLE, {"reconstruction_loss": "cross_entropy"}, "reconstruction_loss: .* allowed: mse"),
        ("autoencoder", COLOUR, {"output": "linear", "reconstruction_loss": "cross_entropy"}, "allowed: mse"),
        ("denoising_ae", TABLE, {"corruption": "salt_and_pepper"}, "allowed: masking, gaussian"),
        ("stacked_ae", GREY, {"level": 1.0}, "parameters.level: 1.0; .* 0 < level < 1"),
    ],
)  # fmt: skip
def test_refuses_what_does_not_fit(name: str, spec: Any, parameters: dict, told: str) -> None:
    with pytest.raises(StemmaError, match=told):
        build(name, spec, **parameters)
