"""What greedy training of a stack is made of, whatever its layers: a phase each, which reads what those below give."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from torch import Tensor, nn

from stemma.families.dbn.contrastive import PLAIN, Contrast, contrastive_loss, held_out_loss
from stemma.families.dbn.curves import check_inputs, curves
from stemma.families.dbn.machine import RBM
from stemma.families.phase import Phase

TOGETHER = 50


def through(layers: Iterable[nn.Module], v: Tensor) -> Tensor:
    """What the layers make of v, one after the other."""
    for layer in layers:
        v = layer(v)
    return v


def layer_phase(
    name: str,
    layer: nn.Module,
    objective: Callable[[Any], dict[str, Tensor]],
    inputs: Callable[[Any], Tensor],
    epochs: int,
    settings: Mapping[str, Any],
    **more: Any,
) -> Phase:
    """One layer learns without labels from `inputs`, mapped once, for its own number of epochs."""
    common = {"epochs": epochs, "inputs": inputs, "labels": False, "settings": settings}
    return Phase(name, objective, trainable=(layer,), **{**common, **more})


def rbm_phase(
    name: str,
    rbm: RBM,
    objective: Callable[[Any], dict[str, Tensor]],
    inputs: Callable[[Any], Tensor],
    epochs: int,
    settings: Mapping[str, Any],
    **more: Any,
) -> Phase:
    """As `layer_phase`, with an RBM's curves; refuses what its visible units cannot take."""
    own = {"together": TOGETHER, "check": lambda v: check_inputs(rbm, v, name), "curves": partial(curves, rbm)}
    return layer_phase(name, rbm, objective, inputs, epochs, settings, **{**own, **more})


def contrast(
    rbm: RBM, v: Tensor, learns: bool, how: Contrast = PLAIN, chains: Tensor | None = None
) -> dict[str, Tensor]:
    """The objective of an RBM on visible states v, or where nothing `learns` its loss."""
    return {"loss": (contrastive_loss if learns else held_out_loss)(rbm, v, how, chains)}
