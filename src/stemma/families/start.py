"""Starting from a trained network: its weights, a head of one's own, and which layers wait how long."""

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import nn

from stemma.errors import StemmaError
from stemma.families.base import Model
from stemma.families.phase import Phase
from stemma.spec import DataSpec

BODY = "body"
"""All layers but the output layer."""


@torch.no_grad()
def take_over(model: Model, source: Model, head: str) -> None:
    """Copy the weights of `source` into `model`; with the head `new` its output layer keeps its own fresh ones.

    Statistics of batch normalisation go with the weights.

    Raises:
        StemmaError: a layer has another shape or is in one of them only, a table has other columns, or `head` is
            `keep` and the answers mean something else.
    """
    check_columns(model.spec, source.spec)
    if head == "keep":
        _check_answers(model.spec, source.spec)
    ours, theirs = model.state_dict(), source.state_dict()
    skipped = _head(model) | _head(source) if head == "new" else set()
    _check(_shapes(model, skipped), _shapes(source, skipped))
    for name in (ours.keys() & theirs.keys()) - skipped:
        ours[name].copy_(theirs[name])


def check_columns(ours: DataSpec, theirs: DataSpec) -> None:
    """Refuse a network that read other columns of a table."""
    if ours.features != theirs.features:
        found, expected = (", ".join(spec.features[:5]) for spec in (theirs, ours))
        raise StemmaError(f"start.experiment: its columns are {found} ..., here {expected} ...")


def _check_answers(ours: DataSpec, theirs: DataSpec) -> None:
    """A head that is kept answers with the same classes, or with values of the same mean and deviation."""
    if ours.classes != theirs.classes:
        found, expected = (", ".join(spec.classes[:5]) for spec in (theirs, ours))
        raise StemmaError(f"start.head: keep needs the same classes; those of the start are {found}, here {expected}")
    told = [(spec.task, spec.target_mean, spec.target_std) for spec in (theirs, ours)]
    if told[0] != told[1]:
        raise StemmaError(
            f"start.head: keep needs the same target; the other has mean {told[0][1]:g}, deviation {told[0][2]:g}, "
            f"this one {told[1][1]:g} and {told[1][2]:g}; write head: new"
        )


def _head(model: Model) -> set[str]:
    """Names within its output layer; none of a model that has no head, such as one that reconstructs."""
    return _names(model, model.output_layer()) if hasattr(model, "head") else set()


def _names(model: Model, layer: nn.Module) -> set[str]:
    """Names of the parameters and buffers of `layer` within `model`."""
    prefix = next(name for name, module in model.named_modules() if module is layer)
    return {f"{prefix}.{name}" for name in layer.state_dict()}


def _shapes(model: Model, skipped: set[str]) -> dict[str, list[int]]:
    return {name: list(p.shape) for name, p in model.named_parameters() if name not in skipped}


def _check(ours: dict[str, list[int]], theirs: dict[str, list[int]]) -> None:
    for name in [*ours, *theirs]:
        found, needed = theirs.get(name, "none"), ours.get(name, "none")
        if found != needed:
            raise StemmaError(
                f"start.experiment: '{name}' has the shape {found} there and {needed} here; "
                "write the same parameters and a slot of the same shape"
            )


def thawing(model: Model, freeze: Mapping[str, int | str]) -> list[Phase]:
    """The phases of a network that starts from trained weights: its last one, before which layers wait.

    Args:
        freeze: layer -> epochs in which it does not learn, or `always`.

    Raises:
        StemmaError: no such layer, or nothing is left to learn.
    """
    names = {part: _within(model, part) for part in freeze}
    last, phases, passed = model.phases()[-1], list[Phase](), 0
    ends = sorted({epochs for epochs in freeze.values() if isinstance(epochs, int)})
    for number, end in enumerate(ends, start=1):
        frozen = _frozen(names, freeze, passed)
        phases.append(replace(last, name=f"frozen{number}", epochs=end - passed, frozen=frozen))
        passed = end
    phases.append(replace(last, frozen=_frozen(names, freeze, passed)))
    for phase in phases:
        if not set(_learning(model, phase)) - set(phase.frozen):
            raise StemmaError(f"start.freeze: nothing is left to learn in phase '{phase.name}'")
    return phases


def frozen_epochs(freeze: Mapping[str, int | str]) -> int:
    """Epochs that pass before the last phase."""
    return max((epochs for epochs in freeze.values() if isinstance(epochs, int)), default=0)


def _frozen(names: Mapping[str, list[str]], freeze: Mapping[str, int | str], passed: int) -> tuple[str, ...]:
    """Parameters that do not learn after `passed` epochs."""
    parts = [part for part, epochs in freeze.items() if epochs == "always" or int(epochs) > passed]
    return tuple(dict.fromkeys(name for part in parts for name in names[part]))


def _within(model: Model, part: str) -> list[str]:
    """Names of the parameters of the layer `part`."""
    names = [name for name, _ in model.named_parameters()]
    if part == BODY:
        head = _head(model)
        return [name for name in names if name not in head]
    found = [name for name in names if name == part or name.startswith(f"{part}.")]
    if not found:
        layers = list(dict.fromkeys(name.rpartition(".")[0] or name for name in names))
        raise StemmaError(
            f"start.freeze: no layer '{part}'; there are: {BODY}, {', '.join(layers)} (or what they begin with)"
        )
    return found


def _learning(model: Model, phase: Phase) -> list[str]:
    """Parameters that `phase` would train if none were frozen."""
    wanted: set[int] = set()
    for each in phase.trainable:
        wanted |= {id(p) for p in (each.parameters() if isinstance(each, nn.Module) else [each])}
    return [name for name, p in model.named_parameters() if id(p) in wanted]
