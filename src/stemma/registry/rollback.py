"""Rollback: the alias `champion` goes back to the version before, and the history says why."""

from typing import TYPE_CHECKING

from stemma.errors import StemmaError
from stemma.registry import ledger
from stemma.registry.versions import (
    CHALLENGER,
    CHAMPION,
    PREVIOUS,
    aliased,
    check_loadable,
    known,
    numbered,
)
from stemma.tracking.store import connect, locked, safe_name

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

LONGEST = 1000
"""Characters of a reason: an event has to fit into a tag."""


def rollback(dataset: str, source: str, why: str, to: str | None = None) -> ledger.Event:
    """Give the alias `champion` to `previous`, or to the version number `to`; the two change places.

    The version that lost it is not promoted again while its results stay the same (see `promotion.promote`).

    Raises:
        StemmaError: there is no champion, no such version, its model is gone, or the reason is too long.
    """
    name, reason, client = safe_name(dataset, source), _reason(why), connect()
    with locked("promote"):
        holder = aliased(client, name, CHAMPION)
        if holder is None:
            raise StemmaError(f"{dataset}@{source}: no champion yet, so none to roll back")
        target = _target(client, holder, to)
        check_loadable(client, target)
        past = ledger.events(client, name)
        moved = ledger.unrecorded(past, holder)
        if moved is not None:
            ledger.append(client, name, moved)
        client.set_registered_model_alias(name, CHAMPION, target.version)
        client.set_registered_model_alias(name, PREVIOUS, holder.version)
        challenger = aliased(client, name, CHALLENGER)
        if challenger is not None and challenger.version == target.version:
            client.delete_registered_model_alias(name, CHALLENGER)
        own, versions = holder.tags, (str(holder.version), str(target.version))
        return ledger.append(client, name, ledger.Event("rollback", own["experiment"], own["key"], *versions, [reason]))


def _target(client: "MlflowClient", holder: "ModelVersion", to: str | None) -> "ModelVersion":
    name = holder.name
    found = aliased(client, name, PREVIOUS) if to is None else numbered(client, name, to)
    if found is None:
        missing = f"version {to}" if to else f"version with the alias `{PREVIOUS}`"
        raise StemmaError(f"model '{name}': no {missing} to roll back to; {known(client, name)} (--to)")
    if found.version == holder.version:
        raise StemmaError(f"model '{name}': version {holder.version} is champion now; {known(client, name)} (--to)")
    return found


def _reason(why: str) -> str:
    reason = " ".join(why.split())
    if not reason or not reason.isprintable() or len(reason) > LONGEST:
        raise StemmaError(f"--why: expected 1 to {LONGEST} printable characters, found {len(reason)}")
    return reason
