import making
import numpy as np
import pytest
from PIL import Image

from stemma.data.image import to_array
from stemma.errors import StemmaError

GREY = np.arange(6, dtype=np.uint8).reshape(2, 3)
COLOUR = np.arange(18, dtype=np.uint8).reshape(2, 3, 3)


@pytest.mark.parametrize(
    "form",
    [
        GREY,
        GREY[..., None],
        GREY[None],
        GREY[None, None],
        GREY.tolist(),
        GREY.astype(float),
        [GREY],
        Image.fromarray(GREY),
    ],
)
def test_forms_of_a_grey_image(form):
    found = to_array(form, (1, 2, 3))
    assert found.dtype == np.uint8 and np.array_equal(found, GREY[None, None])


@pytest.mark.parametrize("form", [COLOUR, COLOUR.transpose(2, 0, 1), COLOUR[None], Image.fromarray(COLOUR)])
def test_forms_of_a_colour_image(form):
    assert np.array_equal(to_array(form, (3, 2, 3)), COLOUR.transpose(2, 0, 1)[None])


def test_paths_and_batches(tmp_path):
    (tmp_path / "a.png").write_bytes(making.png(GREY))
    several = to_array([tmp_path / "a.png", str(tmp_path / "a.png"), GREY], (1, 2, 3))
    assert several.shape == (3, 1, 2, 3) and (several == GREY).all()
    assert to_array(np.stack([GREY] * 4), (1, 2, 3)).shape == (4, 1, 2, 3)


@pytest.mark.parametrize(
    ("form", "said"),
    [
        (GREY.T, "shape 3x2, expected 1x2x3; images are not resized"),
        (COLOUR, "shape 2x3x3, expected 1x2x3"),
        (GREY / 255, "expected whole numbers 0 to 255"),
        (GREY.astype(int) - 1, "values from -1 to 4"),
        (GREY * 100.0 + np.nan, "values from nan"),
        (np.array([["a"]]), "found <U1"),
        ([], "found float64"),
        (Image.fromarray(COLOUR).convert("RGBA"), "image mode RGBA"),
        ("none.png", "none.png: no such file"),
    ],
)
def test_refused(form, said):
    with pytest.raises(StemmaError, match=said):
        to_array(form, (1, 2, 3))
