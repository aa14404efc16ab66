"""Study `optimizers`: training loss against steps and against seconds."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil

import numpy as np

from stemma.cli.study import run
from stemma.report.numbers import significant
from stemma.studies import (
    Case,
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

TARGET = 0.2
"""Training loss that methods race to; guessing has log 10 = 2.3."""
FAR = 0.02
"""A loss that takes longer."""
LEAST = 1e-3
"""Figures show no lower loss: what goes on is learning by heart."""
SPEED = "texts 003, 5.2.4, and 004, 4"
BATCHES = ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adadelta", "adam", "adamw")
ADAPTIVE = ("adagrad", "rmsprop", "adadelta", "adam")
SHOWN = (
    "gradient_descent", "sgd", "momentum", "adam", "steepest_descent", "conjugate_gradient", "lbfgs", "hessian_free",
)  # fmt: skip
NUMBERS = ("learning_rate", "damping", "history")


@dataclass(frozen=True)
class Method:
    """An optimiser: the chosen one of its tries, and all of them."""

    name: str
    trained: Trained
    tries: Sequence[Trained]

    @cached_property
    def steps_an_epoch(self) -> int:
        return ceil(len(self.trained.examples("train")) / self.trained.settings["batch_size"])

    @cached_property
    def losses(self) -> np.ndarray:
        """Training loss `[S, E]`: mean over an epoch's batches, each before its step."""
        return self.trained.history("train_loss")

    @cached_property
    def steps(self) -> np.ndarray:
        """Steps taken where each loss stands `[E]`: by the whole set before a step, by batches in mid-epoch."""
        epochs = np.arange(self.losses.shape[1])
        return epochs * 1.0 if self.steps_an_epoch == 1 else (epochs + 0.5) * self.steps_an_epoch

    @cached_property
    def seconds(self) -> np.ndarray:
        """The same in seconds of training `[S, E]`, validation included, without what comes before the first step."""
        ends = self.trained.epoch_seconds()
        start = ends[:, :1] - np.median(np.diff(ends, axis=1), axis=1, keepdims=True)
        before = np.concatenate([start, ends[:, :-1]], axis=1) - start
        return before if self.steps_an_epoch == 1 else (before + ends - start) / 2

    def reached(self, where: np.ndarray, target: float = TARGET) -> np.ndarray:
        """The first of `where` (`steps` or `seconds`) with at most a loss of `target` `[S]`; infinite if none."""
        where = np.broadcast_to(where, self.losses.shape)
        found = self.losses <= target
        return np.where(found.any(1), where[np.arange(len(where)), found.argmax(1)], np.inf)

    @property
    def number(self) -> str:
        """The number that was chosen, or nothing."""
        settings = {**self.trained.settings, **self.trained.settings["optimizer_options"]}
        named = NUMBERS[1:] if len(self.tries) > 1 and self.trained.settings["optimizer_options"] else NUMBERS[:1]
        return ", ".join(f"{key} {settings[key]:g}" for key in named if key in settings) if len(self.tries) > 1 else ""

    def sensitivity(self) -> np.ndarray:
        """Least validation loss of the worst try against that of the best, `[S]`."""
        losses = np.array([each.history("val_loss").min(axis=1) for each in self.tries])
        return losses.max(0) / losses.min(0)


def methods(experiments: dict[str, Trained]) -> dict[str, Method]:
    return {name: Method(name, by_validation(found), found) for name, found in tries(experiments).items()}


def study(experiments: dict[str, Trained]) -> Study:
    found = methods(experiments)
    small = {name.removeprefix("small-"): each for name, each in found.items() if name.startswith("small-")}
    large = {name: each for name, each in found.items() if not name.startswith("small-")}
    return Study(
        name="optimizers",
        question="Which optimiser lowers the loss in the fewest steps, and which in the fewest seconds?",
        method=[
            f"A net 784-64-10 (tanh, {large['sgd'].trained.parameters:,} parameters) on {_examples(large)} digits, "
            f"and one of {small['newton'].trained.parameters:,} parameters on the same digits at 8x8, small enough "
            "for newton and bfgs. gradient_descent and those that search their own step take the whole set at a "
            "step, the others batches of 64.",
            "What has a number to choose (learning rate, damping, history) has three tries with three seeds each; "
            "the one of least validation loss is shown. steepest_descent, conjugate_gradient, bfgs and newton have "
            "none and are taken as they are, so the others had more tries.",
            "A step is a change of the weights, however many evaluations it takes. Seconds are CPU seconds of one "
            "thread, noted at the end of each epoch, validation included. Training loss by batches is the mean over "
            "an epoch and stands in its middle, so their arrival is known to an epoch; the race is to a training "
            f"loss of {TARGET:g}.",
        ],
        verdicts=[
            _descends(large["gradient_descent"]),
            _batches(large),
            _momentum(large),
            _adaptive(large),
            _optimal(large),
            _conjugate(large),
            *_second_order(large, small),
        ],
        figures=_figures(large, small),
        tables=[_table(found)],
    )


def _examples(large: dict[str, Method]) -> str:
    return f"{len(large['sgd'].trained.examples('train')):,}"


def race(one: np.ndarray, other: np.ndarray, unit: str) -> tuple[bool | None, str]:
    """Whether `one` `[S]` is below `other` `[S]`, both what was needed until the target, and in words."""
    if np.isfinite(one).all() and np.isfinite(other).all():
        ratio = estimate(one / other, log=True)
        return ratio.below(1), f"{ratio.shown(_short)} of its {unit}"
    if np.isfinite(one).all() and np.isinf(other).all():
        return True, "the other does not arrive"
    if np.isinf(one).all() and np.isfinite(other).all():
        return False, "it does not arrive"
    return None, "not all seeds arrive"


def _case(one: Method, other: Method, unit: str, target: float = TARGET) -> Case:
    holds, found = race(*(each.reached(getattr(each, unit), target) for each in (one, other)), unit)
    far = "" if target == TARGET else f" to a loss of {target:g}"
    return Case(f"{one.name} against {other.name} in {unit}{far}", holds, found)


def _descends(method: Method) -> Verdict:
    cases = []
    for trained in method.tries:
        falls = np.diff(trained.history("train_loss"), axis=1) < 0
        told = f"{100 * falls.mean():.1f} % of {falls.size} steps lower the loss"
        cases.append(Case(f"rate {trained.settings['learning_rate']:g}", bool(falls.all()), told))
    return verdict(
        "Gradient descent averages the gradient over all examples, so every step is sure to lower the objective.",
        "text 004, 4",
        cases,
    )


def _batches(large: dict[str, Method]) -> Verdict:
    return verdict(
        "Computing the gradient of all examples takes long; taking a part of them, a batch, is faster.",
        "text 004, 4",
        [_case(large["sgd"], large["gradient_descent"], "seconds")],
    )


def _momentum(large: dict[str, Method]) -> Verdict:
    return verdict(
        "Momentum lessens oscillation and helps the objective converge.",
        "text 004, 4",
        [case for name in ("momentum", "nesterov") for case in _with_momentum(large[name], large["sgd"])],
    )


def _with_momentum(method: Method, plain: Method) -> list[Case]:
    """At the rates that both have tried, and at the rate that validation chose for each."""
    cases = []
    for one in method.tries:
        for other in plain.tries:
            if (rate := one.settings["learning_rate"]) == other.settings["learning_rate"]:
                pair = (Method(each.name, tried, [tried]) for each, tried in ((method, one), (plain, other)))
                holds, found = race(*(each.reached(each.steps) for each in pair), "steps")
                cases.append(Case(f"{method.name} at rate {rate:g}", holds, found))
    chosen = _case(method, plain, "steps")
    return [*cases, Case(f"{method.name} and sgd at the rates chosen for them", chosen.holds, chosen.found)]


def _adaptive(large: dict[str, Method]) -> Verdict:
    """Whether the worst of three rates costs less than it does with sgd."""
    cases = []
    plain = large["sgd"].sensitivity()
    for name in ADAPTIVE:
        own = large[name].sensitivity()
        cases.append(
            Case(
                name,
                estimate(own / plain, log=True).below(1),
                f"worst rate {estimate(own, log=True).shown(_short)} times the best one's validation loss, sgd "
                f"{estimate(plain, log=True).shown(_short)}",
            )
        )
    return verdict(
        "A rate too low converges slowly, one too high not at all; adaptive methods set it themselves from past "
        "updates.",
        "text 004, 4",
        cases,
    )


def _optimal(large: dict[str, Method]) -> Verdict:
    one, other = large["steepest_descent"], large["gradient_descent"]
    return verdict(
        "The optimal gradient method computes its step, so it swings less in a valley than fixed steps and converges "
        "sooner.",
        "text 003, 5.2.4",
        [_case(one, other, unit) for unit in ("steps", "seconds")],
    )


def _conjugate(large: dict[str, Method]) -> Verdict:
    one, other = large["conjugate_gradient"], large["steepest_descent"]
    return verdict(
        "Conjugate gradients correct the optimal gradient's direction and need fewer steps.",
        "text 003, 5.2.4",
        [_case(one, other, unit) for unit in ("steps", "seconds")],
    )


def _second_order(large: dict[str, Method], small: dict[str, Method]) -> list[Verdict]:
    whole = [large[name] for name in ("conjugate_gradient", "lbfgs", "hessian_free")]
    matrices = [small[name] for name in ("bfgs", "newton")]
    return [
        verdict(
            "Second-order methods use the curvature, so their direction is more accurate: fewer steps.",
            "text 004, 4",
            [
                *(_case(each, large["adam"], "steps") for each in whole),
                *(_in_small(_case(each, small["adam"], "steps")) for each in matrices),
            ],
        ),
        verdict(
            "L-BFGS and conjugate gradients converge faster than stochastic gradient descent (the text: in parallel "
            "on a large cluster; here on one thread).",
            "text 004, 4",
            [_case(each, large["sgd"], "seconds", target) for each in whole[:2] for target in (TARGET, FAR)],
        ),
        verdict(
            "Methods differ in how they compute or approximate the inverse Hessian: approximations pay.",
            "text 004, 4",
            [_in_small(_case(small["lbfgs"], each, "seconds")) for each in matrices],
        ),
        verdict(
            "Hessian-free optimisation, which does without the matrix, does well.",
            "text 004, 4 (of autoencoders and recurrent nets)",
            [
                _case(large["hessian_free"], large["adam"], "seconds"),
                _in_small(_case(small["hessian_free"], small["newton"], "seconds")),
            ],
        ),
    ]


def _in_small(case: Case) -> Case:
    return Case(f"{case.where.replace('small-', '')}, small net", case.holds, case.found)


def _figures(large: dict[str, Method], small: dict[str, Method]) -> list[Figure]:
    shown = {name: large[name] for name in SHOWN}
    batches = {name: large[name] for name in BATCHES}
    told = "Training loss of the chosen try against {}, both axes logarithmic, down to {:g}; {}."
    both = "whole set or batches of 64"

    def drawn(group: dict[str, Method], unit: str, name: str, text: str) -> str:
        series = [_series(each, unit) for each in group.values()]
        return lines(series, "steps" if unit == "steps" else "CPU seconds", "training loss", name, text, "xy", TARGET)

    plan = [
        ("Against seconds", shown, "seconds", both),
        ("Against steps", shown, "steps", both),
        ("By batches, against steps", batches, "steps", "batches of 64"),
        ("By batches, against seconds", batches, "seconds", "batches of 64"),
        ("Small net, against seconds", small, "seconds", "adam by batches of 64, the others the whole set"),
        ("Small net, against steps", small, "steps", "adam by batches of 64, the others the whole set"),
    ]
    figures = []
    for number, (title, group, unit, what) in enumerate(plan):
        text = told.format(unit, LEAST, what)
        figures.append(Figure(title, text, drawn(group, unit, f"o{number}", text)))
    arrived = [each for each in large.values() if np.isfinite(each.reached(each.seconds)).all()]
    text = f"CPU seconds until the training loss is {TARGET:g}; who never arrives is left out."
    values = [each.reached(each.seconds) for each in arrived]
    figures.append(
        Figure(
            "The race", text, dots([each.name for each in arrived], {"": values}, "CPU seconds", "o9", text, log=True)
        )
    )
    return figures


def _series(method: Method, unit: str) -> Series:
    """From the first step on; logarithmic axes have no 0."""
    x = method.steps if unit == "steps" else method.seconds.mean(axis=0)
    known = x > 0
    return Series(method.name.removeprefix("small-"), x[known], np.maximum(method.losses[:, known], LEAST))


def _table(found: dict[str, Method]) -> Table:
    head = (
        "Optimiser", "chosen", "steps", "CPU seconds", "ms a step", "steps to target", "seconds to target",
        "last training loss", "least validation loss", "test accuracy",
    )  # fmt: skip
    rows = []
    for name, each in found.items():
        steps, seconds = each.steps_an_epoch * each.losses.shape[1], each.trained.seconds()
        span = np.diff(each.trained.epoch_seconds(), axis=1).mean()
        rows.append(
            (
                name,
                each.number,
                f"{steps:,}",
                f"{seconds.mean():.1f}",
                _short(1000 * span / each.steps_an_epoch),
                _arrival(each.reached(each.steps)),
                _arrival(each.reached(each.seconds)),
                estimate(each.losses[:, -1]).shown(significant),
                estimate(each.trained.history("val_loss").min(axis=1)).shown(significant),
                _shares(each.trained.test()),
            )
        )
    return Table(
        f"Target: a training loss of {TARGET:g}. Means over seeds, in brackets their 95 % t-intervals; test accuracy "
        "is that of the epoch of least validation loss.",
        head,
        rows,
    )


def _arrival(values: np.ndarray) -> str:
    return _short(float(values.mean())) if np.isfinite(values).all() else "never"


def _short(number: float) -> str:
    return f"{number:.2g}" if number < 100 else f"{number:,.0f}"


def _shares(values: np.ndarray) -> str:
    return estimate(values, bounds=(0, 1)).shown(lambda share: f"{100 * share:.1f} %")


if __name__ == "__main__":
    run(study)
