"""Closed forms of what infinitely wide nets do to a signal and to the gradient sent back.

With weights of variance `s / inputs` and biases of variance `b`, what a layer computes before its activation is
Gaussian. Its mean square q goes from layer to layer as q' = s E[f(sqrt(q) z)^2] + b, z standard normal; the gradient's
is multiplied by s E[f'(sqrt(q) z)^2] on its way back (Poole et al. 2016; Schoenholz et al. 2017). For ReLU the
expectations are q / 2 and 1 / 2 (He et al. 2015).
"""

from collections.abc import Callable

import numpy as np

Function = Callable[[np.ndarray], np.ndarray]
STEP = 0.01
NODES = STEP * (np.arange(2000) - 999.5)
"""Of the midpoint rule from -10 to 10, symmetric about 0, so that ReLU's moments are exact."""
DENSITY = STEP * np.exp(-(NODES**2) / 2) / np.sqrt(2 * np.pi)


def _sigmoid(z: np.ndarray) -> np.ndarray:
    return 0.5 + 0.5 * np.tanh(z / 2)


FUNCTIONS: dict[str, tuple[Function, Function]] = {
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "sigmoid": (_sigmoid, lambda z: _sigmoid(z) * (1 - _sigmoid(z))),
    "relu": (lambda z: np.maximum(z, 0), lambda z: 1.0 * (z > 0)),
}
"""An activation and its slope."""
SCALES: dict[str, Callable[[int, int], float]] = {
    "normal": lambda inputs, outputs: 0.01**2 * inputs,
    "default": lambda inputs, outputs: 1 / 3,
    "glorot_normal": lambda inputs, outputs: 2 * inputs / (inputs + outputs),
    "he_normal": lambda inputs, outputs: 2.0,
    "lecun_normal": lambda inputs, outputs: 1.0,
    "orthogonal": lambda inputs, outputs: min(1.0, inputs / outputs),
}
"""(inputs, outputs) -> s, the variance of a weight times the inputs, by the names of `nn.initialisation`."""


def moments(activation: str, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """E[f(sqrt(q) z)^2] and E[f'(sqrt(q) z)^2] of standard normal z, for every q of `[N]`."""
    z = np.sqrt(q)[:, None] * NODES
    function, slope = FUNCTIONS[activation]
    return function(z) ** 2 @ DENSITY, slope(z) ** 2 @ DENSITY


def variances(
    activation: str, weights: str, squares: np.ndarray, inputs: int, width: int, depth: int
) -> tuple[np.ndarray, np.ndarray]:
    """Mean squares by hidden layer `[depth]`: forward against the first layer's, backward against the last one's.

    Args:
        squares: of each example's `inputs` numbers the mean square, `[N]`; what comes out is a mean over examples.
    """
    bias = 1 / 3 if weights == "default" else 0.0
    q = SCALES[weights](inputs, width) * squares + bias / inputs
    forward, slopes = [q], []
    scale = SCALES[weights](width, width)
    for _ in range(depth):
        square, slope = moments(activation, forward[-1])
        forward.append(scale * square + bias / width)
        slopes.append(scale * slope)
    ahead = np.array(forward[:depth]).mean(1)
    back = np.cumprod(slopes[: depth - 1][::-1], axis=0)[::-1] if depth > 1 else np.empty((0, len(q)))
    return ahead / ahead[0], np.append(back.mean(1), 1.0)
