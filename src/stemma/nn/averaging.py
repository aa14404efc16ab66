"""Averages of the weights along training: for prediction they replace the last ones."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim.swa_utils import get_ema_multi_avg_fn, get_swa_multi_avg_fn

from stemma.errors import unknown


class WeightAverage:
    """An average of a module's floating parameters and buffers (those of batch normalisation among them).

    Args:
        kind: ema, exponential: `average = decay * average + (1 - decay) * weights` (Polyak, Juditsky 1992); or swa, the
            plain mean of all updates (Izmailov et al. 2018), begun late and updated once an epoch.

    Attributes:
        updates: taken so far; the first one copies.

    Raises:
        StemmaError: another kind.
    """

    def __init__(self, module: nn.Module, kind: str = "ema", decay: float = 0.999) -> None:
        functions = {"ema": lambda: get_ema_multi_avg_fn(decay), "swa": get_swa_multi_avg_fn}
        if kind not in functions:
            raise unknown("weight_average", kind, functions)
        self.module, self.updates = module, 0
        self._mix = functions[kind]()
        self.average = [value.detach().clone() for value in self._current()]

    def _current(self) -> list[Tensor]:
        """In an order that stays; frozen parameters too, whose average is themselves."""
        return [value for value in (*self.module.parameters(), *self.module.buffers()) if value.is_floating_point()]

    @torch.no_grad()
    def update(self) -> None:
        """Take the present weights into the average."""
        current = [value.detach() for value in self._current()]
        if self.updates == 0:
            torch._foreach_copy_(self.average, current)
        else:
            self._mix(self.average, current, torch.tensor(self.updates))
        self.updates += 1

    @torch.no_grad()
    def swap(self) -> None:
        """Exchange the module's values with the average; twice is nothing."""
        for value, mean in zip(self._current(), self.average, strict=True):
            kept = value.clone()
            value.copy_(mean)
            mean.copy_(kept)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Inside, the module has the average; after it, its own values again."""
        self.swap()
        try:
            yield
        finally:
            self.swap()


def normalisations(module: nn.Module) -> list[_BatchNorm]:
    """The layers that keep running statistics."""
    return [layer for layer in module.modules() if isinstance(layer, _BatchNorm) and layer.running_mean is not None]


@torch.no_grad()
def renew_statistics(layers: list[_BatchNorm], batches: Iterable[Any], forward: Callable[[Any], object]) -> None:
    """Running means and variances of `layers` as the present weights make them: plain means over `batches`.

    Those of averaged weights are no average of those along training (Izmailov et al. 2018, section 3.2). `forward`
    passes a batch through the network in training mode.
    """
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None
    for batch in batches:
        forward(batch)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
