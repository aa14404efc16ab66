"""Shared parts against their definitions."""

import numpy as np
import torch

from made_up import COLOUR, GREY, TEXT
from stemma.nn.inputs import Pixels, Steps, Vector
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
