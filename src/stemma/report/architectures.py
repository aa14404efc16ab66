"""Every architecture, by task: what each one reaches wherever it was tried."""

from collections.abc import Mapping
from typing import Any, Protocol

from stemma.scores import SCORING

Row = dict[str, Any]
Group = dict[str, Any]


class Architecture(Protocol):
    """What is told of an architecture; an entry of the catalogue of families."""

    @property
    def family(self) -> str: ...
    @property
    def paper(self) -> str: ...
    @property
    def tasks(self) -> tuple[str, ...]: ...


Catalog = Mapping[str, Architecture]


def by_task(groups: list[Group], catalog: Catalog) -> list[dict[str, Any]]:
    """A table a task that `groups`, one a ranking with its `rows`, hold: its `score` and its `architectures`.

    Those stand family by family as in `catalog`, one that it does not know last, each with its `rows`, an experiment
    each, in the order of the groups.
    """
    found = []
    for task in [task for task in SCORING if task in {group["task"] for group in groups}]:
        own = [group for group in groups if group["task"] == task]
        rows = [{**row, "label": group["label"], "id": group["id"]} for group in own for row in group["rows"]]
        score = own[0]["scoring"].score
        found.append({"task": task, "score": score, "architectures": _architectures(rows, catalog)})
    return found


def without_result(groups: list[Group], catalog: Catalog) -> list[str]:
    """Entries of `catalog` that no experiment shows: `conv1d`, or `lstm (regress)` where another task has a result."""
    shown = {(row["architecture"], group["task"]) for group in groups for row in group["rows"]}
    known = {architecture for architecture, _ in shown}
    found = [key for key in catalog if key not in known]
    some = [(key, task) for key in catalog if key in known for task in catalog[key].tasks if (key, task) not in shown]
    return found + [f"{key} ({task})" for key, task in some]


def _architectures(rows: list[Row], catalog: Catalog) -> list[dict[str, Any]]:
    families = list(dict.fromkeys(entry.family for entry in catalog.values()))
    order = sorted(catalog, key=lambda key: families.index(catalog[key].family))
    place = {key: number for number, key in enumerate(order)}
    grouped: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: place.get(row["architecture"], len(place))):
        grouped.setdefault(row["architecture"], []).append(row)
    return [
        {"name": key, "family": own[0]["family"], "paper": catalog[key].paper if key in catalog else "", "rows": own}
        for key, own in grouped.items()
    ]
