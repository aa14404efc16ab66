"""Commands about champions: promote, rollback, history, explain."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stemma.cli.tracking import PARAMS, REPORTS, Json, Params, Reports, report

if TYPE_CHECKING:
    from stemma.registry import Event

Slot = Annotated[str, typer.Argument(help="A dataset slot of params.yaml.")]
Alias = Annotated[str, typer.Argument(help="champion, challenger or previous.")]
Again = Annotated[bool, typer.Option("--again", help="Judge anew what was rolled back.")]
Dry = Annotated[bool, typer.Option("--dry-run", help="Judge only; no alias moves, no event is written.")]
Why = Annotated[str, typer.Option("--why", help="The reason, for the history.")]
To = Annotated[str | None, typer.Option("--to", help="A version number instead of `previous`.")]


def register(app: typer.Typer) -> None:
    for command in (promote, rollback, history, explain):
        app.command()(command)


def promote(reports: Reports = REPORTS, again: Again = False, dry: Dry = False, as_json: Json = False) -> None:
    """Give the alias `champion` to each slot's candidate, if the gate says so."""
    from stemma import registry
    from stemma.data.catalog import CATALOG

    licences = {name: entry.licence for name, entry in CATALOG.items()}
    decision, comparison = report(reports / "decision.json"), report(reports / "comparison.json")
    outcomes = registry.promote(decision, comparison, licences, again=again, dry=dry)
    if as_json:
        print(json.dumps([asdict(outcome) for outcome in outcomes], indent=1))
        return
    for outcome in outcomes:
        reasons, holder = " ".join(outcome.reasons), f"{outcome.champion} ({outcome.model} {outcome.version})"
        print(f"{outcome.slot}: {outcome.verdict} {outcome.candidate}. {reasons} Champion: {holder}")


def rollback(
    slot: Slot, why: Why = "no reason given", to: To = None, params: Params = PARAMS, as_json: Json = False
) -> None:
    """Give the alias `champion` back to the version before; the two change places."""
    from stemma import registry

    event = registry.rollback(*_data(params, slot), why, to)
    if as_json:
        print(json.dumps(asdict(event), indent=1))
        return
    print(f"{slot}: champion is version {event.after} now, no longer {event.before} ({event.experiment})")


def history(slot: Slot, params: Params = PARAMS, as_json: Json = False) -> None:
    """What happened to a slot's champion: who, when, from, to and why, the oldest first."""
    from stemma import registry

    aliases, events = registry.events_of(*_data(params, slot))
    if as_json:
        print(json.dumps({"aliases": aliases, "events": [asdict(event) for event in events]}, indent=1))
        return
    print(", ".join(f"{alias}: version {number}" for alias, number in aliases.items()) or "no version has an alias")
    for event in events:
        print(f"{_when(event)}  {event.what:8}  {_move(event):6}  {event.experiment}, {event.who or 'unknown user'}")
        print(f"  {' '.join(event.reasons)}")


def explain(alias: Alias, slot: Slot, params: Params = PARAMS, as_json: Json = False) -> None:
    """Why a version has its alias: who gave it, when, instead of whom, why; and its model card."""
    from stemma import registry

    told = registry.account(*_data(params, slot), alias)
    if as_json:
        print(json.dumps(asdict(told), indent=1))
        return
    event = told.event
    lines = {
        told.alias: f"{told.model} version {told.version}: {told.experiment}, seed {told.seed}",
        "who": event.who or "unknown",
        "when": _when(event),
        "from": f"version {event.before}" if event.before else "none",
        "to": f"version {event.after}" if event.after else "none",
        "what": event.what,
        "why": " ".join(event.reasons),
    }
    if event.p_value is not None:
        lines["test"] = f"p = {event.p_value:.2g}, allowed below {event.level:.2g}, test set {event.test_digest[:12]}"
    print("\n".join(f"{name:11} {line}" for name, line in lines.items()) + f"\n\n{told.card}")


def _data(params: Path, slot: str) -> tuple[str, str]:
    """Dataset and source of a slot, as they stand on results."""
    from stemma import config
    from stemma.data.catalog import provenance

    chosen = config.load(params).slot(slot)
    entry, source = provenance(chosen.use, chosen.test)
    return entry.name, source


def _when(event: "Event") -> str:
    return f"{event.at[:10]} {event.at[11:19]} UTC" if event.at else "time unknown           "


def _move(event: "Event") -> str:
    """`1 -> 2`; `1` where the champion stayed."""
    if event.before == event.after:
        return event.after or "none"
    return f"{event.before or 'none'} -> {event.after or 'none'}"
