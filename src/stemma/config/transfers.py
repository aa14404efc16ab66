"""The section `transfers`: experiments that start from another experiment's trained models."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, field_validator

from stemma.config.section import Count, Section
from stemma.config.training import Experiment
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


def transfer_mistakes(
    where: str, entry: Mapping[str, Any], known: Mapping[str, Any], slots: Mapping[str, Any]
) -> list[str]:
    """What is wrong with where `entry` starts; `known` are all experiments, with their defaults merged."""
    start = entry.get("start")
    if not isinstance(start, dict) or not isinstance(start.get("experiment"), str):
        return []
    name = start["experiment"]
    if name not in known:
        return [f"{where}.start.{unknown('experiment', name, known)}"]
    if where.partition(".")[2] in _ancestors(name, known):
        return [f"{where}.start.experiment: '{name}' itself starts from this experiment"]
    origin = known[name] if isinstance(known[name], dict) else {}
    return [f"{where}.{line}" for line in [*_fit(entry, start, origin), *_data(entry, origin, slots)]]


def _ancestors(name: str, known: Mapping[str, Any]) -> set[str]:
    """`name`, what it starts from, what that starts from ..."""
    found: set[str] = set()
    while name in known and name not in found:
        found.add(name)
        start = known[name].get("start") if isinstance(known[name], dict) else None
        name = start.get("experiment", "") if isinstance(start, dict) else ""
    return found


def _fit(entry: Mapping[str, Any], start: Mapping[str, Any], origin: Mapping[str, Any]) -> list[str]:
    """Whether the architectures go together and the seeds and epochs are there."""
    name, here, there = start["experiment"], entry.get("architecture"), origin.get("architecture")
    missing = sorted(set(_seeds(entry)) - set(_seeds(origin)))
    lines = [f"seeds: {missing} are none of '{name}', which has {_seeds(origin)}"] if missing else []
    if here not in catalog.CATALOG or there not in catalog.CATALOG:
        return lines
    if not catalog.CATALOG[there].by_gradient:
        return [*lines, f"start.experiment: '{name}' is a {there}, which has no hidden layer to start from"]
    if catalog.CATALOG[here].family == "baseline":
        given = [
            f"start.{key}: is for networks; '{here}' learns on the hidden layer"
            for key in ("head", "freeze")
            if key in start
        ]
        return lines + given
    if here != there:
        lines.append(f"start.experiment: '{name}' is a {there}, whose weights do not fit a {here}")
    return lines + _freeze(start.get("freeze"), entry.get("epochs", 1))


def _freeze(freeze: Any, epochs: Any) -> list[str]:
    numbers = {k: v for k, v in freeze.items() if isinstance(v, int)} if isinstance(freeze, dict) else {}
    return [
        f"start.freeze.{layer}: {value} epochs, but epochs is {epochs}; write a smaller number, or always"
        for layer, value in numbers.items()
        if isinstance(epochs, int) and value >= epochs
    ]


def _seeds(entry: Mapping[str, Any]) -> list[Any]:
    seeds = entry.get("seeds", Experiment.model_fields["seeds"].default)
    return list(seeds) if isinstance(seeds, list | tuple) else []


def _data(entry: Mapping[str, Any], origin: Mapping[str, Any], kinds: Mapping[str, str]) -> list[str]:
    """Whether both read one kind of data."""
    here, there = (kinds.get(str(each.get("dataset"))) for each in (entry, origin))
    if here is None or there is None or here == there:
        return []
    return [f"start.experiment: reads {there}, this one's slot '{entry['dataset']}' holds {here}"]
