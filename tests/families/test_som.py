"""The self-organising map: its rules by hand, order, errors that fall, pictures."""

import math

import numpy as np
import pandas as pd
import pytest
import torch

from made_up import GREY, TABLE, examples
from stemma import families
from stemma.config import Experiment
from stemma.data.store import Split
from stemma.families.dbn.lattice import CELL, Lattice
from stemma.families.dbn.som import SOM
from stemma.spec import DataSpec
from stemma.tracking.describe import curves
from stemma.training.loop import SeedRun


def som(size: int, task: str = "map", **parameters) -> SOM:
    torch.manual_seed(0)
    spec = DataSpec("made_up", "table", "table", (size,), ("a", "b"), task)
    return families.build("som", spec.to_dict(), parameters)


def solve(model: SOM, split: Split) -> np.ndarray:
    """Quantisation and topographic error at the start of each pass, `[passes, 2]`."""
    errors = model.order(split)
    model.settle(split)
    return np.array([[row["quantisation_error"], row["topographic_error"]] for row in errors])


def test_distances_and_neighbours() -> None:
    for kind, neighbours in (("rectangular", 8), ("hexagonal", 6)):
        lattice = Lattice(5, 5, kind)
        beside = lattice.adjacency()
        assert torch.equal(beside, beside.T) and not beside.diagonal().any()
        assert beside[12].sum() == neighbours == beside.sum(1).max()
        assert float(lattice.distances()[12, 13]) == pytest.approx(1)
    hexagonal = Lattice(3, 3)
    torch.testing.assert_close(hexagonal.distances()[4][hexagonal.adjacency()[4]], torch.ones(6).double())
    assert float(Lattice(2, 2, "rectangular").neighbourhood(2.0)[0, 3]) == pytest.approx(math.exp(-2 / 8))


def test_batch_rule_by_hand() -> None:
    model = som(1, rows=1, columns=2, lattice="rectangular", passes=1, start_radius=1.0)
    with torch.no_grad():
        model.prototypes.weight.copy_(torch.tensor([[0.0], [10.0]]))
        model.batch_pass(torch.tensor([[1.0], [2.0], [9.0]]), torch.tensor([0, 0, 1]), 0)
    near = math.exp(-0.5)
    first, second = (3 + near * 9) / (2 + near), (near * 3 + 9) / (2 * near + 1)
    torch.testing.assert_close(model.prototypes.weight.detach(), torch.tensor([[first], [second]]))


def test_online_rule_by_hand() -> None:
    model = som(1, rows=1, columns=2, lattice="rectangular", rule="online", passes=2, start_radius=1.0)
    with torch.no_grad():
        model.prototypes.weight.copy_(torch.tensor([[0.0], [10.0]]))
        model.online_pass(torch.tensor([[2.0]]), torch.tensor([0]), 0)
    expected = torch.tensor([[0.5 * 2], [10 - 0.5 * math.exp(-0.5) * 8]])
    torch.testing.assert_close(model.prototypes.weight.detach(), expected)


@pytest.mark.parametrize("rule", ["batch", "online"])
def test_a_line_orders_itself(rule: str) -> None:
    x = np.random.default_rng(0).uniform(0, 1, (400, 1)).astype(np.float32)
    model = som(1, rows=1, columns=10, rule=rule, passes=15)
    torch.manual_seed(1)
    errors = solve(model, Split(x, np.zeros(400, int)))
    places = model.prototypes.weight.detach()[:, 0]
    steps = places.diff()
    assert (steps > 0).all() or (steps < 0).all()
    assert places.min() < 0.15 and places.max() > 0.85
    assert errors[0, 1] > 0.5 and errors[-1, 1] < 0.05


def test_errors_fall_on_a_square() -> None:
    x = np.random.default_rng(0).uniform(0, 1, (600, 2)).astype(np.float32)
    model = som(2, rows=6, columns=6, passes=20)
    errors = solve(model, Split(x, np.zeros(600, int)))
    after = model.quantisation(torch.from_numpy(x)).mean()
    assert after < 0.8 * errors[1, 0] and errors[-1, 1] < 0.1 < 0.5 < errors[0, 1]
    first, second = model.best_units(torch.from_numpy(x))
    distances = torch.cdist(torch.from_numpy(x).double(), model.prototypes.weight.detach().double())
    torch.testing.assert_close(model.quantisation(torch.from_numpy(x)), distances.min(1).values.float())
    assert torch.equal(distances.argsort(1)[:, :2], torch.stack([first, second], 1))


def test_a_unit_that_nothing_reaches_stays() -> None:
    model = som(1, rows=1, columns=60, passes=1, start_radius=0.5)
    with torch.no_grad():
        model.prototypes.weight.copy_(torch.arange(60.0)[:, None])
        model.batch_pass(torch.tensor([[0.2]]), torch.tensor([0]), 0)
    places = model.prototypes.weight.detach()[:, 0].tolist()
    assert places[0] == pytest.approx(0.2) and places[59] == 59


def test_classes_are_those_of_the_best_unit() -> None:
    split, test = examples(TABLE, 300), examples(TABLE, 100, seed=1)
    torch.manual_seed(0)
    model = families.build("som", TABLE.to_dict(), {"rows": 5, "columns": 5})
    solve(model, split)
    probabilities = model.head.weight.detach().exp()
    torch.testing.assert_close(probabilities.sum(0), torch.ones(25))
    answers = model.predict(test.x)
    assert (answers.argmax(1) == test.y).mean() > 0.9
    best = model.best_units(torch.from_numpy(split.x))[0]
    counts = np.array([np.bincount(split.y[best.numpy() == unit], minlength=3) for unit in range(25)]) + 1 / 3
    np.testing.assert_allclose(probabilities.T, counts / counts.sum(1, keepdims=True), rtol=1e-5)


def test_pictures() -> None:
    torch.manual_seed(0)
    model = families.build("som", {**GREY.to_dict(), "task": "map"}, {"rows": 3, "columns": 4, "passes": 2})
    solve(model, examples(GREY, 60))
    pictures = model.pictures()
    assert pictures["map of prototypes"].shape == (1, 3 * 28, 4 * 28 + 14, 1)
    assert pictures["U-matrix"].shape == (1, 3 * CELL, 4 * CELL + CELL // 2, 1)
    shown = pictures["map of prototypes"][0, 28:56, 14 : 14 + 28, 0]
    np.testing.assert_allclose(shown / 255, model.prototypes.weight.detach()[4].reshape(28, 28), atol=1 / 254)


def test_u_matrix_shows_the_border_between_clusters() -> None:
    weight = torch.tensor([0.0, 0.1, 5.0, 5.1])[:, None]
    shades = Lattice(1, 4, "rectangular").u_matrix(weight)[0, 0, ::CELL, 0]
    assert shades.tolist() == [0, 255, 255, 0]


def test_errors_of_each_pass_are_curves_of_its_phase() -> None:
    split = examples(GREY, 60)
    experiment = Experiment(dataset="grey", family="dbn", architecture="som", task="map", accelerator="cpu",
                            parameters={"rows": 4, "columns": 4, "passes": 5})  # fmt: skip
    rows: list[dict] = []
    SeedRun("x", experiment, 0, GREY.asked("map").to_dict()).fit(split, split, 1, rows)
    order = [row for row in rows if row["phase"] == "order"]
    assert [row["epoch"] for row in order] == [1, 2, 3, 4, 5] and rows[-1]["phase"] == "fit" and len(rows) == 6
    errors = [row["quantisation_error"] for row in order[1:]] + [rows[-1]["train_quantisation_error"]]
    assert errors == sorted(errors, reverse=True), "once the first pass has drawn all units together they spread"
    shown = {name for name, _, _ in curves(pd.DataFrame(rows))}
    assert {"z_pretrain/order_quantisation_error", "z_pretrain/order_topographic_error"} < shown
