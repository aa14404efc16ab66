"""First weights by the name that params.yaml uses."""

from collections.abc import Callable, Iterator
from math import sqrt

import torch
from torch import Tensor, nn
from torch.nn import init

from stemma.errors import StemmaError, unknown

LAYERS = (nn.Linear, nn.modules.conv._ConvNd, nn.RNNBase, nn.RNNCellBase)
Fill = Callable[[Tensor, float, float], object]

INITIALISATIONS: dict[str, Fill] = {  # (block, gain, std)
    "normal": lambda w, gain, std: init.normal_(w, 0.0, std),
    "uniform": lambda w, gain, std: init.uniform_(w, -sqrt(3) * std, sqrt(3) * std),
    "glorot_normal": lambda w, gain, std: init.xavier_normal_(w, gain),
    "glorot_uniform": lambda w, gain, std: init.xavier_uniform_(w, gain),
    "he_normal": lambda w, gain, std: init.kaiming_normal_(w).mul_(gain),
    "he_uniform": lambda w, gain, std: init.kaiming_uniform_(w).mul_(gain),
    "lecun_normal": lambda w, gain, std: init.kaiming_normal_(w, nonlinearity="linear").mul_(gain),
    "orthogonal": lambda w, gain, std: init.orthogonal_(w, gain),
    "identity": lambda w, gain, std: init.eye_(w).mul_(gain),
}


@torch.no_grad()
def initialise(module: nn.Module, name: str, gain: float = 1.0, std: float = 0.01) -> None:
    """Set the weights of all dense, convolutional and recurrent layers in `module`, and their biases to 0.

    A recurrent layer's matrices are set gate by gate. `identity` sets recurrent matrices alone (Le et al. 2015).

    Args:
        name: default (torch's own, untouched); normal or uniform of standard deviation `std`; Glorot, Bengio 2010; He
            et al. 2015 (for relu); lecun_normal (for selu, Klambauer et al. 2017); orthogonal (Saxe et al. 2014).
        gain: factor of the weights, not of normal and uniform; tanh may take 5/3.

    Raises:
        StemmaError: no initialisation has that name, or `identity` finds no recurrent layer.
    """
    if name == "default":
        return
    if name not in INITIALISATIONS:
        raise unknown("initialisation", name, ["default", *INITIALISATIONS])
    found = [(layer, *each) for layer in module.modules() if isinstance(layer, LAYERS) for each in weights(layer)]
    if name == "identity":
        found = [(layer, block, recurrent) for layer, block, recurrent in found if recurrent]
        if not found:
            raise StemmaError("initialisation: identity is of recurrent matrices, and the model has none")
    for layer, block, _ in found:
        INITIALISATIONS[name](block, gain, std)
        for key, parameter in layer.named_parameters(recurse=False):
            if key.startswith("bias"):
                parameter.zero_()


def weights(layer: nn.Module) -> Iterator[tuple[Tensor, bool]]:
    """Each weight of a layer, a recurrent layer's gate by gate, and whether it is recurrent."""
    for key, parameter in layer.named_parameters(recurse=False):
        if key.startswith("weight"):
            recurrent = isinstance(layer, nn.RNNBase | nn.RNNCellBase)
            blocks = parameter.split(layer.hidden_size) if recurrent and "_hr" not in key else [parameter]
            for block in blocks:
                yield block, "weight_hh" in key
