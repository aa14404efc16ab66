"""Registered versions: finding one by its name or alias, making one from a published run, its stored predictions."""

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from stemma import gate
from stemma.errors import StemmaError, unknown
from stemma.runs import RunFiles
from stemma.tracking.store import connect, first_line, runs_of, safe_name

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run
    from mlflow.entities.model_registry import ModelVersion

ALIASES = CHAMPION, CHALLENGER, PREVIOUS = "champion", "challenger", "previous"
KEPT = ("experiment", "family", "architecture", "dataset", "source", "data_digest", "best_seed", "model_id", "key")
"""Tags of a run that its version has too."""


def champion(dataset: str, source: str) -> "ModelVersion":
    """The registered version that holds the alias `champion` for a dataset and source.

    Raises:
        StemmaError: there is none, or the store cannot be reached.
    """
    found = aliased(connect(), safe_name(dataset, source), CHAMPION)
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
    found = numbered(client, name, number) if number else aliased(client, name, alias)
    if found is None:
        raise StemmaError(f"'{model}': no such alias or version; {known(client, name)}")
    run = client.get_run(found.tags["run_id"])
    seeds = f"tags.`mlflow.parentRunId` = '{run.info.run_id}' and tags.seed = '{found.tags['best_seed']}'"
    best = next(iter(runs_of(client, run.info.experiment_id, seeds)), run)
    return found, {**run.data.params, **best.data.params, "git_revision": run.data.tags.get("git_revision", "")}


def aliased(client: "MlflowClient", name: str, alias: str) -> "ModelVersion | None":
    """The version behind an alias; by search, since a missing one raises differently here and over HTTP."""
    for model in client.search_registered_models(filter_string=f"name = '{name}'"):
        if alias in model.aliases:
            return client.get_model_version(name, model.aliases[alias])
    return None


def numbered(client: "MlflowClient", name: str, number: str) -> "ModelVersion | None":
    """The version of that number; a search leaves out its aliases."""
    there = any(str(each.version) == number for each in versions(client, name))
    return client.get_model_version(name, number) if there else None


def versions(client: "MlflowClient", name: str) -> list["ModelVersion"]:
    """All versions of a registered model, the first one first."""
    return sorted(client.search_model_versions(f"name = '{name}'"), key=lambda each: int(each.version))


def known(client: "MlflowClient", name: str) -> str:
    """What versions there are, for an error."""
    return f"versions of {name}: {', '.join(str(each.version) for each in versions(client, name)) or 'none'}"


def ensure_model(client: "MlflowClient", dataset: str, source: str) -> str:
    """Name of the registered model of a dataset and source, which is made where there is none."""
    name = safe_name(dataset, source)
    if not client.search_registered_models(filter_string=f"name = '{name}'"):
        tags = {"dataset": dataset, "source": source}
        client.create_registered_model(name, tags, f"Champions on {dataset}@{source}.")
    return name


def register(client: "MlflowClient", name: str, run: "Run", card: str) -> "ModelVersion":
    """The version made from the results of `run`, an earlier one or a new one, with `card` as its description."""
    key = run.data.tags["key"]
    for model in versions(client, name):
        if model.tags.get("key") == key:
            if model.description != card:
                client.update_model_version(name, model.version, card)
            return client.get_model_version(name, model.version)
    tags = {each: run.data.tags[each] for each in KEPT} | {"run_id": run.info.run_id}
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


def check_loadable(client: "MlflowClient", holder: "ModelVersion") -> None:
    """Raises StemmaError if the files of a version's model are gone."""
    from mlflow.exceptions import MlflowException

    try:
        there = {each.path for each in client.list_logged_model_artifacts(holder.tags["model_id"])}
    except (MlflowException, OSError) as error:
        raise StemmaError(
            f"model '{holder.name}' version {holder.version}: not readable ({first_line(error)})"
        ) from None
    if "MLmodel" not in there:
        raise StemmaError(f"model '{holder.name}' version {holder.version}: its files are gone from the store")


def predictions(client: "MlflowClient", holder: "ModelVersion") -> gate.Predictions:
    """The test predictions that were published with a version.

    Raises:
        StemmaError: they are gone, or another program registered the version.
    """
    from mlflow.exceptions import MlflowException

    if not holder.tags.keys() >= {"experiment", "run_id", "best_seed", "key"}:
        raise StemmaError(
            f"model '{holder.name}' version {holder.version}: not registered by Stemma, its predictions are not known"
        )
    experiment, run, seed = (holder.tags[name] for name in ("experiment", "run_id", "best_seed"))
    with tempfile.TemporaryDirectory() as folder:
        try:
            root = client.download_artifacts(run, "runs", folder)
        except (MlflowException, OSError) as error:
            raise StemmaError(
                f"model '{holder.name}' version {holder.version}: its stored predictions cannot be read "
                f"({first_line(error)})"
            ) from None
        return gate.of_run(RunFiles(experiment, Path(root)), int(seed))
