"""Optimisers that evaluate a closure several times a step, inside Lightning's automatic optimisation."""

import gc
import weakref
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from closures import SEARCHING
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from stemma.nn.optimizers import backward, make_optimizer


class Net(pl.LightningModule):
    """4-6-3, tanh; wired as the families' base is."""

    def __init__(self, name: str, options: dict[str, Any]) -> None:
        super().__init__()
        self.name, self.options, self.losses, self.epochs = name, options, list[float](), list[float]()
        self.layers = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Dropout(0.1), nn.Linear(6, 3))

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        loss = nn.functional.cross_entropy(self.layers(batch[0]), batch[1])
        self.losses.append(loss.item())
        return loss

    def backward(self, loss: Tensor) -> None:  # type: ignore[override]
        backward(loss, self.optimizers(use_pl_optimizer=False))

    def configure_optimizers(self) -> Any:
        return make_optimizer(self.name, self.parameters(), 0.1, 0.0, 1e-3, self.options)

    def on_train_epoch_end(self) -> None:
        self.epochs.append(self.losses[0])
        self.losses.clear()


def fit(net: Net, epochs: int, batch: int) -> pl.Trainer:
    torch.manual_seed(0)
    x = torch.randn(64, 4)
    y = (x[:, 0] * x[:, 1] > 0).long() + (x[:, 2] > 0.5).long()
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = pl.Trainer(max_epochs=epochs, accelerator="cpu", devices=1, enable_checkpointing=False, **quiet)
    trainer.fit(net, DataLoader(TensorDataset(x, y), batch))
    return trainer


@pytest.mark.parametrize("name", SEARCHING)
@pytest.mark.filterwarnings("error:.*create_graph:UserWarning")
def test_a_net_learns(name: str) -> None:
    torch.manual_seed(2)
    net = Net(name, {"iterations": 3})
    trainer = fit(net, epochs=8, batch=64)
    assert net.epochs[-1] < 0.85 * net.epochs[0]
    assert trainer.global_step == 8
    assert all(p.grad is None or not p.grad.requires_grad for p in net.parameters())


def stepped(name: str, steps: int) -> tuple[weakref.ref[Any], int]:
    """A net after so many steps, whose only holder is gone; and the tensors that it left besides."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 1))
    optimizer = make_optimizer(name, net.parameters(), 0.1, 0.0, 0.0)
    x = torch.randn(30, 4)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = (net(x)[:, 0] - x.prod(1)).square().mean()
        backward(loss, optimizer)
        return loss

    for _ in range(steps):
        optimizer.step(closure)
    return weakref.ref(net[0].weight), sum(type(thing) is Tensor for thing in gc.get_objects())


@pytest.mark.parametrize("name", SEARCHING)
def test_no_graph_outlives_its_step(name: str) -> None:
    """Without the collector of cycles, which knows nothing of graphs: a dropped net is gone, steps add no tensors."""
    gc.collect()
    gc.disable()
    try:
        stepped(name, 2)
        weight, few = stepped(name, 12)
        _, many = stepped(name, 30)
    finally:
        gc.enable()
    assert weight() is None
    assert many <= few
