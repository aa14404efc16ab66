"""Study `depth_width`: whether nets of equally many parameters do better narrow and deep, or wide and shallow."""

from dataclasses import dataclass

import numpy as np

from stemma.cli.study import run
from stemma.errors import StemmaError
from stemma.report.numbers import count, percent, points, significant
from stemma.studies import Case, Estimate, Figure, Study, Table, Trained, estimate, verdict
from stemma.studies.figures import Series, lines

TOLERANCE = 0.01
"""By what share a net's number of parameters may differ from that of the net of one hidden layer."""


@dataclass(frozen=True)
class Group:
    """Nets of one budget on one dataset, by their number of hidden layers, the shallowest first."""

    nets: dict[int, Trained]

    @property
    def first(self) -> Trained:
        return next(iter(self.nets.values()))

    @property
    def name(self) -> str:
        return f"{self.first.summary.dataset}, {count(self.first.parameters)}"

    def of(self, depth: int) -> str:
        return f"{depth} layers ({self.name})"


def grouped(experiments: dict[str, Trained]) -> list[Group]:
    """By what stands before the depth in their names.

    Raises:
        StemmaError: a group has no net of one hidden layer, or one of other parameters by more than `TOLERANCE`.
    """
    groups: dict[str, dict[int, Trained]] = {}
    for key, trained in experiments.items():
        depth = len(trained.settings["parameters"]["hidden"])
        groups.setdefault(key.rpartition("-")[0], {})[depth] = trained
    for name, nets in groups.items():
        if 1 not in nets:
            raise StemmaError(f"{name}: no net of one hidden layer to compare with; found depths {sorted(nets)}")
        sizes = [net.parameters for net in nets.values()]
        if any(abs(size / nets[1].parameters - 1) > TOLERANCE for size in sizes):
            raise StemmaError(f"{name}: {min(sizes):,} to {max(sizes):,} parameters; allowed: within {TOLERANCE:.0%}")
    return [Group(dict(sorted(nets.items()))) for nets in groups.values()]


def loss(net: Trained) -> np.ndarray:
    """Training loss in the last epoch, `[S]`."""
    return net.history("train_loss")[:, -1]


def study(experiments: dict[str, Trained]) -> Study:
    groups = grouped(experiments)
    deeper = [(group, depth) for group in groups for depth in group.nets if depth > 1]
    return Study(
        name="depth_width",
        question="With equally many parameters, is a net better deep and narrow or shallow and wide?",
        method=[
            f"Hidden layers of about equal width; the number of parameters differs by at most {TOLERANCE:.0%} from "
            "that of the net of one hidden layer. ReLU, He's first weights, Adam at 0.001, no regulariser: "
            f"{_widths(groups)}.",
            "How well a net fits is its training loss in the last epoch, as a ratio to that of the net of one hidden "
            "layer with the same seed. Test accuracy is that of the epoch of least validation loss.",
        ],
        verdicts=[
            verdict(
                "Given the same number of parameters, narrow and deep nets fit better.",
                "text 002, 5.1.2; text 004 says the same of what a net can represent",
                [_fits(group, depth) for group, depth in deeper],
            ),
            verdict(
                "Nets of two hidden layers or more extract better features than shallow ones.",
                "text 001",
                [_scores(group, depth) for group, depth in deeper],
            ),
            verdict(
                "Without shortcuts the training error of deep nets can be higher than that of shallow ones.",
                "text 004, of ResNet",
                [_degrades(group) for group in groups],
            ),
        ],
        figures=_figures(groups),
        tables=[_table(groups)],
    )


def _widths(groups: list[Group]) -> str:
    def of(group: Group) -> str:
        widths = [f"{len(h)}x{h[-1]}" for h in (net.settings["parameters"]["hidden"] for net in group.nets.values())]
        return f"{', '.join(widths)} on {group.name} parameters"

    return "; ".join(of(group) for group in groups)


def _ratio(group: Group, depth: int) -> tuple[Estimate, str]:
    """Of the training losses of `depth` hidden layers and of one, and how it is told."""
    ratio = estimate(loss(group.nets[depth]) / loss(group.first), log=True)
    return ratio, f"{ratio.shown(lambda number: significant(number, 2))} times the loss of one layer"


def _fits(group: Group, depth: int) -> Case:
    ratio, text = _ratio(group, depth)
    return Case(group.of(depth), ratio.below(1), text)


def _degrades(group: Group) -> Case:
    """Whether the deepest net ends at a higher training loss than the shallowest."""
    ratio, text = _ratio(group, max(group.nets))
    return Case(group.of(max(group.nets)), ratio.above(1), text)


def _scores(group: Group, depth: int) -> Case:
    gap = estimate(group.nets[depth].test() - group.first.test())
    return Case(group.of(depth), gap.above(0), f"{gap.shown(points)} points")


def _figures(groups: list[Group]) -> list[Figure]:
    fit = [
        Series(group.name, list(group.nets), np.array([loss(net) / loss(group.first) for net in group.nets.values()]).T)
        for group in groups
    ]
    test = [
        Series(group.name, list(group.nets), 100 * np.array([net.test() for net in group.nets.values()]).T)
        for group in groups
    ]
    texts = (
        "Training loss in the last epoch against that of one hidden layer; below 1 is better.",
        "Test accuracy by the number of hidden layers, parameters equal.",
    )
    fitted = lines(fit, "hidden layers", "training loss, ratio to one layer", "f", texts[0], "xy", 1.0)
    scored = lines(test, "hidden layers", "test accuracy, %", "t", texts[1], "x", bounds=(0, 100))
    return [Figure("Fit", texts[0], fitted), Figure("Test accuracy", texts[1], scored)]


def _table(groups: list[Group]) -> Table:
    head = ("Net", "dataset", "parameters", "training loss", "test accuracy, %", "seconds a seed")
    rows = [
        (
            f"{len(net.settings['parameters']['hidden'])} x {net.settings['parameters']['hidden'][-1]}",
            net.summary.dataset,
            f"{net.parameters:,}",
            estimate(loss(net), log=True).shown(lambda number: significant(number, 2)),
            estimate(net.test(), bounds=(0, 1)).shown(percent),
            significant(net.seconds().mean(), 2),
        )
        for group in groups
        for net in group.nets.values()
    ]
    return Table("Means over seeds (of losses geometric), in brackets their 95 % t-intervals.", head, rows)


if __name__ == "__main__":
    run(study)
