"""Study `initialisation`: how first weights carry variance through 20 layers, and whether the net then learns."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from stemma.cli.study import run
from stemma.report.numbers import percent, points
from stemma.studies import Case, Figure, Study, Table, Trained, Verdict, estimate, verdict
from stemma.studies.figures import Series, dots, lines
from stemma.studies.meanfield import variances
from stemma.studies.probes import Signals, signals

NETS = 10
"""Nets drawn for each set of first weights."""
FACTOR = 10.0
"""Over all layers: a mean square that grows or shrinks by less is about equal."""
GUESSING = 0.2
"""Test accuracy that ten classes of equal size do not exceed without learning."""
TITLES = {"relu": "ReLU", "tanh": "Tanh"}
OWN = {"tanh": "glorot_normal", "relu": "he_normal", "sigmoid": "glorot_normal"}
"""The first weights that were derived for each activation."""


@dataclass(frozen=True)
class Weights:
    """First weights and an activation, `NETS` nets drawn and probed, and what theory says of infinitely wide ones."""

    trained: Trained
    drawn: list[Signals]

    @property
    def activation(self) -> str:
        return self.trained.settings["parameters"]["activation"]

    @property
    def name(self) -> str:
        return self.trained.settings["parameters"].get("initialisation", "default")

    @cached_property
    def forward(self) -> np.ndarray:
        """Mean square of what the hidden layers compute, against the first one's, `[S, L]`."""
        found = np.array([probe.forward[:-1] for probe in self.drawn])
        return found / found[:, :1]

    @cached_property
    def backward(self) -> np.ndarray:
        """Mean square of the gradient to it, against the last one's, `[S, L]`."""
        found = np.array([probe.backward[:-1] for probe in self.drawn])
        return found / found[:, -1:]

    @cached_property
    def theory(self) -> tuple[np.ndarray, np.ndarray]:
        """The same two of infinitely wide nets, `[L]` each."""
        model, x = self.trained.start(0).double(), np.array(self.trained.examples("validation").x)
        squares = model.encode(torch.from_numpy(x)).square().mean(1).numpy()
        width = self.trained.settings["parameters"]["hidden"][0]
        return variances(self.activation, self.name, squares, model.encode.size, width, self.forward.shape[1])


def study(experiments: dict[str, Trained]) -> Study:
    found = [
        Weights(trained, [signals(trained.start(seed), trained.examples("validation")) for seed in range(NETS)])
        for trained in experiments.values()
    ]
    of = {(each.activation, each.name): each for each in found}
    layers, width = found[0].forward.shape[1], found[0].trained.settings["parameters"]["hidden"][0]
    return Study(
        name="initialisation",
        question=f"Which first weights carry variance through {layers} hidden layers, and does the net then learn?",
        method=[
            f"{layers} hidden layers of {width} units on mnist@sample. {NETS} nets are drawn for each set of first "
            "weights; forward is the mean square of what a hidden layer computes before its activation, backward "
            "that of the loss's gradient to it, over units and all validation examples. Forward is told against the "
            f"first layer, backward against the last. About equal means within a factor of {FACTOR:g} over all layers.",
            "The closed form beside the measurement is the mean-field recursion of infinitely wide nets "
            "(Poole et al. 2016; for ReLU He et al. 2015), started from the examples' own squares.",
            "Then each net is trained by gradient descent with momentum 0.9 at one rate for all.",
        ],
        verdicts=_verdicts(of),
        figures=_figures(found),
        tables=[_table(found)],
    )


def _verdicts(of: dict[tuple[str, str], Weights]) -> list[Verdict]:
    tanh, relu, sigmoid = (of[activation, own] for activation, own in OWN.items())
    small = [of[activation, "normal"] for activation in ("tanh", "relu")]
    return [
        verdict(
            "A Gaussian of small variance cannot keep the variance from layer to layer: values grow or shrink.",
            "text 004",
            [_unequal(each) for each in small],
        ),
        verdict(
            "Glorot's weights keep the variance about equal forward and backward with sigmoid or tanh.",
            "text 004",
            [case for each in (tanh, sigmoid) for case in _equal(each)],
        ),
        verdict("He's weights do so with ReLU.", "text 004", _equal(relu)),
        verdict(
            "First weights decide whether a deep net learns: not with a small Gaussian, but with those made for it.",
            "text 004",
            [*(_learns(each, True) for each in (tanh, relu, sigmoid)), *(_learns(each, False) for each in small)],
        ),
        verdict(
            "Weights made for the activation learn better than those made for another.",
            "text 004, of Glorot and He",
            [_better(tanh, of["tanh", "he_normal"]), _better(relu, of["relu", "glorot_normal"])],
        ),
    ]


def _name(each: Weights) -> str:
    return f"{each.name} and {each.activation}"


def _unequal(each: Weights) -> Case:
    factor = estimate(each.forward[:, -1], log=True)
    inside = factor.within(1 / FACTOR, FACTOR)
    return Case(_name(each), None if inside is None else not inside, f"forward by {factor.shown(_short)}")


def _equal(each: Weights) -> list[Case]:
    found = {
        "forward": (each.forward[:, -1], each.theory[0][-1]),
        "backward": (each.backward[:, 0], each.theory[1][0]),
    }
    cases = []
    for way, (values, theory) in found.items():
        factor = estimate(values, log=True)
        text = f"by {factor.shown(_short)}, closed form {_short(theory)}"
        cases.append(Case(f"{each.activation} {way}", factor.within(1 / FACTOR, FACTOR), text))
    return cases


def _learns(each: Weights, claimed: bool) -> Case:
    found = estimate(each.trained.test(), bounds=(0, 1))
    learns = found.above(GUESSING)
    holds = learns if claimed else found.below(GUESSING)
    return Case(_name(each), holds, f"test accuracy {found.shown(_percent)}")


def _better(own: Weights, other: Weights) -> Case:
    gap = estimate(own.trained.test() - other.trained.test())
    text = f"{gap.shown(points)} points to {other.name}"
    return Case(_name(own), gap.above(0), text)


def _figures(found: list[Weights]) -> list[Figure]:
    figures = []
    for activation in ("relu", "tanh"):
        some = [each for each in found if each.activation == activation]
        for way, start in (("forward", "first"), ("backward", "last")):
            figures.append(_by_layer(activation, some, way, start))
    text = "Test accuracy after training; 10 % is guessing."
    values = [100 * each.trained.test() for each in found]
    names = [f"{each.activation}, {each.name}" for each in found]
    return [
        *figures,
        Figure("Does it learn?", text, dots(names, {"": values}, "test accuracy, %", "a", text, bounds=(0, 100))),
    ]


def _by_layer(activation: str, some: list[Weights], way: str, start: str) -> Figure:
    """Measured means, and dotted the closed form."""
    text = f"Mean square by hidden layer, against the {start} layer's; dotted: closed form."
    turn = 1 if way == "forward" else -1
    layers = np.arange(some[0].forward.shape[1])
    measured = [Series(each.name, layers, getattr(each, way)[:, ::turn]) for each in some]
    theory = [Series("", layers, each.theory[way == "backward"][None, ::turn], beside=each.name) for each in some]
    axis = "layers after the first" if way == "forward" else "layers back from the last"
    what = {"forward": "signal forward", "backward": "gradient backward"}[way]
    title = f"{TITLES[activation]}: {what}"
    name = f"{activation[0]}{way[0]}"
    return Figure(title, text, lines([*measured, *theory], axis, "mean square", name, f"{title}. {text}", "y"))


def _table(found: list[Weights]) -> Table:
    head = ("First weights", "forward", "closed form", "backward", "closed form", "test accuracy")
    rows = [
        (
            f"{each.activation}, {each.name}",
            estimate(each.forward[:, -1], log=True).shown(_short),
            _short(each.theory[0][-1]),
            estimate(each.backward[:, 0], log=True).shown(_short),
            _short(each.theory[1][0]),
            estimate(each.trained.test(), bounds=(0, 1)).shown(_percent),
        )
        for each in found
    ]
    caption = (
        "Forward: last hidden layer against the first. Backward: the gradient at the first against the last one's."
    )
    return Table(caption, head, rows)


def _short(number: float) -> str:
    return f"{number:.2g}"


def _percent(share: float) -> str:
    return f"{percent(share)} %"


if __name__ == "__main__":
    run(study)
