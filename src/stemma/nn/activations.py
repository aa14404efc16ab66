"""Activations by the name that params.yaml uses; maxout, which narrows its layer, stands in `maxout` and `dense`."""

from collections.abc import Callable

from torch import nn

from stemma.errors import StemmaError, unknown

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "prelu": nn.PReLU,
    "elu": nn.ELU,
    "selu": nn.SELU,
    "softmax": lambda: nn.Softmax(dim=-1),
}

SLOPED: dict[str, Callable[[float], nn.Module]] = {
    "leaky_relu": nn.LeakyReLU,
    "prelu": lambda alpha: nn.PReLU(init=alpha),
    "elu": nn.ELU,
}


def make_activation(name: str, alpha: float | None = None) -> nn.Module:
    """The activation `name`; softmax is over the last dimension.

    Args:
        alpha: slope below 0 of leaky_relu (0.01), first slope of prelu (0.25), least value of elu (-alpha, 1); None:
            the number in brackets. The others have none.

    Raises:
        StemmaError: no activation has that name, or it has no `alpha`.
    """
    if name not in ACTIVATIONS:
        raise unknown("activation", name, ACTIVATIONS)
    if alpha is None:
        return ACTIVATIONS[name]()
    if name not in SLOPED:
        raise StemmaError(
            f"alpha: {alpha}, but activation '{name}' has none; those with alpha: {', '.join(sorted(SLOPED))}"
        )
    return SLOPED[name](alpha)
