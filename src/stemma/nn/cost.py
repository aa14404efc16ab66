"""What a prediction costs, counted."""

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode


def multiply_adds(predict: Callable[..., Any], *arguments: Any) -> int | None:
    """Multiplications with their additions that the matrix products and convolutions of `predict(*arguments)` take.

    Element-wise operations, look-ups and distances are not counted. oneDNN, whose recurrent layers are one operation
    that nobody looks into, stands aside. None where there are neither products nor convolutions.
    """
    with warnings.catch_warnings(action="ignore"), torch.backends.mkldnn.flags(enabled=False):
        counter = FlopCounterMode(display=False)
        with counter:
            predict(*arguments)
    return int(counter.get_total_flops()) // 2 or None
