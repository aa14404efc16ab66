"""One dense layer with all that may surround it; what models build their hidden layers from."""

from torch import nn

from stemma.errors import StemmaError, unknown
from stemma.nn.activations import ACTIVATIONS, make_activation
from stemma.nn.drop import DROPS, DropConnect, Standout
from stemma.nn.initialisation import initialise
from stemma.nn.maxout import Maxout


def dense(
    inputs: int,
    outputs: int,
    activation: str = "relu",
    *,
    pieces: int = 2,
    alpha: float | None = None,
    batch_norm: bool = False,
    drop: str = "dropout",
    rate: float = 0.0,
    initialisation: str = "default",
) -> nn.Sequential:
    """`[B, inputs]` -> `[B, outputs]`: linear or DropConnect, batch normalisation, activation, dropout.

    Args:
        activation: a key of `ACTIVATIONS`, or maxout: the largest of `pieces` linear maps.
        alpha: see `make_activation`.
        drop: what falls out at `rate`: dropout and alpha_dropout (for selu) after the activation, dropconnect in the
            weights, standout in the activation. With `rate` 0 nothing does.
        initialisation: see `initialise`.

    Raises:
        StemmaError: an unknown name, a maxout of one piece, a rate outside [0, 1).
    """
    if activation not in ACTIVATIONS and activation != "maxout":
        raise unknown("activation", activation, [*ACTIVATIONS, "maxout"])
    if drop not in DROPS and drop not in ("dropconnect", "standout"):
        raise unknown("drop", drop, [*DROPS, "dropconnect", "standout"])
    if not 0 <= rate < 1:
        raise StemmaError(f"rate of {drop}: {rate}; allowed: 0 <= rate < 1")
    drop = drop if rate > 0 else ""
    width = outputs * (pieces if activation == "maxout" else 1)
    linear = DropConnect(inputs, width, rate) if drop == "dropconnect" else nn.Linear(inputs, width)
    initialise(linear, initialisation)
    layers: list[nn.Module] = [linear]
    if batch_norm:
        layers.append(nn.BatchNorm1d(width))
    if activation == "maxout":
        layers.append(Maxout(pieces))
    if activation != "maxout" or drop == "standout":
        curve = nn.Identity() if activation == "maxout" else make_activation(activation, alpha)
        layers.append(Standout(curve, rate) if drop == "standout" else curve)
    if drop in DROPS:
        layers.append(DROPS[drop](rate))
    return nn.Sequential(*layers)
