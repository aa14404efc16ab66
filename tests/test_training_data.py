"""What training sees: batches of equal length, arrays on disk, examples without labels, weights, word vectors."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from made_up import examples
from stemma import families
from stemma.config import Experiment
from stemma.data import shards
from stemma.data.shards import Shards
from stemma.data.store import Split, load_spec, load_split
from stemma.errors import StemmaError
from stemma.nn.losses import LOSSES, balanced
from stemma.training.datamodule import BatchPositions, Examples, joined, to_batch
from stemma.training.loop import SeedRun


def experiment(architecture: str = "mlp", family: str = "mlp", **values) -> Experiment:
    common = {"dataset": "grey", "family": family, "architecture": architecture, "accelerator": "cpu"}
    return Experiment(**{**common, "epochs": 2, "batch_size": 32, "seeds": (0,), **values})


def weights(folder: Path, settings: Experiment, train: Split | None = None, **more) -> dict[str, torch.Tensor]:
    run = SeedRun("x", settings, 0, load_spec(folder).to_dict())
    for name, value in more.items():
        setattr(run, name, value)
    model, _ = run.fit(train or load_split(folder, "train"), load_split(folder, "validation"), 2, [])
    return {name: value.clone() for name, value in model.state_dict().items()}


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 400), st.integers(1, 9), st.booleans(), st.integers(0, 3))
def test_every_order_holds_every_example_once(count: int, batch: int, blocks: bool, seed: int) -> None:
    lengths = None if blocks else torch.randint(1, 50, (count,), generator=torch.Generator().manual_seed(seed))
    batches = list(BatchPositions(count, batch, seed, True, lengths=lengths, blocks=blocks))
    assert sorted(torch.cat(batches).tolist()) == list(range(count))
    assert len(batches) == -(-count // batch) and max(map(len, batches)) <= batch


def test_buckets_save_padding_and_stay_shuffled() -> None:
    lengths = torch.randint(1, 41, (4000,), generator=torch.Generator().manual_seed(0))

    def padded(batches: list[torch.Tensor]) -> int:
        return sum(int(lengths[b].max()) * len(b) for b in batches)

    plain = list(BatchPositions(4000, 50, 0, True))
    buckets = list(BatchPositions(4000, 50, 0, True, lengths=lengths))
    assert padded(buckets) < 1.05 * int(lengths.sum()) < 0.6 * padded(plain)
    longest = torch.tensor([float(lengths[b].max()) for b in buckets])
    assert abs(np.corrcoef(longest, np.arange(len(buckets)))[0, 1]) < 0.3, "batches come in random order"


def test_blocks_are_read_together_and_mixed() -> None:
    order = torch.cat(list(BatchPositions(64 * 500, 32, 0, True, blocks=True)))
    first = order[: 50 * 32]
    assert len(torch.unique(first // 64)) == 25, "a pool of batches touches few blocks of the disk"
    assert len(torch.unique(first[:32] // 64)) > 12, "and a batch mixes them"


def test_a_set_on_disk_trains_as_one_in_memory_does(prepared: dict[str, Path], tmp_path: Path) -> None:
    train = load_split(prepared["grey"], "train")
    shards.save(tmp_path, "x", shards.chunks(train.x), shard_bytes=30 * 784)
    on_disk = replace(train, x=shards.load(tmp_path, "x"))
    assert isinstance(on_disk.x, Shards)
    data = to_batch(on_disk, memory_gb=1e-6)
    assert data.on_disk and not to_batch(on_disk).on_disk
    positions = torch.tensor([5, 99, 31, 0])
    assert torch.equal(Examples(data)[positions].x, Examples(to_batch(train))[positions].x)
    for settings_ in (experiment(memory_gb=1e-6), experiment("dbn", "dbn", memory_gb=1e-6, parameters={"hidden": (8,), "pretrain_epochs": 1})):  # fmt: skip
        streamed = weights(prepared["grey"], settings_, on_disk)
        assert all(value.isfinite().all() for value in streamed.values())


def test_streaming_alone_changes_no_number(prepared: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """In one order, examples from disk give the weights that examples in memory give."""
    monkeypatch.setattr("stemma.training.datamodule.Batch.on_disk", property(lambda batch: False))
    in_memory = weights(prepared["grey"], experiment())
    monkeypatch.undo()
    order = BatchPositions._shuffled
    monkeypatch.setattr(
        BatchPositions, "_shuffled", lambda self, g: (setattr(self, "blocks", False), order(self, g))[1]
    )
    streamed = weights(prepared["grey"], experiment(memory_gb=1e-6))
    assert all(torch.equal(value, streamed[name]) for name, value in in_memory.items())


def test_examples_without_labels_serve_pre_training_alone(prepared: dict[str, Path]) -> None:
    spec = load_spec(prepared["grey"])
    train, other = load_split(prepared["grey"], "train"), examples(spec, 200, 9)
    unlabelled = Split(other.x, np.full(200, -1))
    settings_ = experiment("dbn", "dbn", parameters={"hidden": (12,), "pretrain_epochs": 1})
    without, with_more = (
        weights(prepared["grey"], settings_),
        weights(prepared["grey"], settings_, unlabelled=unlabelled),
    )
    assert not torch.equal(without["rbms.0.visible_bias"], with_more["rbms.0.visible_bias"])
    plain = experiment("mlp", "mlp")
    same = weights(prepared["grey"], plain), weights(prepared["grey"], plain, unlabelled=unlabelled)
    assert all(torch.equal(value, same[1][name]) for name, value in same[0].items())
    both = joined(to_batch(train), to_batch(unlabelled))
    assert len(both.y) == len(train) + 200 and torch.equal(both.x[-200:], torch.from_numpy(other.x))


@pytest.mark.parametrize("loss", ["cross_entropy", "mse"])
def test_weighted_losses_repeat_examples(loss: str) -> None:
    """Weights in the ratio 3 : 1 are as good as each example of the first class three times."""
    logits, labels = torch.randn(5, 2), torch.tensor([0, 1, 1, 0, 1])
    repeated = torch.tensor([0, 0, 0, 1, 2, 3, 3, 3, 4])
    weighted = LOSSES[loss](logits, labels, torch.tensor([3.0, 1.0]))
    torch.testing.assert_close(weighted, LOSSES[loss](logits[repeated], labels[repeated], None))
    torch.testing.assert_close(LOSSES[loss](logits, labels, torch.ones(2)), LOSSES[loss](logits, labels, None))


def test_balanced_weights() -> None:
    assert balanced((30, 10)) == [40 / 60, 2.0]
    assert 30 * balanced((30, 10))[0] == 10 * balanced((30, 10))[1] == 20


def test_class_weights_change_training(prepared: dict[str, Path]) -> None:
    train = load_split(prepared["grey"], "train")
    keep = np.flatnonzero((train.y > 0) | (np.arange(len(train)) < 40))
    few = Split(np.asarray(train.x)[keep], train.y[keep])
    spec = {**load_spec(prepared["grey"]).to_dict(), "class_counts": np.bincount(few.y).tolist()}
    fitted = [
        SeedRun("x", experiment(class_weights=how), 0, spec).fit(
            few, load_split(prepared["grey"], "validation"), 1, []
        )[0]
        for how in ("none", "balanced")
    ]
    assert not torch.equal(*(next(model.parameters()) for model in fitted))


def test_training_starts_from_word_vectors(prepared: dict[str, Path]) -> None:
    spec = load_spec(prepared["text"])
    vectors = np.random.default_rng(0).normal(size=(spec.vocabulary_size, 6)).astype(np.float32)
    for name in ("kim_cnn", "lstm"):
        model = families.build(name, spec.to_dict(), {"embedding": 6})
        model.use_vectors(vectors)
        assert np.array_equal(model.word_embedding().weight.detach().numpy(), vectors)
    wrong = families.build("lstm", spec.to_dict(), {"embedding": 7})
    with pytest.raises(StemmaError, match=r"parameters.embedding: 7, but the slot's word vectors have length 6"):
        wrong.use_vectors(vectors)
    settings_ = experiment("kim_cnn", "cnn", learning_rate=1e-9, parameters={"embedding": 6})
    after = weights(prepared["text"], settings_, vectors=vectors)["embedding.weight"]
    np.testing.assert_allclose(after[2:], vectors[2:], atol=1e-6)
