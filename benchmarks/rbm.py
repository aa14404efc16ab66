"""What an epoch of contrastive divergence costs, beside learnergy and scikit-learn, and what it has learnt.

    python benchmarks/rbm.py [PREPARED] [--peers FOLDER] [--repeats 9] [--epochs 4] [--only TEXT]

PREPARED is a prepared set of grey images (default data/prepared/grey); of fewer than 10,000 the rest are copies shifted
by a pixel. 784 binary units, 500 hidden, batch 100, CD-1, rate 0.1, no momentum; scikit-learn knows only persistent
chains. Seconds are CPU seconds of one thread, medians; contenders take turns, and ratios are medians of those within a
turn, since a shared machine is not equally fast for long: the fewer contenders (`--only mean-field`: those whose name
has the text, beside learnergy as it comes), the closer together in time they are. Reconstruction (squared length of v
less its mean-field reconstruction) and pseudo-likelihood are measured by one ruler, after all epochs.
learnergy is used where it can be imported; --peers is a folder that it was installed into:
`pip install --target FOLDER --no-deps learnergy==2.0.2 scikit-image lazy-loader imageio tifffile networkx`.
"""

import argparse
import importlib
import logging
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from stemma.threads import ONE_THREAD

os.environ.update(ONE_THREAD)

import numpy as np
import torch

from stemma.config import Experiment
from stemma.data.store import Split, load_spec, load_split
from stemma.families.dbn.contrastive import Contrast, gradients, statistics
from stemma.families.dbn.layerwise import TOGETHER
from stemma.families.dbn.likelihood import pseudo_likelihood
from stemma.families.dbn.machine import RBM
from stemma.spec import DataSpec
from stemma.training.loop import History, SeedRun
from stemma.training.products import float32_products

COUNT, BATCH, HIDDEN, RATE, LAYERS = 10_000, 100, 500, 0.1, (500, 500, 2000)
Epoch = Callable[[int], tuple[float, RBM | None]]
"""Number of epochs -> CPU seconds of one of them, and the machine afterwards."""


def digits(folder: Path) -> tuple[torch.Tensor, DataSpec]:
    """0/1 pixels float `[10000, 784]`."""
    x = np.concatenate([np.asarray(load_split(folder, name).x) for name in ("train", "validation", "test")])
    binary = (x.reshape(len(x), 28, 28) > 127).astype(np.float32)
    shifts = [binary, *(np.roll(binary, 1, axis) for axis in (1, 2))]
    return torch.from_numpy(np.concatenate(shifts)[:COUNT].reshape(COUNT, -1)), load_spec(folder)


def timed(job: Callable[[], Any]) -> float:
    started = time.process_time()
    job()
    return time.process_time() - started


def ratio(of: list[float], to: list[float]) -> float:
    return median(mine / other for mine, other in zip(of, to, strict=True))


class Bare:
    """The statistics of `stemma.families.dbn.contrastive` and a step down them, without autograd or trainer."""

    def __init__(self, x: torch.Tensor, sampled: bool, dtype: torch.dtype, hidden: int = HIDDEN) -> None:
        self.x, self.contrast, self.dtype, self.hidden = x.to(dtype), Contrast(sampled=sampled), dtype, hidden

    @torch.inference_mode()
    def epoch(self, rbm: RBM) -> None:
        for positions in torch.randperm(len(self.x)).split(TOGETHER * BATCH):
            for v in self.x.index_select(0, positions).split(BATCH):
                self.step(rbm, v)

    def step(self, rbm: RBM, v: torch.Tensor) -> None:
        machine = rbm if self.dtype == torch.float32 else rbm.lowered(self.dtype)
        found = gradients(machine, statistics(machine, v, self.contrast), self.contrast)
        for parameter, gradient in zip(rbm.parameters(), found, strict=True):
            parameter.add_(gradient, alpha=-RATE)

    def __call__(self, epochs: int) -> tuple[float, RBM]:
        rbm = RBM(self.x.shape[1], self.hidden)
        return timed(lambda: [self.epoch(rbm) for _ in range(epochs)]) / epochs, rbm


class Trained:
    """The same in a phase of the pipeline's training loop, with its history and curves."""

    def __init__(self, x: torch.Tensor, spec: DataSpec, precision: str, sampled: bool, hidden: tuple[int, ...]) -> None:
        images = (x.numpy().reshape(-1, 1, 28, 28) * 255).astype(np.uint8)
        self.split, self.spec, self.layers = Split(images, np.zeros(len(x), np.int64)), spec, len(hidden)
        self.settings: dict[str, Any] = {"precision": precision, "accelerator": "cpu", "epochs": 1, "batch_size": 500}
        self.architecture = "dbn" if self.layers > 1 else "rbm"
        self.parameters = {
            "hidden": hidden if self.layers > 1 else hidden[0], "sample_visible": sampled,
            "pretrain_learning_rate": RATE, "pretrain_momentum": 0.0,
            "pretrain_weight_decay": 0.0, "pretrain_batch_size": BATCH,
        }  # fmt: skip

    def fit(self, epochs: int) -> tuple[Any, History]:
        experiment = Experiment(
            dataset="grey", family="dbn", architecture=self.architecture, monitor=None, patience=None,
            parameters={**self.parameters, "pretrain_epochs": epochs}, **self.settings,
        )  # fmt: skip
        rows = History(time.process_time)
        run = SeedRun("benchmark", experiment, 0, replace(self.spec, classes=tuple("0123456789")).to_dict())
        model, _ = run.fit(self.split, None, 1, rows)
        return model, rows

    def __call__(self, epochs: int) -> tuple[float, RBM]:
        """An epoch's seconds from the end of the first to the end of the last: without what begins a phase."""
        model, rows = self.fit(epochs)
        return (rows.seconds[epochs - 1] - rows.seconds[0]) / (epochs - 1), model.rbms[0]

    def greedy(self, epochs: int) -> float:
        """CPU seconds of all layers, from the data to the end of the last one's phase."""
        _, rows = self.fit(epochs)
        return rows.seconds[self.layers * epochs - 1]


def learnergy(x: torch.Tensor, precision: str) -> Epoch:
    from torch.utils.data import TensorDataset

    make = importlib.import_module("learnergy.models.bernoulli").RBM
    data = TensorDataset(x, torch.zeros(len(x)))

    def run(epochs: int) -> tuple[float, RBM]:
        machine = make(784, HIDDEN, learning_rate=RATE)
        with float32_products(precision, "cpu"):
            seconds = timed(lambda: machine.fit(data, batch_size=BATCH, epochs=epochs)) / epochs
        return seconds, as_rbm(machine.W.T, machine.a, machine.b)

    return run


def scikit_learn(x: torch.Tensor, dtype: type) -> Epoch:
    from sklearn.neural_network import BernoulliRBM

    machine, data = BernoulliRBM(HIDDEN, learning_rate=RATE, batch_size=BATCH, n_iter=1, random_state=0), x.numpy()
    data = data.astype(dtype)

    def run(epochs: int) -> tuple[float, RBM]:
        seconds = timed(lambda: machine.set_params(n_iter=epochs).fit(data)) / epochs
        return seconds, as_rbm(machine.components_, machine.intercept_visible_, machine.intercept_hidden_)

    return run


def roof(dtype: torch.dtype) -> Epoch:
    """The products of an epoch alone."""
    v, h, w = (torch.rand(shape).to(dtype) for shape in ((2 * BATCH, 784), (2 * BATCH, HIDDEN), (HIDDEN, 784)))

    def epoch() -> None:
        for _ in range(COUNT // BATCH):
            torch.mm(v[:BATCH], w.T), torch.mm(h[:BATCH], w), torch.mm(v[BATCH:], w.T), torch.mm(h.T, v)

    return lambda epochs: (timed(lambda: [epoch() for _ in range(epochs)]) / epochs, None)


def as_rbm(weight: Any, visible_bias: Any, hidden_bias: Any) -> RBM:
    rbm = RBM(len(visible_bias), len(hidden_bias))
    for parameter, value in zip(rbm.parameters(), (weight, visible_bias, hidden_bias), strict=True):
        parameter.data = torch.as_tensor(value).detach().float().clone()
    return rbm


@torch.no_grad()
def quality(rbm: RBM | None, x: torch.Tensor) -> str:
    if rbm is None:
        return f"{'':>15} {'':>18}"
    torch.manual_seed(0)
    error = float((rbm.reconstruct(x) - x).square().sum(1).mean())
    return f"{error:>15.1f} {float(pseudo_likelihood(rbm, x).mean()):>18.1f}"


def contenders(x: torch.Tensor, spec: DataSpec, peers: bool) -> dict[str, Epoch]:
    low, full = torch.bfloat16, torch.float32
    found: dict[str, Epoch] = {}
    if peers:
        found["learnergy, as it comes"] = learnergy(x, "highest")
        found["learnergy, our exact products"] = learnergy(x, "exact")
    found["scikit-learn, float64"] = scikit_learn(x, np.float64)
    found["scikit-learn, float32"] = scikit_learn(x, np.float32)
    for kind, dtype, precision in (("float32", full, "32-true"), ("bfloat16", low, "bf16-mixed")):
        for way, sampled in (("sampled visibles", True), ("mean-field", False)):
            found[f"step, {kind}, {way}"] = Bare(x, sampled, dtype)
            found[f"trainer, {kind}, {way}"] = Trained(x, spec, precision, sampled, (HIDDEN,))
    found["roof, float32 products alone"] = roof(full)
    found["roof, bfloat16 products alone"] = roof(low)
    return found


def compare(jobs: dict[str, Epoch], x: torch.Tensor, repeats: int, epochs: int) -> None:
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    machines: dict[str, RBM | None] = {}
    for _ in range(repeats):
        for name, job in jobs.items():
            torch.manual_seed(0)
            spent, machines[name] = job(epochs)
            seconds[name].append(spent)
    against = [name for name in ("learnergy, as it comes", "scikit-learn, float32") if name in jobs]
    heads = "".join(f" {'x ' + name.split(',')[0]:>14}" for name in against)
    print(f"{'':36} {'CPU s an epoch':>14}{heads} {'reconstruction':>15} {'pseudo-likelihood':>18}")
    for name, values in seconds.items():
        ratios = "".join(f" {ratio(seconds[other], values):>14.2f}" for other in against)
        print(f"{name:36} {median(values):>14.3f}{ratios} {quality(machines[name], x)}")
    for kind in (name.removeprefix("trainer, ") for name in jobs if name.startswith("trainer, ")):
        print(f"trainer / step, {kind}: {ratio(seconds[f'trainer, {kind}'], seconds[f'step, {kind}']):.3f}")


def greedy(x: torch.Tensor, spec: DataSpec, peers: bool, repeats: int, epochs: int) -> None:
    """784-500-500-2000 on 5,000 digits, so many epochs a layer."""
    x = x[:5000]
    jobs: dict[str, Callable[[], float]] = {}
    if peers:
        jobs["learnergy's DBN, as it comes"] = lambda: learnergy_stack(x, epochs)
    for precision in ("32-true", "bf16-mixed"):
        trained = Trained(x, spec, precision, False, LAYERS)
        jobs[f"trainer, {precision}"] = lambda trained=trained: trained.greedy(epochs)  # type: ignore[misc]
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(repeats):
        for name, job in jobs.items():
            seconds[name].append(job())
    first = next(iter(seconds.values()))
    print(f"\ngreedy 784-{'-'.join(map(str, LAYERS))}, 5,000 digits, {epochs} epochs a layer")
    for name, values in seconds.items():
        print(f"{name:36} {median(values):>14.2f} {ratio(first, values) if peers else 1:>14.2f}")


def learnergy_stack(x: torch.Tensor, epochs: int) -> float:
    from torch.utils.data import TensorDataset

    layers, make = len(LAYERS), importlib.import_module("learnergy.models.deep").DBN
    names, ones, zeros = ("bernoulli",) * layers, (1,) * layers, (0.0,) * layers
    plain = {"normalize": False, "input_normalize": False}
    stack = make(names, 784, LAYERS, ones, (RATE,) * layers, zeros, zeros, (1.0,) * layers, False, **plain)
    data = TensorDataset(x, torch.zeros(len(x)))
    with float32_products("highest", "cpu"):
        return timed(lambda: stack.fit(data, batch_size=BATCH, epochs=(epochs,) * layers))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prepared", nargs="?", type=Path, default=Path("data/prepared/grey"))
    parser.add_argument("--peers", type=Path, help="folder with learnergy")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--only", default="", metavar="TEXT")
    given = parser.parse_args()
    sys.path.extend([str(given.peers)] if given.peers else [])
    peers = importlib.util.find_spec("learnergy") is not None
    print("" if peers else "learnergy: not installed, left out (see --peers)")
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    x, spec = digits(given.prepared)
    jobs = {
        name: job for name, job in contenders(x, spec, peers).items() if given.only in name or "as it comes" in name
    }
    with float32_products("exact", "cpu"):
        compare(jobs, x, given.repeats, given.epochs)
        if not given.only:
            greedy(x, spec, peers, given.repeats, given.epochs)


if __name__ == "__main__":
    main()
