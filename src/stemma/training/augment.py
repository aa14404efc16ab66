"""Random changes of a whole batch of images, on its device."""

import torch
from torch import Tensor
from torch.nn import functional as F


def augment(x: Tensor, shift: int = 0, flip: bool = False) -> Tensor:
    """Shift each image by up to `shift` pixels (zeros move in) and mirror it with probability 1/2.

    `x` is uint8 or float `[B, C, H, W]`; the result has its type and shape.
    """
    batch, _, height, width = x.shape
    if shift:
        padded = F.pad(x, (shift,) * 4)
        offsets = torch.randint(0, 2 * shift + 1, (2, batch, 1), device=x.device)
        rows = offsets[0] + torch.arange(height, device=x.device)
        columns = offsets[1] + torch.arange(width, device=x.device)
        index = torch.arange(batch, device=x.device)[:, None, None]
        x = padded.permute(0, 2, 3, 1)[index, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
    if flip:
        mirrored = torch.rand(batch, 1, 1, 1, device=x.device) < 0.5
        x = torch.where(mirrored, x.flip(3), x)
    return x.contiguous()
