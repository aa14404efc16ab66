"""From the states of a sequence to one vector, without looking at padding."""

import torch
from torch import Tensor


def mask(lengths: Tensor, steps: int) -> Tensor:
    """True where a step is no padding, `[B, T]`."""
    return torch.arange(steps, device=lengths.device) < lengths[:, None]


def last(states: Tensor, lengths: Tensor | None) -> Tensor:
    """State `[B, D]` at each sequence's last step; states `[B, T, D]`, lengths `[B]`."""
    if lengths is None:
        return states[:, -1]
    return states[torch.arange(len(states), device=states.device), lengths.long() - 1]


def mean(states: Tensor, lengths: Tensor | None) -> Tensor:
    """Mean state `[B, D]` over each sequence's steps."""
    if lengths is None:
        return states.mean(1)
    inside = mask(lengths, states.shape[1])[..., None]
    return states.masked_fill(~inside, 0).sum(1) / lengths[:, None]


POOLING = {"last": last, "mean": mean}
