"""Study `few_labels`: what pre-training without labels is worth when few are known."""

from collections.abc import Mapping
from typing import Literal

import numpy as np

from stemma.cli.study import run
from stemma.errors import StemmaError
from stemma.report.numbers import percent, points, significant
from stemma.studies import Case, Estimate, Figure, Study, Table, Trained, estimate, verdict
from stemma.studies.figures import Series, lines

NETS = {
    "plain": "sigmoid, no pre-training",
    "dbn": "DBN",
    "stacked_ae": "stacked autoencoders",
    "relu": "ReLU, no pre-training",
    "cnn": "LeNet-5",
}
"""What begins the name of an experiment, and how a reader calls it."""
PRE_TRAINED: tuple[Literal["dbn"], Literal["stacked_ae"]] = ("dbn", "stacked_ae")
LEARNT = 0.1
"""Training loss at which a net has learnt its labelled examples."""
Sizes = dict[int, dict[str, Trained]]


def by_size(experiments: Mapping[str, Trained]) -> Sizes:
    """Nets by the number of labelled examples, the fewest first; each size has all of `NETS`.

    Raises:
        StemmaError: one is missing.
    """
    found: Sizes = {}
    for key, trained in experiments.items():
        found.setdefault(len(trained.examples("train")), {})[key.rpartition("-")[0]] = trained
    for size, nets in found.items():
        if set(nets) != set(NETS):
            raise StemmaError(f"{size:,} labels: experiments of {', '.join(nets)}; needed: {', '.join(NETS)}")
    return dict(sorted(found.items()))


def study(experiments: dict[str, Trained]) -> Study:
    sizes = by_size(experiments)
    pairs = [(size, name) for size in sizes for name in PRE_TRAINED]
    return Study(
        name="few_labels",
        question="What is pre-training without labels worth when few are known?",
        method=[
            _nets(sizes),
            "All labelled digits are of the canonical MNIST's training part, as many of each class; pre-training sees "
            "all others too, without labels. The last epoch stands and nothing is chosen on validation, whose labels "
            "would be more than those of training. Tested on the canonical 10,000.",
        ],
        verdicts=[
            verdict(
                "Pre-trained layers put a deep net where it converges to a better optimum.",
                "text 002, 5.1.1 and 5.1.2; text 004",
                [_better(sizes[size], name, "plain", _labels(size, name)) for size, name in pairs],
            ),
            verdict(
                "Pre-training mends that training takes long.",
                "text 002, 5.1.1",
                [_sooner(sizes[size], name, size) for size, name in pairs],
            ),
            verdict(
                "Pre-training regularises: it makes a net generalise better.",
                "text 004",
                [_gap(sizes[size], name, size) for size, name in pairs],
            ),
            verdict(
                "Nets of ReLU can be trained with labels alone and need no layer-wise pre-training.",
                "text 003",
                [_better(sizes[size], "relu", name, f"{_labels(size)} against {NETS[name]}") for size, name in pairs],
            ),
            verdict(
                "That deep structures learn without labels is an important benefit, these being scarcer than data "
                "(here: it is worth more than a CNN's structure).",
                "text 001, 3.1",
                [_better(sizes[size], name, "cnn", _labels(size, name)) for size, name in pairs],
            ),
        ],
        figures=_figures(sizes),
        tables=[_table(sizes)],
    )


def _nets(sizes: Sizes) -> str:
    nets = next(iter(sizes.values()))
    widths = "-".join(map(str, nets["dbn"].settings["parameters"]["hidden"]))
    epochs = ", ".join(f"{nets['dbn'].settings['epochs']} with {size:,}" for size, nets in sizes.items())
    return (
        f"One net 784-{widths}-10 of sigmoid units: as it is ({NETS['plain']}), with layers pre-trained as RBMs by "
        f"contrastive divergence ({NETS['dbn']}), or as denoising autoencoders ({NETS['stacked_ae']}). Beside it the "
        f"same sizes with ReLU, and {NETS['cnn']}. Epochs with labels: {epochs}."
    )


def _labels(size: int, name: str = "") -> str:
    return f"{size:,} labels" + (f", {NETS[name]}" if name else "")


def _better(nets: Mapping[str, Trained], name: str, other: str, where: str) -> Case:
    gap = estimate(nets[name].test() - nets[other].test())
    return Case(where, gap.above(0), f"{gap.shown(points)} points")


def _gap(nets: Mapping[str, Trained], name: str, size: int) -> Case:
    """The gap between train and test of a pre-trained net, less that of the same net without."""
    less = estimate(generalisation(nets[name]) - generalisation(nets["plain"]))
    return Case(_labels(size, name), less.below(0), f"{less.shown(points)} points of the gap between train and test")


def generalisation(net: Trained) -> np.ndarray:
    """Accuracy on train less that on test, `[S]`."""
    return net.history("train_accuracy")[:, -1] - net.test()


def _sooner(nets: Mapping[str, Trained], name: str, size: int) -> Case:
    """Seconds, those of pre-training counted, until the labelled examples are learnt."""
    times = {key: seconds_to(nets[key]) for key in (name, "plain")}
    if np.isnan(times["plain"]).all() and np.isnan(times[name]).all():
        return Case(_labels(size, name), None, f"neither reaches a training loss of {LEARNT:g}")
    if np.isnan(times[name]).any() or np.isnan(times["plain"]).any():
        reached = {key: int((~np.isnan(values)).sum()) for key, values in times.items()}
        told = (
            f"{reached[name]} of its seeds and {reached['plain']} of those without reach a training loss of {LEARNT:g}"
        )
        return Case(_labels(size, name), reached[name] > reached["plain"], told)
    ratio = estimate(times[name] / times["plain"], log=True)
    return Case(_labels(size, name), ratio.below(1), f"{ratio.shown(lambda n: significant(n, 2))} times the seconds")


def seconds_to(net: Trained) -> np.ndarray:
    """Seconds from the start to the first epoch whose training loss is at most `LEARNT`, `[S]`; NaN where none is."""
    losses, seconds = net.history("train_loss"), net.epoch_seconds()
    first = np.where(losses <= LEARNT, seconds, np.nan)
    return np.array([np.nan if np.isnan(row).all() else np.nanmin(row) for row in first])


def _figures(sizes: Sizes) -> list[Figure]:
    plan = (
        ("Test error", "Errors on the canonical test digits by the number of labelled ones.", "test error, %"),
        ("Gap", "Accuracy on train less that on test, by the number of labelled digits.", "gap, points"),
    )
    values = (lambda net: 100 * (1 - net.test()), lambda net: 100 * generalisation(net))
    figures = []
    for number, ((title, text, axis), of) in enumerate(zip(plan, values, strict=True)):
        series = [
            Series(called, list(sizes), np.array([of(nets[name]) for nets in sizes.values()]).T)
            for name, called in NETS.items()
        ]
        log, bounds = ("xy" if number == 0 else "x"), (-100.0, 100.0)
        figures.append(
            Figure(title, text, lines(series, "labelled digits", axis, f"l{number}", text, log, bounds=bounds))
        )
    return figures


def _table(sizes: Sizes) -> Table:
    head = ("Labels", "Net", "test accuracy", "train accuracy", "CPU seconds")
    rows = []
    for size, nets in sizes.items():
        for name, called in NETS.items():
            net = nets[name]
            train = estimate(net.history("train_accuracy")[:, -1], bounds=(0, 1))
            seconds = f"{net.seconds().mean():.0f}"
            rows.append((f"{size:,}", called, _share(estimate(net.test(), bounds=(0, 1))), _share(train), seconds))
    return Table("Means over seeds, in brackets their 95 % t-intervals; seconds a seed.", head, rows)


def _share(found: Estimate) -> str:
    return found.shown(lambda share: f"{percent(share)} %")


if __name__ == "__main__":
    run(study)
