"""What only the catalogues know: whether an experiment's parts and a slot's settings fit each other."""

from collections.abc import Collection
from typing import Any, Literal, get_args, get_origin

from pydantic import create_model

from stemma.config.datasets import Dataset
from stemma.config.messages import validated
from stemma.config.section import Section
from stemma.data import catalog as data_catalog
from stemma.errors import unknown
from stemma.families import catalog
from stemma.nn.names import OPTIMIZERS, ClassifyLoss, RegressLoss
from stemma.spec import Asked

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
LOSSES: dict[str, tuple[str, ...]] = {"classify": get_args(ClassifyLoss), "regress": get_args(RegressLoss)}
SEARCHING = [name for name, method in OPTIMIZERS.items() if method.searches]
ASKED = get_args(Asked)
MONITORS = {
    "classify": ("val_loss", "val_accuracy"),
    "regress": ("val_loss", "val_rmse"),
    "reconstruct": ("val_loss", "val_reconstruction_error"),
    "density": ("val_loss", "val_log_likelihood"),
    "map": ("val_loss", "val_quantisation_error"),
    "recall": ("val_loss", "val_bits_right"),
}


def architecture_mistakes(
    where: str, entry: dict[str, Any], datasets: dict[str, Any], own: Collection[str]
) -> list[str]:
    """What only the catalogues know: names, family, parameters, and what goes with the data and each other.

    Args:
        entry: an experiment, the defaults of `training` merged; its parameters are checked in place.
        own: the keys that it writes itself: a default that means nothing for an architecture is no mistake.
    """
    name, slot = entry.get("architecture"), entry.get("dataset")
    lines = []
    if isinstance(slot, str) and slot not in datasets:
        lines.append(str(unknown("dataset", slot, datasets)))
    if isinstance(name, str) and name not in catalog.CATALOG:
        lines.append(str(unknown("architecture", name, catalog.CATALOG)))
    elif isinstance(name, str):
        mistakes: list[str] = []
        entry["parameters"] = check_parameters(name, entry.get("parameters"), f"{where}.parameters", mistakes)
        lines += _parts(name, entry, own)
        data = _dataset(datasets.get(slot)) if isinstance(slot, str) else None
        if isinstance(slot, str) and data is not None:
            held = f"slot '{slot}' ({datasets[slot]['use']})"
            lines += [*_accepts(name, entry, data, held), *_goals(name, entry, data, held, own)]
        return [*(f"{where}.{line}" for line in lines), *mistakes]
    return [f"{where}.{line}" for line in lines]


def _parts(name: str, entry: dict[str, Any], own: Collection[str]) -> list[str]:
    """Family and parts that do not go with the architecture."""
    known, lines = catalog.CATALOG[name].solved_by(entry["parameters"]), list[str]()
    if entry.get("family") not in (None, known.family):
        lines.append(f"family: '{name}' belongs to '{known.family}', found '{entry['family']}'")
    searches = entry.get("optimizer") in SEARCHING and (known.by_gradient or "optimizer" in own)
    if searches and not known.searches:
        able = ", ".join([*(key for key, other in catalog.CATALOG.items() if other.searches), "linear by gradient"])
        lines.append(f"optimizer: '{entry['optimizer']}' searches its own step, for {able}; not for '{name}'")
    average, companion = (entry[key] if key in own else "none" for key in ("weight_average", "companion"))
    if average != "none" and not known.by_gradient:
        lines.append(f"weight_average: '{average}', but '{name}' has no steps to average; allowed: none")
    if companion != "none" and known.descends != "all":
        lines.append(f"companion: '{companion}' is of layers that learn by gradients, '{name}' has none; allowed: none")
    starts = entry["parameters"].get("starts", 1)
    if starts > 1 and searches:
        lines.append(f"parameters.starts: {starts}; allowed with optimizer '{entry['optimizer']}': 1")
    if starts > 1 and companion != "none":
        lines.append(f"parameters.starts: {starts}; allowed with companion '{companion}': 1")
    return lines


def _accepts(name: str, entry: dict[str, Any], data: data_catalog.DatasetEntry, held: str) -> list[str]:
    """Whether the architecture takes such data; to an estimator on a network's hidden layer they are a table."""
    known = catalog.CATALOG[name]
    on_hidden = "start" in entry and known.family == "baseline"
    if on_hidden and "table" not in known.kinds:
        return [f"architecture: '{name}' does not accept a table, such as a hidden layer is"]
    if not on_hidden and data.kind not in known.kinds:
        return [f"architecture: '{name}' accepts {' and '.join(known.kinds)}; {held} holds {data.kind}"]
    task = entry.get("task")
    if task is not None and task not in ASKED:
        return []
    if task is not None and on_hidden:
        return [
            f"task: '{task}' is of a model of its own, '{name}' learns on another one's hidden layer; allowed: null"
        ]
    if task is not None and task not in known.tasks:
        return [f"task: '{task}', but '{name}' learns to {' and '.join(known.tasks)}"]
    if task is None and data.task not in known.tasks:
        others = [each for each in known.tasks if each in ASKED]
        hint = f"; write task: {' or '.join(others)}" if others else ""
        return [f"architecture: '{name}' learns to {' and '.join(known.tasks)}; {held} has the task {data.task}{hint}"]
    return []


def _asked(entry: dict[str, Any]) -> str | None:
    """The task that an experiment asks for; None for the slot's own, or for what is none."""
    task = entry.get("task")
    return task if task in ASKED else None


def _goals(
    name: str, entry: dict[str, Any], data: data_catalog.DatasetEntry, held: str, own: Collection[str]
) -> list[str]:
    """Whether losses and what is watched mean something for the task."""
    lines, loss, companion = [], str(entry.get("loss", "auto")), entry.get("companion", "none")
    task = _asked(entry) or data.task
    told = f"{held} has the task {task}" if task == data.task else f"the task is {task}"
    if loss in sum(LOSSES.values(), ()) and loss not in LOSSES.get(task, () if task in ASKED else (loss,)):
        lines.append(f"loss: '{loss}' is none for {task}; known: {', '.join(['auto', *LOSSES.get(task, ())])}")
    of_classes = catalog.CATALOG[name].descends == "all" and "companion" in own and companion != "none"
    if of_classes and task != "classify":
        lines.append(f"companion: '{companion}' is of classes; {told}; allowed: none")
    for key, none in (("class_weights", "none"), ("label_smoothing", 0)):
        if task in ASKED and key in own and entry[key] != none:
            lines.append(f"{key}: '{entry[key]}' is of classes; {told}; allowed: {none}")
    score, of = str(entry.get("monitor")), f" of {held}" if task == data.task else ""
    if score in sum(MONITORS.values(), ()) and score not in MONITORS.get(task, (score,)):
        lines.append(f"monitor: '{score}' is none of the task {task}{of}; {' or '.join(MONITORS[task])}")
    return lines


def _dataset(slot: Any) -> data_catalog.DatasetEntry | None:
    """What the catalogue says of a slot's dataset; None if the slot does not name a known one."""
    use = slot.get("use") if isinstance(slot, dict) else None
    return data_catalog.CATALOG.get(use.partition("@")[0]) if isinstance(use, str) else None


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
