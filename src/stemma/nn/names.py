"""Names of the shared parts and what each takes; torch-free, so that `stemma check` needs no torch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any, Literal

ActivationName = Literal["sigmoid", "tanh", "relu", "leaky_relu", "prelu", "elu", "selu", "softmax", "maxout"]
ClassifyLoss = Literal["cross_entropy", "mse", "l1", "l2", "smooth_l1", "huber", "kl", "js"]
RegressLoss = Literal["mse", "l1", "l2", "smooth_l1", "huber"]
ScheduleName = Literal["constant", "steps", "cosine", "warmup", "warmup_cosine", "one_cycle"]
InitialisationName = Literal[
    "default", "normal", "uniform", "glorot_normal", "glorot_uniform", "he_normal", "he_uniform", "lecun_normal",
    "orthogonal", "identity",
]  # fmt: skip
DropName = Literal["dropout", "alpha_dropout", "dropconnect", "standout"]
AverageName = Literal["none", "ema", "swa"]
CompanionName = Literal["none", "centre", "contrastive"]
OptimizerName = Literal[
    "gradient_descent", "sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adadelta", "adam", "adamw",
    "steepest_descent", "conjugate_gradient", "fletcher_reeves", "newton", "bfgs", "lbfgs", "hessian_free",
]  # fmt: skip


@dataclass(frozen=True)
class Range:
    """Values that an option takes: numbers of `kind` with low <= value < high (low < value where `open`)."""

    kind: type
    low: float
    high: float = inf
    open: bool = False

    def __contains__(self, value: object) -> bool:
        fits = isinstance(value, int | float) and not isinstance(value, bool)
        return fits and not (self.kind is int and isinstance(value, float)) and self._inside(value)  # type: ignore[arg-type]

    def _inside(self, value: float) -> bool:
        return (self.low < value if self.open else self.low <= value) and value < self.high

    def __str__(self) -> str:
        sign = "<" if self.open else "<="
        end = f" < {self.high:g}" if self.high < inf else ""
        return f"{'an integer' if self.kind is int else 'a number'}, {self.low:g} {sign} value{end}"


COUNT = Range(int, 1)
POSITIVE = Range(float, 0, open=True)
FRACTION = Range(float, 0, 1)


@dataclass(frozen=True)
class Method:
    """What an optimiser takes.

    Attributes:
        momentum: takes none, may take it, or needs one above 0.
        searches: finds its own step with several evaluations a step: takes neither learning rate nor schedule nor
            clipping, and one device in full precision.
        curvature: needs second derivatives: the model's layers must be differentiable twice.
        options: further numbers, by name.
    """

    about: str
    momentum: Literal["none", "may", "needs"] = "none"
    searches: bool = False
    curvature: bool = False
    options: Mapping[str, Range] = field(default_factory=dict)


ITERATIONS = {"iterations": COUNT}
BETAS = {"beta1": FRACTION, "beta2": FRACTION, "epsilon": POSITIVE}

OPTIMIZERS: dict[OptimizerName, Method] = {
    "gradient_descent": Method("fixed steps down the gradient; of the whole set with batch_size that large"),
    "sgd": Method("fixed steps down a batch's gradient", "may"),
    "momentum": Method("heavy ball (Polyak 1964)", "needs"),
    "nesterov": Method("the gradient is taken ahead (Nesterov 1983)", "needs"),
    "adagrad": Method("Duchi et al. 2011", options={"epsilon": POSITIVE}),
    "rmsprop": Method("Tieleman, Hinton 2012", "may", options={"alpha": FRACTION, "epsilon": POSITIVE}),
    "adadelta": Method("Zeiler 2012", options={"rho": FRACTION, "epsilon": POSITIVE}),
    "adam": Method("Kingma, Ba 2015", options=BETAS),
    "adamw": Method("Loshchilov, Hutter 2019: decay apart from the gradient", options=BETAS),
    "steepest_descent": Method("Cauchy 1847, exact line search", searches=True, curvature=True, options=ITERATIONS),
    "conjugate_gradient": Method("Polak-Ribiere+, exact search", searches=True, curvature=True, options=ITERATIONS),
    "fletcher_reeves": Method("conjugate gradients of 1964", searches=True, curvature=True, options=ITERATIONS),
    "newton": Method("damped, at most 2,000 parameters", searches=True, curvature=True, options=ITERATIONS),
    "bfgs": Method("dense, strong Wolfe, at most 5,000 parameters", searches=True, options=ITERATIONS),
    "lbfgs": Method("Liu, Nocedal 1989, strong Wolfe", searches=True, options={**ITERATIONS, "history": COUNT}),
    "hessian_free": Method(
        "Martens 2010", searches=True, curvature=True, options={**ITERATIONS, "damping": POSITIVE, "products": COUNT}
    ),
}


def optimizer_mistakes(name: OptimizerName, momentum: float, options: Mapping[str, Any]) -> list[str]:
    """What is wrong with the settings of optimiser `name`, a line each: the key, what was found, what is allowed."""
    method = OPTIMIZERS[name]
    lines = []
    if method.momentum == "none" and momentum:
        takers = ", ".join(key for key, other in OPTIMIZERS.items() if other.momentum != "none")
        lines.append(f"momentum: {momentum:g}, but optimizer '{name}' takes none; those with momentum: {takers}")
    if method.momentum == "needs" and not momentum:
        lines.append(f"momentum: {momentum:g}, but optimizer '{name}' needs one above 0, for example 0.9")
    for key, value in options.items():
        if key not in method.options:
            allowed = ", ".join(method.options) or "none"
            lines.append(f"optimizer_options.{key}: '{name}' does not take it; its options: {allowed}")
        elif value not in method.options[key]:
            lines.append(f"optimizer_options.{key}: {value!r}; allowed: {method.options[key]}")
    return lines


def search_mistakes(
    name: OptimizerName,
    schedule: str,
    clip: float | None,
    precision: str,
    shares: int,
    companion: CompanionName = "none",
) -> list[str]:
    """What does not go with an optimiser that searches its own step; none for the others."""
    if not OPTIMIZERS[name].searches:
        return []
    checks = {
        f"schedule: '{schedule}'; allowed with '{name}', which finds its own step: constant": schedule == "constant",
        f"gradient_clip_val: {clip}; allowed with '{name}', which needs the true gradient: null": clip is None,
        f"precision: '{precision}'; allowed with '{name}': 32-true, 64-true": precision in ("32-true", "64-true"),
        f"devices x num_nodes x accumulate_grad_batches: {shares}; allowed with '{name}', "
        "which compares values of one batch: 1": shares == 1,
        f"companion: '{companion}'; allowed with '{name}', which minimises the loss alone: none": companion == "none",
    }
    return [line for line, fine in checks.items() if not fine]


def average_mistakes(name: AverageName, patience: int | None) -> list[str]:
    """What does not go with an average of weights: stopping before it has begun."""
    if name != "swa" or patience is None:
        return []
    return [f"patience: {patience}; allowed with weight_average 'swa', which begins late: null"]
