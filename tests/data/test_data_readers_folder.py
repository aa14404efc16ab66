"""Images by class that stream to disk: order, resizing, formats."""

import io

import making
import numpy as np
import pytest
from PIL import Image

from stemma.data import image, shards
from stemma.data.catalog import CATALOG
from stemma.data.parts import Resize
from stemma.data.readers import image_folder
from stemma.data.resize import resize
from stemma.errors import StemmaError

IMAGES, CIFAR = CATALOG["images"], CATALOG["cifar10"]


def shuffled(count: int, side: int = 4) -> tuple[dict[str, bytes], np.ndarray, list[int]]:
    """Members in any order, and pixels and labels in the order of names."""
    random = np.random.default_rng(0)
    x = random.integers(0, 256, (count, side, side), np.uint8)
    names = sorted(f"{'ab'[i % 2]}/{i:04d}.png" for i in range(count))
    members = {names[i]: making.png(x[i]) for i in random.permutation(count)}
    return members, x[:, None], ["ab".index(name[0]) for name in names]


@pytest.mark.parametrize("step", [1, 16 * 7, 16 * 100, 1 << 20])
def test_order_of_names_whatever_the_archive_and_the_pieces(tmp_path, monkeypatch, step):
    monkeypatch.setattr(image_folder, "STEP", step)
    monkeypatch.setattr(shards.Writer.__init__, "__defaults__", (16 * 30,))
    members, x, y = shuffled(100)
    part = making.read(image_folder, making.tar(tmp_path / "a.tar", members), IMAGES).parts["train"]
    assert np.array_equal(part.x[:], x) and part.y.tolist() == y
    assert len(list(tmp_path.glob("train_x-*.npy"))) == 4
    in_order = dict(sorted(members.items()))
    part = making.read(image_folder, making.tar(tmp_path / "b.tar", in_order), IMAGES, tmp_path / "..").parts["train"]
    assert not isinstance(part.x, shards.View) and np.array_equal(part.x[:], x)


def test_resize_when_asked(tmp_path):
    members = making.images_by_class(side=8) | {"train/cat/z.png": making.png(np.full((5, 7, 3), 9, np.uint8))}
    path = making.tar(tmp_path / "a.tar", members)
    with pytest.raises(StemmaError, match=r"RGB 5x7, expected RGB 8x8; .* the key `resize` asks for it"):
        making.read(image_folder, path, IMAGES)
    to = Resize(4, 6, "bilinear")
    parts = making.read(image_folder, path, IMAGES, resize=to).parts
    whole = making.read(image_folder, making.tar(tmp_path / "b.tar", making.images_by_class(side=8)), IMAGES)
    assert np.array_equal(parts["test"].x[:], resize(whole.parts["test"].x[:], to))
    assert parts["train"].x.shape == (7, 3, 4, 6) and (parts["train"].x[3] == 9).all()


def test_resize_of_a_dataset_whose_shape_is_known(tmp_path):
    path = making.tar(tmp_path / "a.tar", {"train/cat/1.png": making.png(np.full((40, 50, 3), 7, np.uint8))})
    part = making.read(image_folder, path, CIFAR, resize=Resize(16, 16, "mean")).parts["train"]
    assert part.x.shape == (1, 3, 16, 16) and (part.x[:] == 7).all()
    grey = making.tar(tmp_path / "b.tar", {"train/cat/1.png": making.png(np.zeros((40, 50), np.uint8))})
    with pytest.raises(StemmaError, match=r"grey 40x50, expected RGB 16x16$"):
        making.read(image_folder, grey, CIFAR, resize=Resize(16, 16, "mean"))


@pytest.mark.parametrize("kind", image.FORMATS)
def test_formats(kind):
    buffer = io.BytesIO()
    Image.fromarray(np.full((6, 5, 3), 100, np.uint8)).save(buffer, format=kind)
    found = image.decode(buffer.getvalue(), "x")
    assert found.shape == (3, 6, 5) and abs(found.astype(int) - 100).max() <= 2


@pytest.mark.parametrize("kind", ["EPS", "TGA", "ICO", "PCX"])
def test_other_formats_are_refused(kind):
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(buffer, format=kind)
    with pytest.raises(StemmaError, match="x: not a readable image"):
        image.decode(buffer.getvalue(), "x")


@pytest.mark.parametrize(
    ("mode", "name"), [("RGBA", "RGBA"), ("LA", "LA"), ("I;16", "I;16"), ("CMYK", "CMYK"), ("F", "F")]
)
def test_modes_that_would_lose_something_are_refused(mode, name):
    buffer = io.BytesIO()
    Image.new(mode, (4, 4)).save(buffer, format="TIFF")
    with pytest.raises(StemmaError, match=f"image mode {name}; expected 8-bit grey .L. or RGB"):
        image.decode(buffer.getvalue(), "x")


UPRIGHT = np.arange(24, dtype=np.uint8).reshape(4, 6) * 10
TURNS = {1: 0, 3: 2, 6: 1, 8: 3}
"""EXIF orientation -> quarter turns (against the clock) from the upright image to what is stored."""


def held(orientation: int, kind: str) -> bytes:
    """`UPRIGHT` as a camera held in this way would store it."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(np.rot90(UPRIGHT, TURNS[orientation]))).save(buffer, format=kind, exif=exif)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("orientation", TURNS)
def test_images_stand_upright_in_ingest_and_serving(tmp_path, kind, orientation):
    content = held(orientation, kind)
    assert np.array_equal(image.decode(content, "x")[0], UPRIGHT)
    (tmp_path / "a").write_bytes(content)
    with Image.open(io.BytesIO(content)) as opened:
        served = image.to_array([opened, tmp_path / "a"], (1, 4, 6))
    assert np.array_equal(served, np.stack([UPRIGHT[None]] * 2))


def transparent(mode: str, kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, (4, 4)).save(buffer, format=kind, transparency=(0, 0, 0) if mode == "RGB" else 0)
    return buffer.getvalue()


@pytest.mark.parametrize(("mode", "kind"), [("P", "PNG"), ("P", "GIF"), ("L", "PNG"), ("RGB", "PNG")])
def test_a_transparent_colour_is_refused_as_an_alpha_channel_is(mode, kind):
    said = f"image mode {mode} with transparency; expected 8-bit grey .L. or RGB"
    with pytest.raises(StemmaError, match=said):
        image.decode(transparent(mode, kind), "x")
    with pytest.raises(StemmaError, match=said), Image.open(io.BytesIO(transparent(mode, kind))) as opened:
        image.to_array(opened, (3, 4, 4))


def test_a_palette_without_transparency_is_read_as_colour():
    buffer = io.BytesIO()
    Image.fromarray(np.full((4, 4, 3), 9, np.uint8)).convert("P").save(buffer, format="PNG")
    assert image.decode(buffer.getvalue(), "x").shape == (3, 4, 4)
