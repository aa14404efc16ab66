"""The section `transfers`: experiments that start from another experiment's trained models."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, field_validator

from stemma.config.datasets import Dataset
from stemma.config.section import Count, Section
from stemma.config.training import Experiment
from stemma.data import catalog as data_catalog
from stemma.errors import unknown
from stemma.families import catalog


class Start(Section):
    """A network starts from the other one's weights; an estimator learns on its last hidden layer."""

    experiment: str = Field(description="whose trained models are started from, seed by seed")
    head: Literal["new", "keep"] = Field(
        "new", description="of a network: a fresh output layer, or the other one's, which needs the same classes"
    )
    freeze: dict[str, Count | Literal["always"]] = Field(
        default_factory=dict,
        description="of a network: layer -> epochs in which it does not learn, or always; `body` is all but the head",
    )

    @field_validator("freeze", mode="before")
    @classmethod
    def epochs_or_always(cls, freeze: Any) -> Any:
        for layer, value in freeze.items() if isinstance(freeze, dict) else ():
            counted = isinstance(value, int) and not isinstance(value, bool) and value >= 1
            if not counted and value != "always":
                raise ValueError(f"layer '{layer}' waits for {value!r}; write a number of epochs (1 or more) or always")
        return freeze


class Transfer(Experiment):
    start: Start = Field(description="where it starts")


SPLIT = ("test", "validation", "test_share", "seed", "folds", "fold", "duplicates")
"""Keys of a slot that say which examples are held out."""


def transfer_mistakes(
    where: str, entry: Mapping[str, Any], known: Mapping[str, Any], slots: Mapping[str, Any]
) -> list[str]:
    """What is wrong with where `entry` starts.

    Args:
        known: all experiments by key, their defaults merged.
        slots: the section `datasets`.
    """
    start = entry.get("start")
    if not isinstance(start, dict) or not isinstance(start.get("experiment"), str):
        return []
    name = start["experiment"]
    if name not in known:
        return [f"{where}.start.{unknown('experiment', name, known)}"]
    if where.partition(".")[2] in _ancestors(name, known):
        return [f"{where}.start.experiment: '{name}' itself starts from this experiment"]
    origin = known[name] if isinstance(known[name], dict) else {}
    held_out = _data(name, entry, _ancestors(name, known), known, slots)
    return [f"{where}.{line}" for line in [*_seeds_missing(entry, origin), *_fit(entry, start, origin), *held_out]]


def _ancestors(name: str, known: Mapping[str, Any]) -> list[str]:
    """`name`, what it starts from, what that starts from ..."""
    found: list[str] = []
    while name in known and name not in found:
        found.append(name)
        start = known[name].get("start") if isinstance(known[name], dict) else None
        name = str(start.get("experiment", "")) if isinstance(start, dict) else ""
    return found


def _seeds_missing(entry: Mapping[str, Any], origin: Mapping[str, Any]) -> list[str]:
    missing = sorted(_seeds(entry) - _seeds(origin))
    name, there = entry["start"]["experiment"], sorted(_seeds(origin))
    return [f"seeds: {missing} are none of '{name}', which has {there}"] if missing else []


def _seeds(entry: Mapping[str, Any]) -> set[int]:
    seeds = entry.get("seeds", Experiment.model_fields["seeds"].default)
    return {seed for seed in seeds if isinstance(seed, int)} if isinstance(seeds, list | tuple) else set()


def _fit(entry: Mapping[str, Any], start: Mapping[str, Any], origin: Mapping[str, Any]) -> list[str]:
    """Whether the architectures go together."""
    name, here, there = start["experiment"], _entry(entry), _entry(origin)
    if here is None or there is None:
        return []
    if not there.by_gradient:
        return [f"start.experiment: '{name}' is a {origin['architecture']}, which has no hidden layer to start from"]
    if here.family == "baseline":
        told = f"is for networks; '{entry['architecture']}' learns on the hidden layer"
        return [f"start.{key}: {told}" for key in ("head", "freeze") if key in start]
    if entry["architecture"] != origin["architecture"]:
        kinds = f"a {origin['architecture']}, whose weights do not fit a {entry['architecture']}"
        return [f"start.experiment: '{name}' is {kinds}"]
    return [*_task(name, entry, start, origin), *_parameters(name, entry, origin), *_freeze(entry, start.get("freeze"))]


def _entry(experiment: Mapping[str, Any]) -> catalog.Entry | None:
    name = experiment.get("architecture")
    return catalog.CATALOG.get(name) if isinstance(name, str) else None


def _task(name: str, entry: Mapping[str, Any], start: Mapping[str, Any], origin: Mapping[str, Any]) -> list[str]:
    """A head is kept for the task that it answers."""
    here, there = (each.get("task") or "the slot's own" for each in (entry, origin))
    if start.get("head") != "keep" or here == there:
        return []
    return [f"start.head: keep, but the task of '{name}' is {there}, here {here}; write head: new"]


def _parameters(name: str, entry: Mapping[str, Any], origin: Mapping[str, Any]) -> list[str]:
    """Parameters that shape the weights are those of the other experiment."""
    here, there = (each.get("parameters") or {} for each in (entry, origin))
    if not isinstance(here, dict) or not isinstance(there, dict):
        return []
    lines = [
        f"parameters.{key}: {_given(here, key)}, but '{name}' has {_given(there, key)}; its weights need the same"
        for key in {**here, **there}
        if key not in catalog.SHAPELESS and _given(here, key) != _given(there, key)
    ]
    if isinstance(here.get("starts"), int) and here["starts"] > 1:
        lines.append(f"parameters.starts: {here['starts']}; a net that starts from another one is one net: 1")
    return lines


def _given(parameters: Mapping[str, Any], key: str) -> Any:
    value = parameters.get(key, "not written")
    return list(value) if isinstance(value, tuple) else value


def _freeze(entry: Mapping[str, Any], freeze: Any) -> list[str]:
    if not isinstance(freeze, dict):
        return []
    epochs = entry.get("epochs", 1)
    lines = [
        f"start.freeze.{layer}: {value} epochs, but epochs is {epochs}; write a smaller number, or always"
        for layer, value in freeze.items()
        if isinstance(value, int) and isinstance(epochs, int) and value >= epochs
    ]
    if freeze.get("body") == "always" and entry.get("companion", "none") != "none":
        lines.append(
            f"companion: '{entry['companion']}' is of the layers below the head, which start.freeze.body keeps; none"
        )
    return lines


def _data(
    name: str, entry: Mapping[str, Any], ancestors: list[str], known: Mapping[str, Any], slots: Mapping[str, Any]
) -> list[str]:
    """Whether both read one kind of data, and nothing held out here was trained on there."""
    here, kinds = slots.get(str(entry.get("dataset"))), _kinds(slots)
    own, theirs = (kinds.get(str(each.get("dataset"))) for each in (entry, known[name]))
    if own and theirs and own != theirs:
        return [f"start.experiment: '{name}' reads {theirs}, this one's slot '{entry['dataset']}' holds {own}"]
    lines = []
    for ancestor in ancestors:
        other = known[ancestor]
        there = slots.get(str(other.get("dataset"))) if isinstance(other, dict) else None
        if isinstance(here, dict) and isinstance(there, dict) and _dataset(here) == _dataset(there):
            lines += [f"start.experiment: {line}" for line in _held_out(ancestor, other, here, there)]
    return lines


def _held_out(ancestor: str, other: Mapping[str, Any], here: Mapping[str, Any], there: Mapping[str, Any]) -> list[str]:
    """Why `ancestor`, on a slot of the same dataset, may have seen what is held out here."""
    differing = [key for key in ("use", *SPLIT) if _setting(here, key) != _setting(there, key)]
    if differing:
        found = ", ".join(f"{key} {_setting(there, key)!r} and here {_setting(here, key)!r}" for key in differing)
        return [f"'{ancestor}' may have trained on examples that are held out here: of one dataset it has {found}"]
    if other.get("refit") is True:
        return [f"'{ancestor}' has refit: true: it trained on the examples that this one is chosen by"]
    return []


def _setting(slot: Mapping[str, Any], key: str) -> Any:
    return slot.get(key, Dataset.model_fields[key].default)


def _dataset(slot: Mapping[str, Any]) -> str:
    return str(slot.get("use", "")).partition("@")[0]


def _kinds(slots: Mapping[str, Any]) -> dict[str, str]:
    """The kind of data of every slot that names a known dataset."""
    found = {key: data_catalog.CATALOG.get(_dataset(slot)) for key, slot in slots.items() if isinstance(slot, dict)}
    return {key: data.kind for key, data in found.items() if data is not None}
