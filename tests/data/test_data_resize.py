import numpy as np
import pytest
from PIL import Image

from stemma.data import shards
from stemma.data.image import to_array
from stemma.data.parts import Part, Raw, Resize
from stemma.data.resize import resize, resized
from stemma.errors import StemmaError

SQUARE = np.array([[0, 10, 20, 30], [2, 12, 22, 32], [100, 0, 0, 0], [0, 0, 0, 200]], np.uint8)[None, None]


@pytest.mark.parametrize(
    ("method", "expected"),
    [("mean", [[6, 26], [25, 50]]), ("max", [[12, 32], [100, 200]])],
)
def test_values_by_hand(method, expected):
    assert resize(SQUARE, Resize(2, 2, method))[0, 0].tolist() == expected


def test_max_over_all_pixels_that_a_new_one_touches():
    x = np.array([1, 2, 3], np.uint8).reshape(1, 1, 1, 3)
    assert resize(x, Resize(1, 2, "max")).tolist() == [[[[2, 3]]]]
    assert resize(x, Resize(2, 6, "max"))[0, 0].tolist() == [[1, 1, 2, 2, 3, 3]] * 2


@pytest.mark.parametrize("method", ["mean", "bilinear", "bicubic", "lanczos"])
@pytest.mark.parametrize("size", [(7, 5), (20, 24), (12, 3)])
def test_colour_as_pillow_does_it(method, size):
    x = np.random.default_rng(0).integers(0, 256, (3, 3, 12, 10), np.uint8)
    by = {"mean": "BOX"}.get(method, method.upper())
    for image, found in zip(x, resize(x, Resize(*size, method)), strict=True):
        pillow = Image.fromarray(image.transpose(1, 2, 0)).resize(size[::-1], getattr(Image.Resampling, by))
        assert np.array_equal(found.transpose(1, 2, 0), np.asarray(pillow))


def test_unknown_method_and_nothing_to_do():
    with pytest.raises(StemmaError, match=r"resize.method: unknown name 'bicubc' \(did you mean 'bicubic'"):
        resize(SQUARE, Resize(2, 2, "bicubc"))
    assert resize(SQUARE, Resize(4, 4, "mean")) is SQUARE


def test_parts_are_resized_a_piece_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "CHUNK_BYTES", 100)
    x = np.random.default_rng(0).integers(0, 256, (20, 1, 4, 4), np.uint8)
    raw = Raw({"train": Part(x, np.zeros(20, np.int64)), "test": Part(x[:3], np.zeros(3, np.int64))}, ("a", "b"))
    assert resized(raw, None, tmp_path) is raw
    found = resized(raw, Resize(2, 2, "mean"), tmp_path)
    assert np.array_equal(np.asarray(found.parts["train"].x), resize(x, Resize(2, 2, "mean")))
    assert len(found.parts["test"]) == 3 and found.classes == raw.classes
    texts = Raw({"train": Part(["a"], np.zeros(1, np.int64))}, ("a", "b"))
    assert resized(texts, Resize(2, 2, "mean"), tmp_path) is texts


@pytest.mark.parametrize(
    "form", [SQUARE[0, 0], SQUARE[0], SQUARE, SQUARE[0, 0][..., None], Image.fromarray(SQUARE[0, 0])]
)
def test_serving_resizes_when_the_set_was(form):
    expected = resize(SQUARE, Resize(2, 2, "mean"))
    assert np.array_equal(to_array(form, (1, 2, 2), "mean"), expected)
    with pytest.raises(StemmaError, match=r"expected 1x2x2; images are not resized silently, the key `resize`"):
        to_array(form, (1, 2, 2))


def test_serving_keeps_what_fits_and_refuses_other_channels():
    fits = np.arange(18, dtype=np.uint8).reshape(2, 3, 3)
    assert np.array_equal(to_array(fits, (3, 2, 3), "mean"), fits.transpose(2, 0, 1)[None])
    large = np.repeat(np.repeat(fits, 2, 0), 2, 1)
    assert np.array_equal(to_array(large, (3, 2, 3), "mean"), fits.transpose(2, 0, 1)[None])
    with pytest.raises(StemmaError, match="shape 4x4, expected 3x2x2"):
        to_array(SQUARE[0, 0], (3, 2, 2), "mean")


@pytest.mark.parametrize("size", [(40, 40), (2, 2), (400, 2)])
def test_no_piece_exceeds_its_bound(tmp_path, monkeypatch, size):
    monkeypatch.setattr(shards, "CHUNK_BYTES", 20_000)
    x = np.random.default_rng(0).integers(0, 256, (2000, 1, 10, 10), np.uint8)
    pieces = []
    monkeypatch.setattr(shards, "save", lambda folder, stem, parts: pieces.extend(parts))
    monkeypatch.setattr(shards, "load", lambda *_: np.concatenate(pieces))
    found = resized(Raw({"train": Part(x, np.zeros(2000, np.int64))}, ("a",)), Resize(*size, "max"), tmp_path)
    assert np.array_equal(found.parts["train"].x, resize(x, Resize(*size, "max")))
    assert all(piece.nbytes <= 20_000 and len(piece) * 100 <= 20_000 for piece in pieces) and len(pieces) >= 10
