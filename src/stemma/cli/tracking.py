"""Commands about MLflow: publish, predict, ui."""

import json
import os
import socket
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from stemma.errors import StemmaError

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Params = Annotated[Path, typer.Option("--params", help="The parameter file.")]
Reports = Annotated[Path, typer.Option("--reports", help="Folder of comparison.json and decision.json.")]
Port = Annotated[int, typer.Option(min=1, max=65535, help="Port of the UI.")]

PARAMS, REPORTS, PORT = Path("params.yaml"), Path("reports"), 5000


def register(app: typer.Typer) -> None:
    for command in (publish, predict, ui):
        app.command()(command)


def publish(params: Params = PARAMS, reports: Reports = REPORTS) -> None:
    """Bring the MLflow store to the state of the run files; what is there already is left alone."""
    from stemma import config
    from stemma.serving.package import log_model
    from stemma.tracking import tracking_uri
    from stemma.tracking.publish import publish as bring

    experiments, comparison = config.load(params).trained, report(reports / "comparison.json")
    done = bring(experiments, comparison, log_model)
    counts = f"{len(done.added)} added, {len(done.unchanged)} were there already"
    print(f"published to {tracking_uri()}: {counts}")
    _print_links(PORT)


def predict(
    slot: Annotated[str, typer.Argument(help="A dataset slot of params.yaml.")],
    inputs: Annotated[
        list[str],
        typer.Argument(metavar="INPUT...", help="Image files; texts or .txt files (also @FILE); tables as CSV files."),
    ],
    params: Params = PARAMS,
    as_json: Json = False,
) -> None:
    """Ask the champion of a slot: label, probability and the three most probable classes of each input, or a value."""
    from stemma import config, registry
    from stemma.data.catalog import provenance

    chosen = config.load(params).slot(slot)
    entry, source = provenance(chosen.use, chosen.test)
    version = registry.champion(entry.name, source)
    names, table = _ask(f"models:/{version.name}/{version.version}", entry.kind, inputs)
    rows = [_answer(name, row) for name, row in zip(names, table.to_dict("records"), strict=True)]
    if as_json:
        answer = {"model": version.name, "version": str(version.version), "predictions": rows}
        print(json.dumps(answer, indent=1))
        return
    for row in rows:
        if "value" in row:
            print(f"{row['input']}: {row['value']:.6g}")
            continue
        others = ", ".join(f"{name} {probability:.1%}" for name, probability in row["top"].items())
        print(f"{row['input']}: {row['label']} ({row['probability']:.1%}); {others}")


def ui(port: Port = PORT) -> None:
    """Show the MLflow UI on 127.0.0.1 until it is interrupted; prints the links to start from."""
    from stemma.tracking import links, orphans, store

    uri = store.tracking_uri()
    orphans.close(store.connect())
    if store.is_server(uri):
        _print_links(port)
        print(f"MLFLOW_TRACKING_URI is a server, which has the UI itself: {uri}")
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


def _text(value: str) -> str:
    """The text itself, or the content of the file that `@FILE` or an existing .txt path names."""
    path = Path(value.removeprefix("@"))
    if not value.startswith("@") and (path.suffix != ".txt" or not path.is_file()):
        return value
    if not path.is_file():
        raise StemmaError(f"{path}: no such file")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise StemmaError(f"{path}: not UTF-8 text (byte {error.start})") from None


def _ask(uri: str, kind: str, inputs: list[str]) -> tuple[list[str], Any]:
    """Names of the examples in texts, image files or CSV files, and the table of what the model at `uri` answers."""
    import mlflow

    model = mlflow.pyfunc.load_model(uri)
    if kind == "text":
        return inputs, _predict(model, [_text(value) for value in inputs])
    if kind == "table":
        names, table = _table(inputs)
        return names, _predict(model, table)

    from stemma.data.image import to_array

    about = model.metadata.metadata
    return inputs, _predict(model, to_array(inputs, about["shape"], about["resize"]))


def _table(paths: list[str]) -> tuple[list[str], Any]:
    """The rows of CSV files, one after the other, and where each stands: `FILE:1` is the first below the head."""
    import pandas as pd

    try:
        tables = [pd.read_csv(path) for path in paths]
    except (OSError, ValueError) as error:
        raise StemmaError(f"{', '.join(paths)}: not readable as CSV ({error})") from None
    names = [f"{path}:{n + 1}" for path, table in zip(paths, tables, strict=True) for n in range(len(table))]
    return names, pd.concat(tables, ignore_index=True)


def _predict(model: Any, raw: Any) -> Any:
    from mlflow.exceptions import MlflowException

    try:
        return model.predict(raw)
    except MlflowException as error:
        raise StemmaError(error.message) from None


def _answer(name: str, row: dict[str, Any]) -> dict[str, Any]:
    if "value" in row:
        return {"input": name, "value": row["value"]}
    classes = {key.removeprefix("p_"): value for key, value in row.items() if key.startswith("p_")}
    top = dict(sorted(classes.items(), key=lambda item: -item[1])[:3])
    return {"input": name, "label": row["label"], "probability": row["probability"], "top": top}
