"""Commands about MLflow: publish, ui."""

import os
import socket
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from stemma.errors import StemmaError, without_credentials

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Params = Annotated[Path, typer.Option("--params", help="The parameter file.")]
Reports = Annotated[Path, typer.Option("--reports", help="Folder of comparison.json and decision.json.")]
Port = Annotated[int, typer.Option(min=1, max=65535, help="Port of the UI.")]

PARAMS, REPORTS, PORT = Path("params.yaml"), Path("reports"), 5000


def register(app: typer.Typer) -> None:
    for command in (publish, ui):
        app.command()(command)


def publish(params: Params = PARAMS, reports: Reports = REPORTS) -> None:
    """Bring the MLflow store to the state of the run files; what is there already is left alone."""
    from stemma import config
    from stemma.serving.package import log_model
    from stemma.sweeps.record import all_sweeps
    from stemma.tracking import tracking_uri
    from stemma.tracking.publish import publish as bring
    from stemma.tracking.sweeps import publish as publish_sweep

    experiments, comparison = config.load(params).trained, report(reports / "comparison.json")
    done = bring(experiments, comparison, log_model)
    for files in all_sweeps():
        if files.trials():
            publish_sweep(files)
    counts = f"{len(done.added)} added, {len(done.unchanged)} were there already"
    print(f"published to {without_credentials(tracking_uri())}: {counts}")
    _print_links(PORT)


def ui(port: Port = PORT) -> None:
    """Show the MLflow UI on 127.0.0.1 until it is interrupted; prints the links to start from."""
    from stemma.tracking import links, orphans, store

    uri = store.tracking_uri()
    orphans.close(store.connect())
    if store.is_server(uri):
        _print_links(port)
        print(f"MLFLOW_TRACKING_URI is a server, which has the UI itself: {without_credentials(uri)}")
        return
    _check_free(links.HOST, port)
    _print_links(port)
    settings = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri]
    command += ["--artifacts-destination", str(store.artifacts_root()), "--workers", "1"]
    command += ["--host", links.HOST, "--port", str(port)]
    sys.stdout.flush()
    os.execve(sys.executable, command, {**os.environ, **settings})  # noqa: S606


def _check_free(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise StemmaError(
                f"port {port} of {host}: cannot be used ({error.strerror}); choose another by --port"
            ) from None


def _print_links(port: int) -> None:
    from stemma import tracking
    from stemma.tracking.store import connect, is_server

    links = tracking.start_links(connect(), port)
    if links:
        how = "" if is_server(tracking.tracking_uri()) else " (`stemma ui` or `make ui` starts it)"
        print(f"Compare in the MLflow UI{how}:")
    for label, link in links.items():
        print(f"  {label}: {link}")


def report(path: Path) -> Any:
    from stemma.files import read_json

    if not path.is_file():
        raise StemmaError(f"{path}: missing; run `dvc repro`")
    return read_json(path)
