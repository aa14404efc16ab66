"""How well a model does at each example, against counting by hand."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor

from asked import MadeUp
from made_up import GREY, TABLE, examples
from stemma.nn import judging


class Told:
    """A model that says what it is told to, of examples `[N, D]` that it reads as they are."""

    device = torch.device("cpu")

    def __init__(self, task: str, **methods) -> None:
        self.spec = SimpleNamespace(task=task)
        self.__dict__.update(methods)

    def eval(self) -> None: ...

    def targets(self, x: Tensor) -> Tensor:
        return x

    def pieces(self, x, lengths, batch):
        for part in torch.as_tensor(x).split(2):
            yield part, None


X = np.array([[0.0, 1.0], [1.0, 1.0], [2.0, 4.0]], np.float32)


class Three(SimpleNamespace):
    def __len__(self) -> int:
        return 3


SPLIT = Three(x=X, y=np.zeros(3), lengths=None)
SPREAD = [(1 + 1) / 2, (0 + 1) / 2, (1 + 4) / 2]
"""The mean is (1, 2)."""


def test_reconstruction_error_is_the_squared_error_of_a_value():
    model = Told("reconstruct", reconstruct=lambda x, lengths: x + torch.tensor([1.0, 3.0]))
    spread, kept = judging.answers(model, SPLIT)
    assert spread.tolist() == pytest.approx(SPREAD) and kept.tolist() == [[5.0]] * 3


def test_log_likelihood_is_what_the_model_says():
    model = Told("density", log_likelihood=lambda x, lengths: -x.sum(1), log_z=torch.tensor(1.25))
    assert judging.answers(model, SPLIT)[1].tolist() == [[-1.0], [-2.0], [-6.0]]
    assert judging.beside(model, ("log_z",)) == {"log_z": 1.25}


def test_a_map_is_torn_where_the_second_nearest_unit_is_no_neighbour():
    model = Told(
        "map",
        best_units=lambda x: (x[:, 0].long(), x[:, 1].long()),
        adjacent=lambda first, second: (first - second).abs() == 1,
        quantisation=lambda x: x[:, 0] * 10,
    )
    assert judging.answers(model, SPLIT)[1].tolist() == [[0.0, 0.0], [10.0, 1.0], [20.0, 1.0]]


def test_recall_counts_bits_before_and_after_and_whole_patterns():
    def corrupt(x: Tensor, generator: torch.Generator) -> Tensor:
        return torch.cat([x[:, :1] + 1, x[:, 1:]], dim=1)

    model = Told("recall", corrupt=corrupt, recall=lambda states: torch.where(states == 1, states - 1, states))
    # corrupted: (1, 1), (2, 1), (3, 4); recalled: (0, 0), (2, 0), (3, 4); right: (0, 1), (1, 1), (2, 4)
    assert judging.answers(model, SPLIT)[1].tolist() == [[0.5, 0.0, 0.5], [0.0, 0.0, 0.5], [0.5, 0.0, 0.5]]
    model.recall = lambda states: torch.tensor([[0.0, 1.0], [1.0, 1.0], [2.0, 4.0]])[: len(states)]
    assert judging.answers(model, SPLIT)[1][:2].tolist() == [[1.0, 1.0, 0.5], [1.0, 1.0, 0.5]]


def test_every_model_is_given_the_same_turned_bits():
    seen: list[np.ndarray] = []

    def corrupt(x: Tensor, generator: torch.Generator) -> Tensor:
        seen.append(torch.rand(len(x), generator=generator).numpy())
        return x

    for _ in range(2):
        judging.answers(Told("recall", corrupt=corrupt, recall=lambda states: states), SPLIT)
    assert np.array_equal(np.concatenate(seen[:2]), np.concatenate(seen[2:]))
    assert not np.array_equal(seen[0][:1], seen[1])


@pytest.mark.parametrize("spec", [GREY, TABLE], ids=["image", "table"])
def test_the_spread_is_the_variance_of_what_is_judged_on(spec):
    model, split = MadeUp(replace(spec, task="reconstruct").to_dict()), examples(spec, 300)
    spread, _ = judging.answers(model, split)
    read = split.x.reshape(300, -1) / (255 if spec.kind == "image" else 1)
    np.testing.assert_allclose(spread, np.square(read - read.mean(0)).mean(1), rtol=1e-4)
    assert spread.mean() == pytest.approx(read.var(axis=0).mean(), rel=1e-5)


def test_other_tasks_answer_as_ever():
    split = examples(TABLE, 5)
    model = SimpleNamespace(spec=TABLE, predict=lambda x, lengths, texts: np.full((len(x), 3), 1 / 3))
    targets, outputs = judging.answers(model, split)
    assert targets is split.y and outputs.shape == (5, 3)
