"""Float32 products of training keep float32's precision, whatever the processor."""

from pathlib import Path

import pytest
import torch

from stemma.config import Experiment
from stemma.runs import RunFiles
from stemma.training import loop, products
from stemma.training.products import float32_products, medium_is_exact


@pytest.mark.parametrize("shape", [(3, 5, 2), (17, 32, 17), (64, 64, 64), (100, 784, 500), (500, 200, 784)])
@pytest.mark.parametrize("across", [False, True])
def test_exact_products_are_exact_here(shape: tuple[int, int, int], across: bool) -> None:
    m, k, n = shape
    a, b = torch.rand(m, k, dtype=torch.float64), torch.rand(k, n, dtype=torch.float64)
    left, right = a.float(), b.T.float().contiguous().T if across else b.float()
    with float32_products("exact", "cpu"):
        found = left @ right
    torch.testing.assert_close(found.double(), left.double() @ right.double(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("keeps", "device", "taken"), [(True, "cpu", "medium"), (False, "cpu", "highest"), (True, "cuda", "highest")])  # fmt: skip
def test_exact_takes_the_fast_kernels_only_where_they_keep_the_precision(
    monkeypatch: pytest.MonkeyPatch, keeps: bool, device: str, taken: str
) -> None:
    monkeypatch.setattr(products, "medium_is_exact", lambda: keeps)
    with float32_products("exact", device):
        assert torch.get_float32_matmul_precision() == taken


@pytest.mark.parametrize("kept_bits", [8, 23])
def test_rounded_products_are_found_out(monkeypatch: pytest.MonkeyPatch, kept_bits: int) -> None:
    """As of processors that round under `medium`: to bfloat16, or not at all."""
    plain, low = torch.Tensor.__matmul__, torch.bfloat16 if kept_bits == 8 else torch.float32

    def rounded(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return plain(a.to(low).double(), b.to(low).double()) if a.dtype == torch.float32 else plain(a, b)

    monkeypatch.setattr(torch.Tensor, "__matmul__", rounded)
    assert medium_is_exact.__wrapped__() == (kept_bits == 23)


@pytest.mark.parametrize("setting", ["highest", "medium"])
def test_a_training_has_its_precision_and_leaves_none_behind(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, prepared: dict[str, Path], setting: str
) -> None:
    seen: list[str] = []
    monkeypatch.setattr(loop, "_train", lambda *_: seen.append(torch.get_float32_matmul_precision()))
    experiment = Experiment(dataset="grey", family="mlp", architecture="mlp", matmul_precision=setting)
    loop.train_seed(RunFiles("e", tmp_path), experiment, 0, prepared["grey"])
    assert (seen, torch.get_float32_matmul_precision()) == ([setting], "highest")
