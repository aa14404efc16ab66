"""The model registry: one registered model a dataset and source, whose alias `champion` the gate hands on."""

import json
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stemma import gate
from stemma.errors import StemmaError, unknown
from stemma.runs import ROOT, RunFiles
from stemma.scores import scoring
from stemma.tracking import describe
from stemma.tracking.store import connect, experiment_id, first_line, locked, runs_of, safe_name
from stemma.tracking.tasks import TOLD, label

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run
    from mlflow.entities.model_registry import ModelVersion

CHAMPION, PREVIOUS = "champion", "previous"


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


def promote(
    decision: Mapping[str, Any], comparison: Mapping[str, Any], licences: Mapping[str, str], root: Path = ROOT
) -> list[Outcome]:
    """Bring the aliases to the state that the decision and the present champions call for.

    A candidate that is the champion already, by the digest of its run files, changes nothing.

    Args:
        decision: content of `reports/decision.json`: the rules, and a candidate a slot.
        comparison: content of `reports/comparison.json`, for the model cards.
        licences: what is known of the data's licence, by dataset.

    Raises:
        StemmaError: a candidate is not published, or the champion's stored predictions are gone.
    """
    rules, client = gate.Rules(**decision["rules"]), connect()
    with locked("promote"):
        return [
            _promote(client, RunFiles(entry["candidate"], root), rules, comparison, licences)
            for _, entry in sorted(decision["slots"].items())
        ]


def champion(dataset: str, source: str) -> "ModelVersion":
    """The registered version that holds the alias `champion` for a dataset and source.

    Raises:
        StemmaError: there is none, or the store cannot be reached.
    """
    found = _aliased(connect(), safe_name(dataset, source), CHAMPION)
    if found is None:
        raise StemmaError(f"{dataset}@{source}: no champion yet; run `stemma publish` and `stemma promote`")
    return found


def version(model: str) -> tuple["ModelVersion", dict[str, str]]:
    """The version that NAME (its champion), NAME@ALIAS or NAME/VERSION means, and the parameters of its seed's run.

    Raises:
        StemmaError: there is none of that name, alias or version, or the store cannot be reached.
    """
    client, wanted = connect(), model.removeprefix("models:/")
    (name, _, number), alias = wanted.partition("@")[0].partition("/"), wanted.partition("@")[2] or CHAMPION
    names = [each.name for each in client.search_registered_models()]
    if name not in names:
        raise unknown("registered model", name, names)
    numbers = sorted(str(each.version) for each in client.search_model_versions(f"name = '{name}'"))
    known = client.get_model_version(name, number) if number in numbers else None
    found = known if number else _aliased(client, name, alias)
    if found is None:
        raise StemmaError(f"'{model}': no such alias or version; versions of {name}: {', '.join(numbers)}")
    run = client.get_run(found.tags["run_id"])
    seeds = f"tags.`mlflow.parentRunId` = '{run.info.run_id}' and tags.seed = '{found.tags['best_seed']}'"
    best = next(iter(runs_of(client, run.info.experiment_id, seeds)), run)
    return found, {**run.data.params, **best.data.params, "git_revision": run.data.tags.get("git_revision", "")}


def _promote(
    client: "MlflowClient",
    runs: RunFiles,
    rules: gate.Rules,
    comparison: Mapping[str, Any],
    licences: Mapping[str, str],
) -> Outcome:
    candidate = gate.candidates([runs.experiment], runs.folder.parent)[0]
    row = next(row for row in comparison["rows"] if row["experiment"] == runs.experiment)
    name, key = safe_name(candidate.dataset, candidate.source), describe.key(runs)
    holder = _aliased(client, name, CHAMPION)
    if holder is not None and holder.tags["key"] == key:
        reasons = ["The candidate is the champion already."]
        return _outcome(candidate, name, "same", reasons, holder)
    judged = gate.decide(candidate, None if holder is None else _predictions(client, holder), rules)
    if judged.verdict == "promote":
        if holder is not None:
            client.set_registered_model_alias(name, PREVIOUS, holder.version)
        card = _card(row, judged, licences, comparison["confidence"])
        holder = _version(client, name, key, _published(client, runs, row, key), card)
        client.set_registered_model_alias(name, CHAMPION, holder.version)
    return _outcome(candidate, name, judged.verdict, judged.reasons, holder)


def _outcome(
    candidate: gate.Candidate, name: str, verdict: str, reasons: list[str], holder: "ModelVersion | None"
) -> Outcome:
    now = (None, None) if holder is None else (holder.tags["experiment"], str(holder.version))
    return Outcome(candidate.slot, name, candidate.experiment, verdict, reasons, *now)


def _aliased(client: "MlflowClient", name: str, alias: str) -> "ModelVersion | None":
    """The version behind an alias; by search, since a missing one raises differently here and over HTTP."""
    for model in client.search_registered_models(filter_string=f"name = '{name}'"):
        if alias in model.aliases:
            return client.get_model_version(name, model.aliases[alias])
    return None


def _published(client: "MlflowClient", runs: RunFiles, row: Mapping[str, Any], key: str) -> "Run":
    """The candidate's run in the store."""
    into = experiment_id(client, label(row))
    for run in runs_of(client, into, f"tags.key = '{key}' and tags.kind = 'aggregate'"):
        if run.info.status == "FINISHED":
            return run
    raise StemmaError(f"experiment '{runs.experiment}': its present run files are not published; run `stemma publish`")


def _version(client: "MlflowClient", name: str, key: str, run: "Run", card: str) -> "ModelVersion":
    """The version made from these results: an earlier one, such as after a rollback, or a new one."""
    for model in client.search_model_versions(f"name = '{name}'"):
        if model.tags.get("key") == key:
            return model
    if not client.search_registered_models(filter_string=f"name = '{name}'"):
        tags = {each: run.data.tags[each] for each in ("dataset", "source")}
        client.create_registered_model(name, tags, f"Champions on {tags['dataset']}@{tags['source']}.")
    kept = (
        "experiment",
        "family",
        "architecture",
        "dataset",
        "source",
        "data_digest",
        "best_seed",
        "model_id",
        "key",
    )
    tags = {each: run.data.tags[each] for each in kept} | {"run_id": run.info.run_id}
    made = client.create_model_version(
        name,
        source=f"models:/{tags['model_id']}",
        run_id=run.info.run_id,
        tags=tags,
        description=card,
        model_id=tags["model_id"],
    )
    shown = json.dumps([{"name": name, "version": str(made.version)}])
    client.set_logged_model_tags(tags["model_id"], {"mlflow.modelVersions": shown})
    return client.get_model_version(name, made.version)


def _predictions(client: "MlflowClient", holder: "ModelVersion") -> gate.Predictions:
    """The test predictions that were published with the champion."""
    from mlflow.exceptions import MlflowException

    experiment, run, seed = (holder.tags[name] for name in ("experiment", "run_id", "best_seed"))
    with tempfile.TemporaryDirectory() as folder:
        try:
            root = client.download_artifacts(run, "runs", folder)
        except (MlflowException, OSError) as error:
            raise StemmaError(
                f"model '{holder.name}' version {holder.version}: its stored predictions cannot be read "
                f"({first_line(error)})"
            ) from None
        runs = RunFiles(experiment, Path(root))
        return gate.Predictions(runs.read("train/summary.json")["test_digest"], *runs.predictions(int(seed)))


def _card(row: Mapping[str, Any], decision: gate.Decision, licences: Mapping[str, str], confidence: float) -> str:
    """The model card, in Markdown that the registry's narrow column can show."""
    label, licence = f"{row['dataset']}@{row['source']}", licences.get(row["dataset"], "not known")
    return "\n\n".join(
        [
            describe.sentence(row),
            f"**What.** {row['architecture']}, family {row['family']}, {row['parameters']:,} parameters, "
            f"{row['model_bytes']:,} bytes: seed {decision.seed} of `{row['experiment']}`, the best "
            f"on validation. It takes raw input and answers with {TOLD[row['task']].answer}.",
            f"**Data.** {label}, digest `{row['digest'][:12]}`. Licence: {licence}.",
            f"**Results on the test split**, mean over the seeds and {confidence:.0%} interval:",
            "\n".join(_scores(row)),
            f"**Why it was promoted.** {' '.join(decision.reasons)}",
        ]
    )


def _scores(row: Mapping[str, Any]) -> Iterable[str]:
    for name, score in scoring(row["task"]).scores.items():
        mean, lo, hi = (row[name][end] for end in ("mean", "lo", "hi"))
        interval = "" if lo is None else f" [{lo:.4f}, {hi:.4f}]"
        yield f"- {score.noun}: {mean:.4f}{interval}"
