import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from stemma.data import leakage, shards
from stemma.data.leakage import alignment, images, neighbours
from stemma.data.leakage.alignment import align, blurred
from stemma.data.leakage.examples import Examples
from stemma.data.leakage.signature import shifted, spectrum
from stemma.data.parts import Part


def scenes(count, channels=1, side=24, seed=0, classes=3):
    """Smooth random pictures, all different."""
    random = np.random.default_rng(seed)
    coarse = random.integers(20, 236, (count, 8, 8, 1)) + random.integers(-20, 20, (count, 8, 8, channels))
    coarse = coarse.astype(np.uint8)
    large = [np.asarray(Image.fromarray(x.squeeze()).resize((side, side), Image.Resampling.BICUBIC)) for x in coarse]
    x = np.stack(large).reshape(count, side, side, channels).transpose(0, 3, 1, 2)
    return Part(np.ascontiguousarray(x), np.arange(count, dtype=np.int64) % classes)


def jpeg(x, quality):
    buffer = io.BytesIO()
    Image.fromarray(x[0] if len(x) == 1 else x.transpose(1, 2, 0)).save(buffer, "JPEG", quality=quality)
    array = np.asarray(Image.open(buffer))
    return array[None] if array.ndim == 2 else array.transpose(2, 0, 1)


def levels(x):
    return np.clip(np.rint(x), 0, 255).astype(np.uint8)


CHANGES = {
    "shift": lambda x: shifted(x, 2, -1),
    "noise": lambda x: levels(x + np.random.default_rng(1).normal(0, 12, x.shape)),
    "compression": lambda x: jpeg(x, 50),
    "brightness": lambda x: levels(x * 0.8 + 40),
}


def found(parts, **settings):
    pairs = leakage.find(parts, **settings)
    return {(r.part_a, r.row_a, r.part_b, r.row_b): r for r in pairs.itertuples()}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("change", CHANGES)
def test_changed_copies_are_found_and_nothing_else(channels, change):
    train, test = scenes(200, channels), scenes(60, channels, seed=1)
    copies = np.stack([CHANGES[change](x) for x in train.x[10:20]])
    parts = {"train": train, "test": Part(np.concatenate([copies, test.x]), np.concatenate([train.y[10:20], test.y]))}
    pairs = found(parts)
    assert set(pairs) == {("train", 10 + i, "test", i) for i in range(10)}
    assert all(r.how == "near" and 0 <= r.distance < images.MOST for r in pairs.values())
    expected = {"compression": {"noise"}}.get(change, {change})
    assert {r.change for r in pairs.values()} == expected


def test_clean_pictures_have_no_pairs():
    assert found({"train": scenes(300), "test": scenes(100, seed=1)}) == {}


def test_a_flip_is_a_duplicate_where_labels_survive_it():
    for channels, expected in ((1, False), (3, True)):
        part = scenes(60, channels)
        parts = {"train": part, "test": Part(part.x[:5, ..., ::-1].copy(), part.y[:5])}
        assert bool(found(parts)) is expected
        assert not found(parts, mirrored=False)
        pairs = found(parts, mirrored=True)
        assert set(pairs) == {("train", i, "test", i) for i in range(5)}
        assert {r.change for r in pairs.values()} == {"flip"}


def test_exact_and_near_copies_join_in_one_cluster():
    part = scenes(80)
    x = np.concatenate([part.x, part.x[:3], np.stack([shifted(x, 1, 1) for x in part.x[:3]])])
    parts = {"train": Part(x, np.concatenate([part.y, part.y[:3], part.y[:3]]))}
    number = leakage.clusters(parts, leakage.find(parts))["train"]
    assert np.array_equal(number[80:83], number[:3]) and np.array_equal(number[83:], number[:3])
    assert len(np.unique(number)) == 80


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 99), st.sampled_from(sorted(CHANGES)), st.integers(0, 39))
def test_a_planted_copy_is_always_in_the_cluster_of_its_source(seed, change, row):
    part = scenes(40, seed=seed)
    parts = {"train": part, "test": Part(CHANGES[change](part.x[row])[None], part.y[row : row + 1])}
    number = leakage.clusters(parts, leakage.find(parts))
    assert number["test"][0] == number["train"][row]


def test_neighbours_lose_no_pair_that_comparing_all_would_find(monkeypatch):
    part = scenes(70)
    copies = np.stack([CHANGES[name](x) for name, x in zip([*CHANGES] * 5, part.x, strict=False)])
    whole = Part(np.concatenate([part.x, copies]), np.concatenate([part.y, part.y[: len(copies)]]))
    few = leakage.find({"train": whole})
    monkeypatch.setattr(images, "candidates", lambda rows: np.triu_indices(len(rows), 1))
    assert leakage.find({"train": whole}).equals(few) and len(few) == 20


def test_a_class_of_look_alikes_has_a_threshold_of_its_own():
    """Class 0 varies a little about one picture, as the ones of MNIST do; its members are no duplicates."""
    base, varied = scenes(1).x[0].astype(float), scenes(400, seed=2)
    alike = levels(0.85 * base + 0.15 * scenes(400, seed=3).x)
    parts = {"train": Part(np.concatenate([alike, varied.x]), np.repeat([0, 1], 400))}
    assert len(leakage.find(parts)) <= 1
    copies = {
        "test": Part(
            np.stack([levels(x + np.random.default_rng(4).normal(0, 3, x.shape)) for x in alike[:9]]),
            np.zeros(9, np.int64),
        )
    }
    assert {("train", i, "test", i) for i in range(9)} <= set(found(parts | copies))
    examples = Examples(parts)
    numbers = np.arange(800)
    rows = neighbours.nearest(images._signatures(examples, numbers, False), 8)
    limits = images._limits(examples, numbers, rows, False)
    assert limits[0] < limits[1] / 1.5


def test_memory_mapped_and_sharded_images_give_the_same(tmp_path):
    part = scenes(90)
    x = np.concatenate([part.x, shifted(part.x[:6], 1, 0)])
    y = np.concatenate([part.y, part.y[:6]])
    shards.save(tmp_path, "one", [x])
    shards.save(tmp_path, "many", [x], shard_bytes=x[:17].nbytes)
    expected = leakage.find({"train": Part(x, y)})
    assert len(expected) == 6
    for stem, kind in (("one", np.memmap), ("many", shards.Shards)):
        stored = shards.load(tmp_path, stem)
        assert isinstance(stored, kind)
        assert leakage.find({"train": Part(stored, y)}).equals(expected)


def test_the_same_input_gives_the_same_table_in_order():
    part = scenes(90, 3)
    parts = {"train": part, "test": Part(shifted(part.x[::-9].copy(), 0, 2), part.y[::-9])}
    first = leakage.find(parts)
    assert leakage.find(parts).equals(first) and len(first) == 10
    assert first[["row_a", "row_b"]].values.tolist() == sorted(first[["row_a", "row_b"]].values.tolist())


def test_large_images_are_compared_reduced():
    part = scenes(60, side=130)
    parts = {"train": part, "test": Part(np.stack([jpeg(shifted(x, 2, 2), 60) for x in part.x[:5]]), part.y[:5])}
    assert set(found(parts)) == {("train", i, "test", i) for i in range(5)}


def test_constant_and_tiny_images_are_no_error():
    flat = np.repeat(np.arange(6, dtype=np.uint8) * 40, 64).reshape(6, 1, 8, 8)
    assert found({"train": Part(flat, np.zeros(6, np.int64))}) == {}
    part = scenes(50, side=8)
    parts = {"train": part, "test": Part(levels(part.x[:4] * 0.9 + 10), part.y[:4])}
    assert set(found(parts)) == {("train", i, "test", i) for i in range(4)}


def slow_alignment(a, b):
    """One pair, straight from the definition."""
    a, b = blurred(a[None])[0].astype(float), blurred(b[None])[0].astype(float)
    best = (-2.0, 0, 0)
    for down in range(-2, 3):
        for right in range(-2, 3):
            one = a.mean(0)[2:-2, 2:-2]
            other = b.mean(0)[2 + down : b.shape[1] - 2 + down, 2 + right : b.shape[2] - 2 + right]
            best = max(best, (float(np.corrcoef(one.ravel(), other.ravel())[0, 1]), down, right))
    _, down, right = best
    one = a[:, 2:-2, 2:-2]
    other = b[:, 2 + down : b.shape[1] - 2 + down, 2 + right : b.shape[2] - 2 + right]
    one, other = one - one.mean((1, 2), keepdims=True), other - other.mean((1, 2), keepdims=True)
    correlation = (one * other).sum() / np.sqrt((one**2).sum() * (other**2).sum())
    return np.sqrt(1 - max(correlation, 0) ** 2), down, right


@pytest.mark.parametrize("channels", [1, 3])
def test_alignment_is_what_its_definition_says(channels):
    x = scenes(20, channels).x
    y = np.concatenate([shifted(x[:10], -1, 2), x[10:][::-1]])
    result = align(x, y, mirrored=False)
    expected = [slow_alignment(a, b) for a, b in zip(x, y, strict=True)]
    light = np.abs(blurred(x)[..., 2:-2, 2:-2].mean((2, 3)) - blurred(y)[..., 2:-2, 2:-2].mean((2, 3))).max(1) < 50
    assert light.sum() > 10
    for i in np.flatnonzero(light):
        assert (result.down[i], result.right[i]) == expected[i][1:]
        assert result.distance[i] == pytest.approx(expected[i][0], abs=2e-3)
    assert (result.down[:10] == -1).all() and (result.right[:10] == 2).all() and result.distance[:10].max() < 0.05


def test_another_light_altogether_is_another_picture():
    x = scenes(5).x
    limits = [0.3, 1.0]
    for change, limit in zip((lambda v: v * 0.3, lambda v: v * 0.8 + 10), limits, strict=True):
        distance = align(x, levels(change(x.astype(float))), False).distance
        assert (distance == 1).all() if limit == 0.3 else (distance < 0.05).all()


def test_the_spectrum_does_not_move_with_a_shift_nor_where_wanted_with_a_flip():
    x = scenes(6, 3, side=26).x
    for mirrored in (False, True):
        plain = spectrum(x, mirrored)
        assert np.allclose(spectrum(np.roll(x, (3, -2), (2, 3)), mirrored), plain, atol=1e-4)
        assert np.allclose(spectrum((x * 0.5 + 20).astype(np.float32), mirrored), plain, atol=1e-4)
        assert np.allclose(spectrum(x[..., ::-1], mirrored), plain, atol=1e-4) is mirrored
    first = np.abs(np.fft.rfft2(x.astype(float))[:, :, :7, :7])
    first[:, :, 0, 0] = 0
    shape = spectrum(x, False).reshape(6, 3, 13, 7)[:, :, :7]
    assert np.allclose(shape / shape.max(), first / first.max(), atol=0.4)
    assert alignment.reach(np.zeros((1, 1, 28, 28))) == 2 and alignment.reach(np.zeros((1, 1, 8, 8))) == 0
