"""An account of a registered model: who holds an alias, since when, instead of whom and why."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stemma.errors import StemmaError, unknown
from stemma.registry import ledger
from stemma.registry.versions import ALIASES, CHALLENGER, CHAMPION, PREVIOUS, aliased
from stemma.tracking.store import connect, safe_name

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion


@dataclass(frozen=True)
class Account:
    """The version behind an alias, the `event` that put it there, and its model card."""

    model: str
    alias: str
    version: str
    experiment: str
    seed: int
    event: ledger.Event
    card: str


def events_of(dataset: str, source: str) -> tuple[dict[str, str], list[ledger.Event]]:
    """Versions by alias, and the history of a registered model, the oldest event first.

    A move of the alias `champion` that the history does not know stands last, without time and user.

    Raises:
        StemmaError: there is no such model, or the store cannot be reached.
    """
    client, name = connect(), safe_name(dataset, source)
    found = client.search_registered_models(filter_string=f"name = '{name}'")
    if not found:
        raise StemmaError(f"{dataset}@{source}: no registered model yet; run `stemma publish` and `stemma promote`")
    past = ledger.events(client, name)
    moved = ledger.unrecorded(past, aliased(client, name, CHAMPION))
    aliases = {alias: str(found[0].aliases[alias]) for alias in ALIASES if alias in found[0].aliases}
    return aliases, past if moved is None else [*past, moved]


def account(dataset: str, source: str, alias: str = CHAMPION) -> Account:
    """Who holds `alias` and how it came to it.

    Raises:
        StemmaError: nobody does, or there is no such alias.
    """
    if alias not in ALIASES:
        raise unknown("alias", alias, ALIASES)
    client, name = connect(), safe_name(dataset, source)
    holder, (_, past) = aliased(client, name, alias), events_of(dataset, source)
    if holder is None:
        raise StemmaError(
            f"{dataset}@{source}: no version has the alias `{alias}`; `stemma history` tells what happened"
        )
    told = [event for event in past if _put_there(event, alias, holder)]
    if not told:
        raise StemmaError(f"model '{name}': its history does not say how version {holder.version} became {alias}")
    tags = holder.tags
    own = (tags["experiment"], int(tags["best_seed"]), told[-1], holder.description or "")
    return Account(name, alias, str(holder.version), *own)


def _put_there(event: ledger.Event, alias: str, holder: "ModelVersion") -> bool:
    """Whether an event gave `alias` to its present holder."""
    if alias == CHALLENGER:
        return event.what == "keep" and event.key == holder.tags["key"]
    gained = {CHAMPION: event.after, PREVIOUS: event.before}[alias]
    return event.what in ledger.MOVES and gained == str(holder.version)
