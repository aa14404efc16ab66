"""Promotion: the gate's judgement on each slot's candidate, carried out on the aliases and written into the history."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stemma import gate
from stemma.errors import StemmaError
from stemma.registry import ledger
from stemma.registry.card import card
from stemma.registry.versions import CHALLENGER, CHAMPION, PREVIOUS, aliased, ensure_model, predictions, register
from stemma.runs import ROOT, RunFiles
from stemma.tracking import describe
from stemma.tracking.store import connect, experiment_id, locked, runs_of, safe_name
from stemma.tracking.tasks import label

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run
    from mlflow.entities.model_registry import ModelVersion


@dataclass(frozen=True)
class Outcome:
    """What promotion did with a slot's candidate: `promote`, `keep`, `refuse`, or `same` (it is champion).

    `champion` is the experiment that holds the alias now, `version` is its version of `model`;
    both are None where nobody holds it.
    """

    slot: str
    model: str
    candidate: str
    verdict: str
    reasons: list[str]
    champion: str | None
    version: str | None


@dataclass(frozen=True)
class _Slot:
    """A candidate; `row` and `group` are its own in the comparison, `licence` that of the data."""

    runs: RunFiles
    candidate: gate.Candidate
    row: Mapping[str, Any]
    group: Mapping[str, Any]
    licence: str
    confidence: float


def promote(
    decision: Mapping[str, Any],
    comparison: Mapping[str, Any],
    licences: Mapping[str, str],
    root: Path = ROOT,
    again: bool = False,
    dry: bool = False,
) -> list[Outcome]:
    """Bring the aliases to the state that the decision and the present champions call for.

    A candidate that is the champion already, by the digest of its run files, changes nothing. Neither does one that
    was rolled back and whose results are the same as then, unless it is judged `again`.

    Args:
        decision: content of `reports/decision.json`: the rules, and a candidate a slot.
        comparison: content of `reports/comparison.json`, for the model cards.
        licences: what is known of the data's licence, by dataset.
        dry: judge only: no alias moves, nothing is registered or written into the history.

    Raises:
        StemmaError: a candidate is not published, or the champion's stored predictions are gone.
    """
    rules, client = gate.Rules.of(decision["rules"]), connect()
    slots = [
        _slot(RunFiles(entry["candidate"], root), entry, comparison, licences)
        for _, entry in sorted(decision["slots"].items())
    ]
    with locked("promote"):
        return [_promote(client, slot, rules, again, dry) for slot in slots]


def _slot(
    runs: RunFiles, entry: Mapping[str, Any], comparison: Mapping[str, Any], licences: Mapping[str, str]
) -> _Slot:
    row = next((row for row in comparison["rows"] if row["experiment"] == runs.experiment), None)
    if row is None:
        raise StemmaError(f"experiment '{runs.experiment}': not in the comparison; run `dvc repro`")
    known, same = entry.get("evidence"), ("test_digest", "task", "unit")
    candidate = replace(
        gate.candidates([runs.experiment], runs.root)[0],
        evidence=known and gate.Evidence(known["validated"], tuple(known["leaks"])),
    )
    group = next(group for group in comparison["datasets"] if all(group[key] == row[key] for key in same))
    return _Slot(runs, candidate, row, group, licences.get(candidate.dataset, ""), comparison["confidence"])


def _promote(client: "MlflowClient", slot: _Slot, rules: gate.Rules, again: bool, dry: bool) -> Outcome:
    candidate, key = slot.candidate, describe.key(slot.runs)
    name = (safe_name if dry else partial(ensure_model, client))(candidate.dataset, candidate.source)
    past, holder = ledger.events(client, name), aliased(client, name, CHAMPION)
    moved = ledger.unrecorded(past, holder)
    if moved is not None and not dry:
        past = [*past, ledger.append(client, name, moved)]
    if holder is not None and holder.tags.get("key") == key:
        return _outcome(candidate, name, "same", ["The candidate is the champion already."], holder)
    gone = ledger.withdrawn(past, key)
    if gone is not None and not again:
        return _outcome(candidate, name, "keep", [_withdrawn(gone)], holder)
    told = None if holder is None else predictions(client, holder)
    rival = "" if holder is None else holder.tags["key"]
    before = ledger.confirmations(past, candidate.predictions.test_digest, key, rival)
    judged = gate.decide(candidate, told, rules, before)
    if dry:
        return _outcome(candidate, name, judged.verdict, judged.reasons, holder)
    after = _carry_out(client, name, slot, judged, holder)
    event = _event(judged, key, rival, holder, after)
    if not ledger.repeated(past, event):
        ledger.append(client, name, event)
    return _outcome(candidate, name, judged.verdict, judged.reasons, after)


def _carry_out(
    client: "MlflowClient", name: str, slot: _Slot, judged: gate.Decision, holder: "ModelVersion | None"
) -> "ModelVersion | None":
    """Move the aliases as the judgement says; the champion after it.

    `previous` moves first: a command that is killed in between is made good by the next one.
    """
    if judged.verdict == "refuse":
        return holder
    told = card(slot.row, slot.group, slot.candidate, judged, slot.licence, slot.confidence)
    version = register(client, name, _published(client, slot.runs, slot.row), told)
    if judged.verdict == "keep":
        client.set_registered_model_alias(name, CHALLENGER, version.version)
        return holder
    if holder is not None:
        client.set_registered_model_alias(name, PREVIOUS, holder.version)
    client.set_registered_model_alias(name, CHAMPION, version.version)
    challenger = aliased(client, name, CHALLENGER)
    if challenger is not None and challenger.version == version.version:
        client.delete_registered_model_alias(name, CHALLENGER)
    return version


def _event(
    judged: gate.Decision, key: str, rival: str, holder: "ModelVersion | None", after: "ModelVersion | None"
) -> ledger.Event:
    before, now = (None if each is None else str(each.version) for each in (holder, after))
    return ledger.Event(
        what=judged.verdict,
        experiment=judged.candidate,
        key=key,
        before=before,
        after=now,
        reasons=judged.reasons,
        rival=rival,
        test_digest=judged.test_digest,
        difference=judged.difference,
        p_value=judged.p_value,
        level=judged.level,
    )


def _withdrawn(gone: ledger.Event) -> str:
    why = " ".join(gone.reasons)
    return (
        f"Version {gone.before}, of the same results, was rolled back on {gone.at[:10]} by {gone.who} ({why}); "
        "`stemma promote --again` judges it anew."
    )


def _outcome(
    candidate: gate.Candidate, name: str, verdict: str, reasons: list[str], holder: "ModelVersion | None"
) -> Outcome:
    now = (None, None) if holder is None else (holder.tags["experiment"], str(holder.version))
    return Outcome(candidate.slot, name, candidate.experiment, verdict, reasons, *now)


def _published(client: "MlflowClient", runs: RunFiles, row: Mapping[str, Any]) -> "Run":
    """The candidate's run in the store."""
    into = experiment_id(client, label(row))
    for run in runs_of(client, into, f"tags.key = '{describe.key(runs)}' and tags.kind = 'aggregate'"):
        if run.info.status == "FINISHED":
            return run
    raise StemmaError(f"experiment '{runs.experiment}': its present run files are not published; run `stemma publish`")
