"""Which tracking store is used, how it is opened, and the few questions that are asked of it."""

import fcntl
import hashlib
import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stemma.errors import StemmaError, without_credentials

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

DATABASE, ARTIFACTS, SQLITE = "mlflow.db", "mlartifacts", "sqlite:///"
DEFAULTS = {
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
"""Settings that hold unless the user sets others; MLflow's own retry for minutes at a server that is down."""
QUIET = ("alembic", "mlflow.store.db.utils", "mlflow.pyfunc", "mlflow.tracking.fluent", "mlflow.store.model_registry")


def tracking_uri() -> str:
    """MLFLOW_TRACKING_URI, or the database in the project, the working directory, by its absolute path."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"{SQLITE}{Path.cwd() / DATABASE}"


def is_server(uri: str) -> bool:
    return uri.startswith(("http://", "https://"))


def connect() -> "MlflowClient":
    """A client of the store, which is created where it is a database that is not there yet.

    Raises:
        StemmaError: the store cannot be reached or opened.
    """
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    import mlflow

    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    uri = tracking_uri()
    with reaching("cannot be reached"):
        mlflow.set_tracking_uri(uri)
        mlflow.set_registry_uri(uri)
        with nullcontext() if is_server(uri) else locked("create"):
            if uri.startswith(SQLITE):
                _make(Path(uri.removeprefix(SQLITE)))
            client = mlflow.MlflowClient(uri, uri)
            client.search_experiments(max_results=1)
    return client


def _make(database: Path) -> None:
    """Make the database, if it is not there, beside its place: one killed half-way is never taken for whole."""
    from mlflow import MlflowClient

    if not database.exists():
        begun = database.with_name(f"{database.name}.begun")
        begun.unlink(missing_ok=True)
        MlflowClient(f"{SQLITE}{begun}", f"{SQLITE}{begun}").search_experiments(max_results=1)
        begun.replace(database)


@contextmanager
def reaching(failure: str) -> Iterator[None]:
    """What the store refuses in the block, or that it is gone, becomes a `StemmaError` that says `failure`."""
    from mlflow import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, SQLAlchemyError, OSError) as error:
        raise StemmaError(f"MLflow store {tracking_uri()}: {failure} ({first_line(error)})") from None


@contextmanager
def locked(purpose: str) -> Iterator[None]:
    """Alone among the processes that do the same (`purpose`) with the SQLite database, such as its creation.

    With another store it is alone among those of the project.
    """
    uri = tracking_uri()
    path = Path(uri.removeprefix(SQLITE) if uri.startswith(SQLITE) else f"logs/{DATABASE}")
    path.parent.mkdir(parents=True, exist_ok=True)
    with Path(f"{path}.{purpose}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def experiment_id(client: "MlflowClient", label: str) -> str:
    """Id of the MLflow experiment named `label` (`dataset@source`); made, or restored if it was deleted."""
    from mlflow import MlflowException

    found = client.get_experiment_by_name(label)
    if found is None:
        try:
            return client.create_experiment(label, artifact_location=_artifacts(label))
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            return experiment_id(client, label)
    if found.lifecycle_stage != "active":
        client.restore_experiment(found.experiment_id)
    return found.experiment_id


def runs_of(client: "MlflowClient", experiment: str, filter_string: str) -> list[Any]:
    """All active runs of an MLflow experiment that pass the filter, the newest first."""
    found: list[Any] = []
    token = None
    while True:
        page = client.search_runs([experiment], filter_string, max_results=1000, page_token=token)
        found, token = found + list(page), page.token
        if not token:
            return found


def children_of(client: "MlflowClient", run: "Run") -> list[Any]:
    """The runs of an experiment's seeds."""
    return runs_of(client, run.info.experiment_id, f"tags.`mlflow.parentRunId` = '{run.info.run_id}'")


def _artifacts(label: str) -> str | None:
    """Folder of an experiment's artifacts; None leaves it to the server."""
    if is_server(tracking_uri()):
        return None
    return (artifacts_root() / safe_name(*label.split("@", 1))).as_uri()


def artifacts_root() -> Path:
    """Folder of all artifacts: beside an SQLite database, else in the project."""
    uri = tracking_uri()
    beside = Path(uri.removeprefix(SQLITE)).absolute().parent if uri.startswith(SQLITE) else Path.cwd()
    return beside / ARTIFACTS


def safe_name(dataset: str, source: str) -> str:
    """`mnist-sample`: a dataset and its source where `@` and `/` have a meaning of their own.

    A source that is a path or an address becomes its last part and eight digits of its digest.
    """
    if re.fullmatch(r"[\w.-]+", source):
        return f"{dataset}-{source}"
    last = re.sub(r"[^a-zA-Z0-9]+", "-", source.rstrip("/").rpartition("/")[2]).strip("-").lower()[:24]
    return "-".join(filter(None, [dataset, last, hashlib.sha256(source.encode()).hexdigest()[:8]]))


def first_line(error: Exception) -> str:
    return without_credentials((str(error) or repr(error)).splitlines()[0])[:300]
