"""Study `regularisers`: the gap between train and test on few digits."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from stemma.cli.study import run
from stemma.studies import (
    Case,
    Estimate,
    Figure,
    Study,
    Table,
    Trained,
    Verdict,
    by_validation,
    estimate,
    tries,
    verdict,
)
from stemma.studies.figures import Series, dots, lines

LEARNT = 0.1
"""Training loss from which on a net has learnt its examples."""
CLOSE = 1.0
"""Points of accuracy within which one method may stand in for another."""
DROPS = ("dropout", "dropconnect", "standout")
SINGLE = ("early_stopping", "weight_decay", "l1", *DROPS, "batch_norm", "label_smoothing", "shift", "weight_average")
TEXT = "text 004, 4"


@dataclass(frozen=True)
class Net:
    """A regulariser: the chosen one of its tries, judged on train and on test in evaluation mode, a value a seed."""

    name: str
    trained: Trained
    count: int

    @cached_property
    def train(self) -> np.ndarray:
        return self.trained.accuracy("train")

    @cached_property
    def test(self) -> np.ndarray:
        return self.trained.test()

    @property
    def gap(self) -> np.ndarray:
        return self.train - self.test

    @property
    def strength(self) -> str:
        """The number that was chosen, or nothing."""
        settings = self.trained.settings
        found = {
            "rate": settings["parameters"].get("dropout", 0),
            "weight decay": settings["weight_decay"],
            "l1": settings["l1"],
            "share": settings["label_smoothing"],
            "pixels": settings["augment"]["shift"],
        }
        return ", ".join(f"{name} {value:g}" for name, value in found.items() if value)

    @property
    def ms_an_epoch(self) -> float:
        return 1000 * float(np.nanmean(np.diff(self.trained.epoch_seconds(), axis=1)))

    def learnt(self) -> np.ndarray:
        """Epochs until the training loss, as training sees it, is at most `LEARNT`; infinite if it never is, `[S]`."""
        found = self.trained.history("train_loss") <= LEARNT
        return np.where(found.any(1), found.argmax(1) + 1.0, np.inf)


def study(experiments: dict[str, Trained]) -> Study:
    nets = {name: Net(name, by_validation(found, "accuracy"), len(found)) for name, found in tries(experiments).items()}
    alone = {name: nets[name] for name in ("none", *SINGLE) if name in nets}
    none, few = nets["none"], len(nets["none"].trained.examples("train"))
    fewest = len(nets["fewest-none"].trained.examples("train"))
    return Study(
        name="regularisers",
        question="What narrows the gap between train and test, and what is it worth on the test?",
        method=[
            f"An mlp 784-256-128-10 (ReLU, Adam at 0.001) on {few} digits of mnist@sample, "
            f"{none.trained.settings['epochs']} epochs; the last epoch stands, but with early stopping. What has a "
            "strength is tried at two (DropConnect, which draws a mask an example, at one), three seeds each; the "
            "one of higher validation accuracy is shown.",
            "Accuracy on train is measured after training, in evaluation mode (nothing drops, no pixel shifts), on the "
            "digits trained on. The gap is that accuracy less the one on the 1,000 test digits.",
            f"Apart from that: dropout on {fewest} digits, dropout in a net twice as wide, batch normalisation at "
            "thirty times the rate.",
        ],
        verdicts=[
            _overfits(none),
            *_generalise(alone),
            _average(alone),
            _few(nets),
            _wide(nets),
            *_time(alone),
            _replaces(alone),
            _rate(nets),
        ],
        figures=_figures(alone),
        tables=[_table(nets)],
    )


def _overfits(none: Net) -> Verdict:
    found = estimate(none.gap)
    return verdict(
        "Overfitting is the main thing that hurts generalisation.",
        TEXT,
        [Case("no regulariser", found.above(0), f"{_share(none.train)} on train, {_share(none.test)} on test")],
    )


def _gain(one: np.ndarray, other: np.ndarray) -> Estimate:
    return estimate(100 * (one - other))


def _points(found: Estimate) -> str:
    return f"{found.shown(lambda number: f'{number:+.1f}')} points"


def _generalise(alone: dict[str, Net]) -> list[Verdict]:
    none = alone["none"]
    tests, gaps = [], []
    for name, net in alone.items():
        if name != "none":
            better, gap = _gain(net.test, none.test), _gain(net.gap, none.gap)
            tests.append(Case(name, better.above(0), _points(better)))
            gaps.append(Case(name, gap.below(0), _points(gap)))
    return [
        verdict(
            "Dropout and methods like it, batch normalisation, early stopping, augmentation and smoothed labels make "
            "a net generalise better: higher accuracy on the test.",
            f"{TEXT}; labels and stopping are not in it",
            tests,
        ),
        verdict(
            "They lessen overfitting: a smaller gap between train and test.",
            TEXT,
            gaps,
        ),
    ]


def _average(alone: dict[str, Net]) -> Verdict:
    cases = []
    for name in ("dropconnect", "standout"):
        found = _gain(alone[name].test, alone["dropout"].test)
        cases.append(Case(f"{name} against dropout", found.above(0), _points(found)))
    return verdict(
        "DropConnect averages models better in theory, and adaptive dropout seeks the best rate: better than dropout.",
        TEXT,
        cases,
    )


def _few(nets: dict[str, Net]) -> Verdict:
    found = _gain(nets["fewest-dropout"].test, nets["fewest-none"].test)
    digits = len(nets["fewest-none"].trained.examples("train"))
    return verdict(
        "Dropout does badly where examples are very few.",
        TEXT,
        [Case(f"{digits} digits", found.below(0), f"{_points(found)} on the test")],
    )


def _wide(nets: dict[str, Net]) -> Verdict:
    found = _gain(nets["wide-dropout"].test, nets["dropout"].test)
    return verdict(
        "Dropout leaves fewer units at work, so the net has to be made wider.",
        TEXT,
        [Case("twice the width", found.above(0), f"{_points(found)} on the test")],
    )


def _time(alone: dict[str, Net]) -> list[Verdict]:
    none, dropout = alone["none"], alone["dropout"]
    epoch = dropout.ms_an_epoch / none.ms_an_epoch
    cases = [Case("the time of an epoch", 2 <= epoch <= 3, f"{epoch:.2f} times as long")]
    needed = dropout.learnt() / none.learnt()
    if np.isfinite(needed).all():
        found = estimate(needed, log=True)
        told = f"{found.shown(lambda number: f'{number:.1f}')} times as many"
        cases.append(Case(f"epochs until the training loss is {LEARNT:g}", found.within(2, 3), told))
    else:
        cases.append(Case(f"epochs until the training loss is {LEARNT:g}", None, "it never is"))
    return [verdict("Dropout takes training two to three times as long.", TEXT, cases)]


def _replaces(alone: dict[str, Net]) -> Verdict:
    found = _gain(alone["batch_norm"].test, alone["dropout"].test)
    return verdict(
        f"Batch normalisation can to some degree stand in for dropout: at most {CLOSE:g} point worse on the test.",
        TEXT,
        [Case("batch_norm against dropout", found.above(-CLOSE), _points(found))],
    )


def _rate(nets: dict[str, Net]) -> Verdict:
    slow = _gain(nets["rate-batch_norm"].test, nets["batch_norm"].test)
    plain = _gain(nets["rate-batch_norm"].test, nets["rate-none"].test)
    rate = nets["rate-none"].trained.settings["learning_rate"]
    return verdict(
        "With batch normalisation the first rate can be large and the net converges fast.",
        TEXT,
        [
            Case(f"rate {rate:g}, against none", plain.above(0), f"{_points(plain)} on the test"),
            Case(f"rate {rate:g}, against a small rate", slow.above(0), f"{_points(slow)} on the test"),
        ],
    )


def _figures(alone: dict[str, Net]) -> list[Figure]:
    described = {
        "both": "Accuracy on the digits trained on and on test digits, chosen strengths, sorted by test.",
        "gap": "Train less test; 0 is no gap.",
        "loss": "Validation loss by epoch: where it rises, training longer hurts.",
        "train": "Training loss by epoch, as training sees it: with units dropped, pixels shifted or labels smoothed.",
    }
    order = sorted(alone.values(), key=lambda net: -net.test.mean())
    names = [net.name for net in order]
    train, test, gap = ([100 * getattr(net, what) for net in order] for what in ("train", "test", "gap"))
    shown = [alone[name] for name in ("none", "weight_decay", "dropout", "dropconnect", "batch_norm", "shift")]
    return [
        Figure(
            "Train and test",
            described["both"],
            dots(names, {"test": test, "train": train}, "accuracy, %", "r0", described["both"], bounds=(0, 100)),
        ),
        Figure("The gap", described["gap"], dots(names, {"": gap}, "points", "r1", described["gap"])),
        Figure(
            "Validation loss", described["loss"], _curves(shown, "val_loss", "validation loss", "r2", described["loss"])
        ),
        Figure(
            "Training loss", described["train"], _curves(shown, "train_loss", "training loss", "r3", described["train"])
        ),
    ]


def _curves(nets: Sequence[Net], column: str, axis: str, name: str, text: str) -> str:
    series = []
    for net in nets:
        values = net.trained.history(column)
        series.append(Series(net.name, np.arange(1, values.shape[1] + 1), values))
    return lines(series, "epoch", axis, name, text, "y")


def _table(nets: dict[str, Net]) -> Table:
    head = ("Regulariser", "tries", "chosen", "train", "test", "gap, points", "ms an epoch")
    rows = [
        (
            name,
            str(net.count),
            net.strength,
            _share(net.train),
            _share(net.test),
            estimate(100 * net.gap).shown(lambda number: f"{number:.1f}"),
            f"{net.ms_an_epoch:.0f}",
        )
        for name, net in nets.items()
    ]
    return Table("Accuracy: means over seeds, in brackets their 95 % t-intervals.", head, rows)


def _share(values: np.ndarray) -> str:
    return estimate(100 * values, bounds=(0, 100)).shown(lambda number: f"{number:.1f}") + " %"


if __name__ == "__main__":
    run(study)
