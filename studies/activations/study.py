"""Study `activations`: what they do to the gradient, the speed and the units of a deep net."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from stemma.cli.study import run
from stemma.report.numbers import points, significant
from stemma.studies import Case, Estimate, Figure, Study, Table, Trained, Verdict, estimate, verdict
from stemma.studies.figures import Series, dots, lines
from stemma.studies.probes import Signals, signals

VANISHED = 0.01
"""Root mean square of the gradient at the first hidden layer against the last one's: below it, it has vanished."""
GUESSING = 0.2
"""Test accuracy that ten classes of equal size do not exceed without learning."""
ALIVE = 0.001
"""Share of units without gradient that counts as none."""


@dataclass(frozen=True)
class Net:
    """One experiment, probed on its training examples before the first step and at the best epoch, a seed each."""

    trained: Trained
    start: list[Signals]
    end: list[Signals]

    @property
    def activation(self) -> str:
        return self.trained.settings["parameters"]["activation"]

    @property
    def rate(self) -> float:
        return self.trained.settings["learning_rate"]

    @property
    def weights(self) -> str:
        return self.trained.settings["parameters"].get("initialisation", "default")

    @property
    def loss(self) -> np.ndarray:
        """Training loss, mean over the epochs, `[S]`: the lower, the faster it was learnt."""
        return self.trained.history("train_loss").mean(axis=1)

    def by_layer(self, probes: list[Signals]) -> np.ndarray:
        """Root mean square of the gradient at each hidden layer, against the last one's, `[S, L]`."""
        backward = np.sqrt([probe.backward[:-1] for probe in probes])
        return backward / backward[:, -1:]

    def vanishing(self, probes: list[Signals]) -> Estimate:
        return estimate(self.by_layer(probes)[:, 0], log=True)

    def dead(self, probes: list[Signals]) -> np.ndarray:
        """Share of hidden units that get no gradient from any example, `[S]`."""
        return np.array([probe.untaught[:-1].mean() for probe in probes])


def probe(trained: Trained) -> Net:
    examples = trained.examples("train")
    start, end = ([signals(make(seed), examples) for seed in trained.seeds] for make in (trained.start, trained.model))
    return Net(trained, start, end)


def study(experiments: dict[str, Trained]) -> Study:
    nets = {key: probe(trained) for key, trained in experiments.items()}
    deep = {key.removeprefix("deep-"): net for key, net in nets.items() if key.startswith("deep-")}
    rates = sorted((net for key, net in nets.items() if key.startswith("rate-")), key=lambda net: net.rate)
    layers = len(next(iter(deep.values())).start[0].backward) - 1
    return Study(
        name="activations",
        question=f"What does the activation do to a net of {layers} hidden layers?",
        method=[
            f"{layers} hidden layers of {_width(deep)} units on mnist@sample. First part: each activation with the "
            "first weights derived for it, and ReLU once more with torch's default; stochastic descent, momentum "
            "0.9. Second part: ReLU, leaky ReLU and ELU with Adam at growing rates.",
            "Gradients are those of the loss to what a hidden layer computes before its activation, root mean square "
            f"over units and all training examples. Below {VANISHED:g} of the last hidden layer's the first one's has "
            "vanished. A unit is dead if no training example gives it any gradient. Speed is the training loss, mean "
            "over the epochs. After training means at the epoch of least validation loss.",
        ],
        verdicts=[
            *_vanishing(deep),
            *_speed(deep),
            _dying([net for net in rates if net.activation == "relu"], deep["relu"]),
            _revived(rates),
            _near_linear(deep, rates),
        ],
        figures=_figures(deep, rates),
        tables=[_table(nets)],
    )


def _width(deep: dict[str, Net]) -> int:
    return next(iter(deep.values())).trained.settings["parameters"]["hidden"][0]


def _vanishing(deep: dict[str, Net]) -> list[Verdict]:
    """At the start, by the gradient; after training, by what was learnt."""
    relu = [deep["relu"], deep["relu-default"]]
    return [
        verdict(
            "Sigmoid: where it is flat gradients are near 0 and weights hardly move; a deep net cannot be trained.",
            "texts 003, 5.2.2, and 004",
            [_lost(deep["sigmoid"]), _unlearnt(deep["sigmoid"])],
        ),
        verdict(
            "Tanh saturates softly too and makes gradients vanish.",
            "text 003, 5.2.2",
            [_lost(deep["tanh"]), _unlearnt(deep["tanh"])],
        ),
        verdict(
            "ReLU's slope is 1 above 0, so the gradient does not decay: it solves vanishing gradients.",
            "texts 003, 5.2.2, and 004",
            [Case(f"{net.weights} weights", net.vanishing(net.start).above(VANISHED), _first(net)) for net in relu],
        ),
        verdict(
            "With ReLU deep nets can be trained directly, without layer-wise pre-training.",
            "texts 003, 5.2.2, and 004",
            [
                Case(
                    f"{net.weights} weights", _accuracy(net).above(GUESSING), f"test accuracy {_shares(_accuracy(net))}"
                )
                for net in relu
            ],
        ),
    ]


def _first(net: Net) -> str:
    return f"the first layer's gradient is {net.vanishing(net.start).shown(_short)} of the last's"


def _lost(net: Net) -> Case:
    return Case(f"{net.activation} at the start", net.vanishing(net.start).below(VANISHED), _first(net))


def _unlearnt(net: Net) -> Case:
    found = _accuracy(net)
    return Case(f"{net.activation} after training", found.below(GUESSING), f"test accuracy {_shares(found)}")


def _accuracy(net: Net) -> Estimate:
    return estimate(net.trained.test(), bounds=(0, 1))


def _speed(deep: dict[str, Net]) -> list[Verdict]:
    def faster(one: str, other: str) -> Case:
        gap = estimate(deep[one].loss - deep[other].loss)
        return Case(f"{one} against {other}", gap.below(0), f"mean training loss {gap.shown(_signed)}")

    return [
        verdict(
            "Tanh's mean is 0, so it converges faster than sigmoid.",
            "texts 003, 5.2.2, and 004",
            [faster("tanh", "sigmoid")],
        ),
        verdict(
            "ELU's mean is near 0, so it converges faster.",
            "text 003, 5.2.2",
            [faster("elu", "relu"), faster("elu", "leaky_relu")],
        ),
        verdict(
            "ReLU's mean is above 0, which hurts convergence.",
            "texts 003, 5.2.2, and 004",
            [faster("tanh", "relu"), faster("selu", "relu")],
        ),
    ]


def _dying(nets: list[Net], slow: Net) -> Verdict:
    """Whether more units are dead after training than before it, a case a rate."""

    def case(net: Net, where: str) -> Case:
        gap = estimate(net.dead(net.end) - net.dead(net.start))
        before, after = (_percent(net.dead(probes).mean()) for probes in (net.start, net.end))
        return Case(where, gap.above(0), f"{before} before, {after} after")

    cases = [case(slow, f"momentum at {slow.rate:g}"), *(case(net, f"Adam at {net.rate:g}") for net in nets)]
    return verdict(
        "As training goes on, ReLU units die: their weights move no more.", "texts 003, 5.2.2, and 004", cases
    )


def _revived(rates: list[Net]) -> Verdict:
    """Units without gradient at the highest rate, and what that is worth."""
    last = [net for net in rates if net.rate == rates[-1].rate]
    relu = next(net for net in last if net.activation == "relu")
    cases = []
    for net in (net for net in last if net.activation != "relu"):
        dead, gap = estimate(net.dead(net.end)), estimate(net.trained.test() - relu.trained.test())
        cases += [
            Case(f"{net.activation}'s units", dead.below(ALIVE), f"{_percent(dead.mean)} dead at rate {net.rate:g}"),
            Case(f"{net.activation}'s accuracy", gap.above(0), f"{_points(gap)} points to ReLU's"),
        ]
    return verdict(
        "Leaky ReLU and ELU have a slope below 0 too: no unit dies, and the net learns better.",
        "texts 003, 5.2.2, and 004",
        cases,
    )


def _near_linear(deep: dict[str, Net], rates: list[Net]) -> Verdict:
    pairs = [("momentum", deep["leaky_relu"], deep["relu"])]
    for leaky in (net for net in rates if net.activation == "leaky_relu"):
        relu = next(net for net in rates if net.activation == "relu" and net.rate == leaky.rate)
        pairs.append((f"Adam at {leaky.rate:g}", leaky, relu))
    cases = []
    for where, leaky, relu in pairs:
        gap = estimate(leaky.trained.test() - relu.trained.test())
        cases.append(Case(where, gap.below(0), f"{_points(gap)} points to ReLU's accuracy"))
    return verdict("Leaky ReLU is nearly linear, so it does badly where classes are complex.", "text 003, 5.2.2", cases)


def _figures(deep: dict[str, Net], rates: list[Net]) -> list[Figure]:
    first = next(iter(deep.values()))
    back = np.arange(first.by_layer(first.start).shape[1])
    epochs = 1 + np.arange(first.trained.history("train_loss").shape[1])

    def gradient(name: str, when: str, probes: Callable[[Net], list[Signals]]) -> Figure:
        shown = [Series(key, back, net.by_layer(probes(net))[:, ::-1]) for key, net in deep.items()]
        text = (
            f"Root mean square of the gradient {when}, against the last hidden layer's. Below the thin line: vanished."
        )
        axes = ("layers back from the last", "gradient, against the last layer's")
        return Figure(f"Gradient by layer {when}", text, lines(shown, *axes, name, text, "y", VANISHED))

    losses = [Series(key, epochs, net.trained.history("train_loss")) for key, net in deep.items()]
    kinds = dict.fromkeys(net.activation for net in rates)
    of_kind = {kind: [net for net in rates if net.activation == kind] for kind in kinds}
    dying = [
        Series(kind, [net.rate for net in nets], np.array([100 * net.dead(net.end) for net in nets]).T)
        for kind, nets in of_kind.items()
    ]
    names = [f"{net.rate:g}" for net in next(iter(of_kind.values()))]
    scores = {kind: [100 * net.trained.test() for net in nets] for kind, nets in of_kind.items()}
    speed = "Training loss by epoch; log 10 = 2.3 is guessing."
    dead = "Hidden units without gradient from any training example, after training, by Adam's rate."
    accuracy = "Test accuracy by Adam's rate."
    return [
        gradient("g", "before the first step", lambda net: net.start),
        gradient("h", "after training", lambda net: net.end),
        Figure("Speed", speed, lines(losses, "epoch", "training loss", "l", speed, "y")),
        Figure("Dead units", dead, lines(dying, "rate of Adam", "dead units, %", "d", dead, "x", bounds=(0, 100))),
        Figure(
            "Accuracy at growing rates",
            accuracy,
            dots(names, scores, "test accuracy, %", "a", accuracy, bounds=(0, 100)),
        ),
    ]


def _table(nets: dict[str, Net]) -> Table:
    head = (
        "Experiment", "weights", "rate", "gradient first/last, start", "after", "dead units, start", "after",
        "mean training loss", "test accuracy",
    )  # fmt: skip
    rows = [
        (
            key,
            net.weights,
            f"{net.rate:g}",
            _short(net.vanishing(net.start).mean),
            _short(net.vanishing(net.end).mean),
            _percent(net.dead(net.start).mean()),
            _percent(net.dead(net.end).mean()),
            estimate(net.loss).shown(significant),
            _shares(_accuracy(net)),
        )
        for key, net in nets.items()
    ]
    return Table("Means over seeds, in brackets their 95 % t-intervals.", head, rows)


def _short(number: float) -> str:
    return f"{number:.2g}"


def _signed(number: float) -> str:
    return ("+" if number > 0 else "") + significant(number, 2)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _shares(found: Estimate) -> str:
    return found.shown(_percent)


def _points(gap: Estimate) -> str:
    return gap.shown(points)


if __name__ == "__main__":
    run(study)
