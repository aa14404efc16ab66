"""Shared parts against their definitions."""

import numpy as np
import pytest
import torch
from torch import nn

from made_up import COLOUR, GREY, TEXT
from stemma.nn.inputs import Pixels, Steps, Vector
from stemma.nn.losses import one_hot_mse
from stemma.nn.optimizers import make_optimizer, make_schedule
from stemma.nn.pictures import tiles
from stemma.training.augment import augment


def test_pixels_are_standardised_by_channel_or_scaled() -> None:
    x = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    expected = (x[:, 1] / 255 - COLOUR.mean[1]) / COLOUR.std[1]
    torch.testing.assert_close(Pixels(COLOUR)(x)[:, 1], expected)
    torch.testing.assert_close(Pixels(COLOUR, standardise=False)(x), x / 255)


def test_vector_and_step_sizes() -> None:
    assert Vector(GREY, 0).size == 784 and Vector(TEXT, 2000).size == 58 and Vector(TEXT, 10).size == 10
    assert Steps(GREY, 5).size == 28 and Steps(COLOUR, 5).size == 96 and Steps(TEXT, 5).size == 5


def test_one_hot_mse_by_hand() -> None:
    logits, labels = torch.log(torch.tensor([[0.2, 0.8], [0.5, 0.5]])), torch.tensor([1, 0])
    assert one_hot_mse(logits, labels).item() == pytest.approx((0.2**2 + 0.2**2 + 0.5**2 + 0.5**2) / 4)


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw", "rmsprop", "adagrad", "adadelta"])
def test_optimisers_go_downhill(name: str) -> None:
    weight = nn.Parameter(torch.tensor([3.0, -2.0]))
    optimizer = make_optimizer(name, [weight], 0.1, 0.5 if name in ("sgd", "rmsprop") else 0.0, 0.0)
    for _ in range(100):
        optimizer.zero_grad()
        weight.square().sum().backward()
        optimizer.step()
    assert weight.square().sum() < 13


@pytest.mark.parametrize(("name", "last"), [("cosine", 0.0), ("one_cycle", 0.0)])
def test_schedules_end_low(name: str, last: float) -> None:
    optimizer = make_optimizer("sgd", [nn.Parameter(torch.zeros(1))], 0.4, 0.0, 0.0)
    schedule, rates = make_schedule(name, optimizer, 0.4, 10), []
    for _ in range(10):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert max(rates) == pytest.approx(0.4, rel=0.05) and schedule.get_last_lr()[0] == pytest.approx(last, abs=0.02)


def test_augmentation_shifts_and_mirrors_whole_images() -> None:
    torch.manual_seed(0)
    x = torch.zeros(200, 1, 9, 9, dtype=torch.uint8)
    x[:, :, 4, 3] = 255
    moved = augment(x, shift=2, flip=True)
    assert moved.dtype == torch.uint8 and (moved.sum((1, 2, 3)) == 255).all()
    places = {tuple(place) for place in moved[:, 0].nonzero()[:, 1:].tolist()}
    assert {row for row, _ in places} == {2, 3, 4, 5, 6} and {column for _, column in places} == {1, 2, 3, 4, 5, 6, 7}
    assert torch.equal(augment(x), x)


def test_tiles_put_weight_zero_at_grey_128() -> None:
    weights = torch.tensor([[[[1.0, -1.0], [0.0, 0.5]]]])
    assert tiles(weights)[0, :, :, 0].tolist() == [[255, 0], [128, 191]]
    assert tiles(torch.randn(100, 3, 5, 5)).shape == (64, 5, 5, 3)
    assert tiles(torch.randn(4, 16, 5, 5)).shape == (4, 5, 5, 1)
    np.testing.assert_array_equal(tiles(torch.zeros(1, 1, 2, 2)), 128)
