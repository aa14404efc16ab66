"""Study `batch_size`: accuracy, seconds and gap from 8 to 1024, and how steady one step is."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import ceil, inf
from typing import Any

import numpy as np

from stemma.cli.study import run
from stemma.report.numbers import significant
from stemma.studies import Case, Estimate, Figure, Study, Table, Trained, Verdict, estimate, verdict
from stemma.studies.figures import Series, dots, lines
from stemma.studies.probes import steps_down

FIXED = ("epochs", "steps")
RATES = ("fixed", "scaled")
PROBED = (1, 8, 32, 128, 512, 1024)
STEPS = 30
"""Single steps that are tried from a trained net, a seed and size."""
CLOSE = 1.0
"""Points of accuracy within which results count as equal."""


@dataclass(frozen=True)
class Run:
    """One batch size, by what is held fixed."""

    trained: Trained

    @property
    def size(self) -> int:
        return self.trained.settings["batch_size"]

    @property
    def rate(self) -> float:
        return self.trained.settings["learning_rate"]

    @property
    def steps(self) -> int:
        return self.trained.settings["epochs"] * ceil(len(self.trained.examples("train")) / self.size)

    @cached_property
    def test(self) -> np.ndarray:
        return 100 * self.trained.test()

    @cached_property
    def train(self) -> np.ndarray:
        return 100 * self.trained.accuracy("train")

    @property
    def gap(self) -> np.ndarray:
        return self.train - self.test

    @property
    def seconds(self) -> np.ndarray:
        return self.trained.seconds()

    @property
    def second_an_epoch(self) -> np.ndarray:
        """Median seconds of an epoch `[S]`, validation included."""
        return np.median(np.diff(self.trained.epoch_seconds(), axis=1), axis=1)


Sweeps = dict[tuple[str, str], list[Run]]


def sweeps(experiments: dict[str, Trained]) -> Sweeps:
    """The runs by (what is fixed, rate), by size; `base` belongs to all."""
    base = Run(experiments["base"])
    found = {}
    for fixed in FIXED:
        for rate in RATES:
            keys = [key for key in experiments if key.startswith(f"{fixed}-{rate}-")]
            found[fixed, rate] = sorted([base, *(Run(experiments[key]) for key in keys)], key=lambda each: each.size)
    return found


def study(experiments: dict[str, Trained]) -> Study:
    found, base = sweeps(experiments), Run(experiments["base"])
    falls = {size: probe(base, size) for size in PROBED}
    return Study(
        name="batch_size",
        question="What does the batch size do to accuracy, time and the gap between train and test?",
        method=[
            "An mlp 784-256-128-10 (ReLU) by plain stochastic gradient descent on "
            f"{len(base.trained.examples('train')):,} digits; the last epoch stands. All sizes are compared with "
            f"{base.size} at rate {base.rate:g}, {base.trained.settings['epochs']} epochs or {base.steps:,} steps, "
            "with one rate and with one that grows as the batch does (Goyal et al. 2017), up to "
            f"{found['epochs', 'scaled'][-1].size}.",
            f"How steady a step is: from each trained net of size {base.size}, {STEPS} single steps at rate "
            f"{base.rate:g}, each by one random batch; the loss over all training digits before and after. Seconds "
            "are CPU seconds of one thread, validation included.",
        ],
        verdicts=[_steady(falls), _time(found), _between(found), _scaled(found), _gap(found)],
        figures=_figures(found, falls),
        tables=[_table(found), _probed(falls)],
    )


def probe(base: Run, size: int) -> np.ndarray:
    """Share of single steps by batches of `size` that lower the loss over the training set, `[S]`."""
    examples = base.trained.examples("train")
    nets = [(seed, base.trained.model(seed)) for seed in base.trained.seeds]
    return np.array([steps_down(net, examples, size, base.rate, STEPS, seed) for seed, net in nets])


def _steady(falls: dict[int, np.ndarray]) -> Verdict:
    small, large = min(falls), max(falls)
    gap = estimate(falls[large] - falls[small])
    told = ", ".join(f"{size}: {100 * share.mean():.0f} %" for size, share in falls.items())
    return verdict(
        "By one example at a time the objective fluctuates violently; by a batch it is steadier, by all it falls "
        "surely.",
        "text 004, 4",
        [Case(f"steps by {large} against steps by {small}", gap.above(0), f"steps that lower the loss, {told}")],
    )


def _time(found: Sweeps) -> Verdict:
    """A step of a larger batch costs more, an epoch of larger batches less."""
    runs = found["epochs", "fixed"]
    small, large = runs[0], runs[-1]

    def a_step(each: Run) -> np.ndarray:
        return each.second_an_epoch * each.trained.settings["epochs"] / each.steps

    step = estimate(a_step(large) / a_step(small), log=True)
    epoch = estimate(large.second_an_epoch / small.second_an_epoch, log=True)
    return verdict(
        "Small batches are quick, the gradient of many examples takes long.",
        "text 004, 4",
        [
            Case(
                f"a step of {large.size}", step.above(1), f"{step.shown(_short)} times as long as one of {small.size}"
            ),
            Case(
                f"an epoch by {large.size}",
                epoch.above(1),
                f"{epoch.shown(_short)} times as long as one by {small.size}",
            ),
        ],
    )


def _between(found: Sweeps) -> Verdict:
    """Whether the best accuracy at equal epochs is neither at the smallest nor at the largest size."""
    cases = []
    for rate in RATES:
        runs = found["epochs", rate]
        best = max(runs, key=lambda each: each.test.mean())
        for name, end in (("smallest", runs[0]), ("largest", runs[-1])):
            if best is end:
                cases.append(Case(f"{rate} rate, {name} batch", False, f"{end.size} is itself the best"))
                continue
            lead = estimate(best.test - end.test)
            told = f"best at {best.size}, {_points(lead)} ahead of {end.size}"
            cases.append(Case(f"{rate} rate, {name} batch", lead.above(0), told))
    return verdict(
        "A batch unites the merits of one example and of all: the best lies between.",
        "text 004, 4 (at equal epochs)",
        cases,
    )


def _scaled(found: Sweeps) -> Verdict:
    cases = []
    base = next(each for each in found["epochs", "scaled"] if each.trained.key == "base")
    for each in found["epochs", "scaled"]:
        if each is not base:
            gap = estimate(each.test - base.test)
            cases.append(Case(f"{each.size}", gap.within(-CLOSE, CLOSE), f"{_points(gap)} to {base.size}"))
    return verdict(
        f"With a rate that grows as the batch does, equal epochs give equal accuracy (within {CLOSE:g} point).",
        "no text; Goyal et al. 2017",
        cases,
    )


def _gap(found: Sweeps) -> Verdict:
    cases = []
    for fixed in FIXED:
        for rate in RATES:
            small, large = found[fixed, rate][0], found[fixed, rate][-1]
            more = estimate(large.gap - small.gap)
            told = (
                f"{_points(more)} of gap against {small.size}, {_points(estimate(large.test - small.test))} of accuracy"
            )
            cases.append(Case(f"{large.size}, equal {fixed}, {rate} rate", more.above(0), told))
    return verdict(
        "Large batches generalise worse: a wider gap between train and test.",
        "no text; Keskar et al. 2017",
        cases,
    )


def _figures(found: Sweeps, falls: dict[int, np.ndarray]) -> list[Figure]:
    plan: list[tuple[str, str, Callable[[Run], np.ndarray]]] = [
        ("Test accuracy", "test accuracy, %", lambda each: each.test),
        ("Gap", "train less test, points", lambda each: each.gap),
        ("Seconds", "CPU seconds", lambda each: each.seconds),
    ]
    figures = []
    for number, (title, axis, value) in enumerate(plan):
        text = f"{title} by batch size; what is held equal, and the rate."
        series = [
            Series(f"{fixed}, {rate}", [each.size for each in runs], np.array([value(each) for each in runs]).T)
            for (fixed, rate), runs in found.items()
        ]
        logs, bounds = "xy" if title == "Seconds" else "x", (0, 100) if "%" in axis else (-inf, inf)
        drawn = lines(series, "batch size", axis, f"b{number}", text, logs, bounds=bounds)
        figures.append(Figure(title, text, drawn))
    text = "Share of single steps from a trained net that lower the loss over all training digits."
    names = [str(size) for size in falls]
    drawn = dots(
        names,
        {"": [100 * share for share in falls.values()]},
        "steps that lower the loss, %",
        "b9",
        text,
        bounds=(0, 100),
    )
    return [*figures, Figure("How steady a step is", text, drawn)]


def _table(found: Sweeps) -> Table:
    head = ("Equal", "rate", "batch", "learning rate", "steps", "test", "train", "gap, points", "CPU seconds")
    rows = [
        (
            fixed,
            rate,
            str(each.size),
            f"{each.rate:g}",
            f"{each.steps:,}",
            _shown(each.test, " %"),
            _shown(each.train, " %"),
            _shown(each.gap),
            _shown(each.seconds),
        )
        for (fixed, rate), runs in found.items()
        for each in runs
    ]
    return Table("Means over seeds, in brackets their 95 % t-intervals.", head, rows)


def _probed(falls: dict[int, np.ndarray]) -> Table:
    rows = [(str(size), _shown(100 * share, " %")) for size, share in falls.items()]
    return Table("Single steps from a trained net.", ("Batch", "steps that lower the loss"), rows)


def _shown(values: Any, unit: str = "") -> str:
    bounds = (0.0, 100.0) if unit else (-inf, inf)
    return estimate(values, bounds=bounds).shown(lambda number: f"{number:.1f}") + unit


def _short(number: float) -> str:
    return significant(number, 2)


def _points(found: Estimate) -> str:
    return found.shown(lambda number: f"{number:+.1f}") + " points"


if __name__ == "__main__":
    run(study)
