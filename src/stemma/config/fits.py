"""What only the catalogues know: whether an experiment's parts and a slot's settings fit each other."""

from typing import Any, Literal, get_args, get_origin

from pydantic import create_model

from stemma.config.datasets import Dataset
from stemma.config.messages import validated
from stemma.config.section import Section
from stemma.data import catalog as data_catalog
from stemma.errors import unknown
from stemma.families import catalog
from stemma.nn.names import OPTIMIZERS, ClassifyLoss, RegressLoss

FOR = {
    "tokens": ("kind", ("text",)),
    "vectors": ("kind", ("text",)),
    "vectors_digest": ("kind", ("text",)),
    "vocabulary": ("kind", ("text", "sequence")),
    "min_count": ("kind", ("text", "sequence")),
    "max_length": ("kind", ("text", "sequence")),
    "scaling": ("kind", ("table",)),
    "resize": ("kind", ("image",)),
    "mirrored": ("kind", ("image",)),
    "labels_per_class": ("task", ("classify",)),
}
"""Settings of a slot that only some kinds of data or tasks know."""
LOSSES = {"classify": get_args(ClassifyLoss), "regress": get_args(RegressLoss)}
SEARCHING = [name for name, method in OPTIMIZERS.items() if method.searches]
MONITORS = {"classify": ("val_loss", "val_accuracy"), "regress": ("val_loss", "val_rmse")}


def architecture_mistakes(where: str, entry: dict[str, Any], datasets: dict[str, Any]) -> list[str]:
    """What only the catalogue knows: names, family, parameters, and whether the data kind is accepted."""
    name, slot = entry.get("architecture"), entry.get("dataset")
    mistakes = []
    if isinstance(slot, str) and slot not in datasets:
        mistakes.append(f"{where}.{unknown('dataset', slot, datasets)}")
    if not isinstance(name, str):
        return mistakes
    if name not in catalog.CATALOG:
        return [*mistakes, f"{where}.{unknown('architecture', name, catalog.CATALOG)}"]
    known = catalog.CATALOG[name]
    if entry.get("family") not in (None, known.family):
        mistakes.append(f"{where}.family: '{name}' belongs to '{known.family}', found '{entry['family']}'")
    if entry.get("optimizer") in SEARCHING and not known.searches:
        able = ", ".join(key for key, other in catalog.CATALOG.items() if other.searches)
        mistakes.append(
            f"{where}.optimizer: '{entry['optimizer']}' searches its own step, for {able}; not for '{name}'"
        )
    average, companion = entry.get("weight_average", "none"), entry.get("companion", "none")
    if average != "none" and known.descends == "none":
        mistakes.append(f"{where}.weight_average: '{average}', but '{name}' has no steps to average; allowed: none")
    if companion != "none" and known.descends != "all":
        mistakes.append(
            f"{where}.companion: '{companion}' is of layers that learn by gradients, '{name}' has none; allowed: none"
        )
    entry["parameters"] = check_parameters(name, entry.get("parameters"), f"{where}.parameters", mistakes)
    data = _dataset(datasets.get(slot)) if isinstance(slot, str) else None
    if isinstance(slot, str) and data is not None:
        held = f"slot '{slot}' ({datasets[slot]['use']})"
        if "start" in entry and known.family == "baseline":
            if "table" not in known.kinds:
                mistakes.append(f"{where}.architecture: '{name}' does not accept a table, such as a hidden layer is")
        elif data.kind not in known.kinds:
            accepted = " and ".join(known.kinds)
            mistakes.append(f"{where}.architecture: '{name}' accepts {accepted}; {held} holds {data.kind}")
        elif data.task not in known.tasks:
            tasks = " and ".join(known.tasks)
            mistakes.append(f"{where}.architecture: '{name}' learns to {tasks}; {held} has the task {data.task}")
        loss = str(entry.get("loss", "auto"))
        if data.task in LOSSES and loss not in ("auto", *LOSSES[data.task]):
            mistakes.append(
                f"{where}.loss: '{loss}' is none for {data.task}; known: auto, {', '.join(LOSSES[data.task])}"
            )
        if companion != "none" and data.task != "classify" and known.descends == "all":
            mistakes.append(
                f"{where}.companion: '{companion}' is of classes; {held} has the task {data.task}; allowed: none"
            )
        score = str(entry.get("monitor"))
        if score in sum(MONITORS.values(), ()) and score not in MONITORS.get(data.task, (score,)):
            allowed = " or ".join(MONITORS[data.task])
            mistakes.append(f"{where}.monitor: '{score}' is none of the task {data.task} of {held}; {allowed}")
    return mistakes


def _dataset(slot: Any) -> data_catalog.DatasetEntry | None:
    """What the catalogue says of a slot's dataset; None if the slot does not name a known one."""
    use = slot.get("use") if isinstance(slot, dict) else None
    return data_catalog.CATALOG.get(use.partition("@")[0]) if isinstance(use, str) else None


def kinds(datasets: dict[str, Any]) -> dict[str, str]:
    """The kind of data of every slot that names a known dataset."""
    found = {key: _dataset(slot) for key, slot in datasets.items()}
    return {key: data.kind for key, data in found.items() if data is not None}


def slot_mistakes(where: str, slot: Any) -> list[str]:
    """Settings that mean nothing for the kind or task of the slot's dataset, where they differ from the default."""
    data = _dataset(slot)
    if data is None:
        return []
    given = {key for key, value in slot.items() if key in FOR and value != Dataset.model_fields[key].default}
    held = {"kind": data.kind, "task": data.task}
    return [
        f"{where}.{key}: is for {' and '.join(allowed)}; '{data.name}' holds {held[what]}"
        for key, (what, allowed) in FOR.items()
        if key in given and held[what] not in allowed
    ]


def check_parameters(architecture: str, values: Any, where: str, mistakes: list[str]) -> dict[str, Any]:
    """The given parameters of an architecture, checked; constructor defaults stand for the others."""
    fields: Any = {name: (kind, None) for name, kind in catalog.CATALOG[architecture].parameters.items()}
    model = create_model(architecture, __base__=Section, **fields)
    if isinstance(values, dict):
        values = {name: _as_text(value, fields.get(name)) for name, value in values.items()}
    result = validated(model, values if values is not None else {}, where, mistakes)
    return result.model_dump(exclude_unset=True) if result else {}


def _as_text(value: Any, field: Any) -> Any:
    """A number where only words are allowed, as the word that YAML took for one: 1998 for '1998'."""
    words = get_args(field[0]) if field and get_origin(field[0]) is Literal else ()
    return str(value) if isinstance(value, int) and str(value) in words else value
