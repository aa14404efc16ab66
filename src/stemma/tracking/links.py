"""Addresses in the MLflow UI. A fresh browser opens in another mode: links name the one that shows runs."""

from typing import TYPE_CHECKING

from stemma.errors import without_credentials
from stemma.tracking.store import is_server, tracking_uri

if TYPE_CHECKING:
    from mlflow import MlflowClient

HOST, PORT = "127.0.0.1", 5000
MODE = "workflowType=machine_learning"


def base(port: int = PORT) -> str:
    """Where the UI answers: the tracking server itself, or the one that `stemma ui` starts."""
    uri = without_credentials(tracking_uri())
    return uri.rstrip("/") if is_server(uri) else f"http://{HOST}:{port}"


def view(experiment_id: str, key: str) -> str:
    """Link to a saved view, relative to the UI's address."""
    mode = "&compareRunsMode=CHART" if key != "leaderboard" else ""
    return f"#/experiments/{experiment_id}/runs?{MODE}&viewStateShareKey={key}{mode}"


def run(experiment_id: str, run_id: str, port: int = PORT) -> str:
    """Address of a run's page."""
    return f"{base(port)}/#/experiments/{experiment_id}/runs/{run_id}?{MODE}"


def start_links(client: "MlflowClient", port: int = PORT) -> dict[str, str]:
    """Link to the leaderboard of every published `dataset@source`, by that name."""
    published = client.search_experiments(filter_string="tags.`stemma.kind` = 'dataset'")
    return {
        e.name: f"{base(port)}/{view(e.experiment_id, 'leaderboard')}" for e in sorted(published, key=lambda e: e.name)
    }
