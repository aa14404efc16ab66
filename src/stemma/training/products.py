"""The precision of float32 products."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch

SHAPES = ((32, 64, 32), (100, 784, 500))
"""Of products `[m, k] x [k, n]` that show the precision: small ones go another way than large ones."""


@contextmanager
def float32_products(precision: str, device: str) -> Iterator[None]:
    """Within, products have such a precision: `exact`, or as `torch.set_float32_matmul_precision` names it.

    `exact` is float32's own. On a `cpu` it takes the kernels of `medium` where they keep it, since on some processors
    they are twice as fast; where there are bfloat16 units (AMX) they round to 8 bits, and it is `highest`.
    """
    before = torch.get_float32_matmul_precision()
    if precision == "exact":
        precision = "medium" if device == "cpu" and medium_is_exact() else "highest"
    torch.set_float32_matmul_precision(precision)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


@cache
def medium_is_exact() -> bool:
    """Whether products under `medium` have float32's precision on this CPU: some are computed and compared."""
    with float32_products("medium", "cpu"):
        return all(_error(*shape) < 1e-4 for shape in SHAPES)


def _error(m: int, k: int, n: int) -> float:
    """Largest error of a float32 product, as a share of the largest element."""
    a = torch.arange(m * k, dtype=torch.float64).sin().reshape(m, k)
    b = torch.arange(k * n, dtype=torch.float64).cos().reshape(k, n)
    exact = a @ b
    return float((a.float() @ b.float() - exact).abs().max() / exact.abs().max())
