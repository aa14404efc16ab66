"""The history of a registered model: what happened to its aliases, kept in the registry itself and only added to.

Every event is a tag of its own on the registered model, `stemma.event.<time>.<digits>`, so that whoever reaches the
store sees it, nothing is rewritten, and two machines that write at once lose nothing. Its value is JSON of at most
`LONGEST` characters, which is what MLflow's database keeps of such a tag.
"""

import getpass
import json
import os
import socket
import uuid
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from stemma.errors import StemmaError

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

PREFIX = "stemma.event."
LONGEST = 5000
MOVES = ("promote", "rollback", "found")
What = Literal["promote", "keep", "refuse", "rollback", "found"]


@dataclass(frozen=True)
class Event:
    """One thing that happened.

    Attributes:
        what: `promote`, `keep` and `refuse`: a candidate was judged. `rollback`: the alias `champion` was given back.
            `found`: the alias stood elsewhere than this history says, moved by other means.
        experiment, key: of the candidate; of a rollback those of the version that lost the alias; of `found` those of
            the version that has it. `key` is the digest of its run files.
        before, after: versions with the alias `champion` before and after, None where there was none.
        rival: key of the champion that the candidate was compared with; empty if it was compared with none.
        difference, p_value, level: of that comparison (`stemma.gate.Decision`).
        at: UTC, ISO 8601. who: user@host.
    """

    what: What
    experiment: str
    key: str
    before: str | None
    after: str | None
    reasons: list[str]
    rival: str = ""
    test_digest: str = ""
    difference: float | None = None
    p_value: float | None = None
    level: float | None = None
    at: str = ""
    who: str = ""


def append(client: "MlflowClient", name: str, event: Event) -> Event:
    """Add an event, with the present time and user, to the history of the registered model `name`."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    told = Event(**{**asdict(event), "at": now, "who": _who()})
    client.set_registered_model_tag(name, f"{PREFIX}{now}.{uuid.uuid4().hex[:8]}", _bounded(told))
    return told


def events(client: "MlflowClient", name: str) -> list[Event]:
    """The history of a registered model, the oldest first; empty if there is none.

    Raises:
        StemmaError: an event was changed by hand or written by a later version.
    """
    found = client.search_registered_models(filter_string=f"name = '{name}'")
    tags = found[0].tags if found else {}
    return [_event(name, tag, tags[tag]) for tag in sorted(tags) if tag.startswith(PREFIX)]


def unrecorded(past: list[Event], holder: "ModelVersion | None") -> Event | None:
    """What happened to the alias `champion` beside this history: by hand, or in a command that was killed."""
    known = next((event.after for event in reversed(past) if event.what in MOVES), None)
    present = None if holder is None else str(holder.version)
    if known == present:
        return None
    experiment, key = ("", "") if holder is None else (holder.tags.get("experiment", ""), holder.tags.get("key", ""))
    return Event("found", experiment, key, known, present, ["The alias was not moved by a command of Stemma."])


def confirmations(past: list[Event], test_digest: str, key: str, rival: str) -> int:
    """How many comparisons with a champion were made on a test set before that of `key` with `rival`.

    The same two models compared again are the same comparison: it has no new chance to err.
    """
    compared = [(e.key, e.rival) for e in past if e.test_digest == test_digest and e.p_value is not None]
    pairs = list(dict.fromkeys(compared))
    return pairs.index((key, rival)) if (key, rival) in pairs else len(pairs)


def withdrawn(past: list[Event], key: str) -> Event | None:
    """The rollback that took these results back, unless they were promoted again since."""
    own = [event for event in past if event.key == key and event.what in ("promote", "rollback")]
    return own[-1] if own and own[-1].what == "rollback" else None


def repeated(past: list[Event], event: Event) -> bool:
    """Whether the last judgement on these results was the same, on the same champion, and moved nothing."""
    if event.what in MOVES:
        return False
    own = [each for each in past if each.key == event.key and each.what in ("promote", "keep", "refuse")]
    same = ("what", "before", "after", "reasons", "rival", "test_digest", "level")
    return bool(own) and all(getattr(own[-1], name) == getattr(event, name) for name in same)


def _event(name: str, tag: str, value: str) -> Event:
    try:
        values: dict[str, Any] = json.loads(value)
        return Event(**{each.name: values[each.name] for each in fields(Event)})
    except (ValueError, TypeError, KeyError):
        raise StemmaError(f"model '{name}': its tag '{tag}' is not an event of this version of Stemma") from None


def _bounded(event: Event) -> str:
    """JSON of an event; the last reasons are left out where they are too many together."""
    values, kept = asdict(event), list(event.reasons)
    while len(text := _json({**values, "reasons": kept})) > LONGEST and kept:
        kept = [*kept[:-2], "..."] if len(kept) > 1 else []
    return text


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _who() -> str:
    """user@host; a user without a name, as in a container, is its number."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"
