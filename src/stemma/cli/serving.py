"""Commands about published models: predict, serve, export."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from stemma.errors import StemmaError

LARGEST_FILE = 200_000_000
"""Bytes of a text or a CSV file."""
SHOWN = 8
"""Numbers of a list."""

Name = Annotated[
    str,
    typer.Argument(
        metavar="SLOT", help="A dataset slot (its champion), an experiment (its best seed), NAME@ALIAS or NAME/VERSION."
    ),
]
Params = Annotated[Path, typer.Option("--params", help="The parameter file.")]
PARAMS = Path("params.yaml")


def register(app: typer.Typer) -> None:
    for command in (predict, serve, export):
        app.command()(command)


def predict(
    slot: Name,
    inputs: Annotated[
        list[str],
        typer.Argument(metavar="INPUT...", help="Image files; texts or .txt files (also @FILE); tables as CSV files."),
    ],
    params: Params = PARAMS,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Ask a published model: label, probability and the three most probable classes of each input, or a value."""
    from stemma import served

    published = served.find(slot, params)
    model = served.load(published)
    rows = [_answer(name, row) for name, row in _ask(model, inputs)]
    if as_json:
        answer = {"model": published.model, "version": published.version, "predictions": rows}
        print(json.dumps(answer, indent=1))
        return
    for row in rows:
        print(f"{row.pop('input')}: {_told(row)}")


def serve(
    slot: Name,
    params: Params = PARAMS,
    host: Annotated[str, typer.Option(help="Address to listen at; anyone who reaches it may ask.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free.")] = 5002,
    megabytes: Annotated[int, typer.Option("--max-megabytes", min=1, help="Largest body of a request.")] = 8,
    examples: Annotated[int, typer.Option("--max-examples", min=1, help="Largest batch of a request.")] = 4096,
) -> None:
    """Serve a published model over HTTP by MLflow's scoring server, until SIGTERM or Ctrl-C."""
    from stemma import served
    from stemma.serving import server

    published = served.find(slot, params)
    app = server.app(served.load(published), megabytes << 20, examples)
    listening = server.listen(host, port)
    print(
        f"{published.title}: http://{host}:{listening.getsockname()[1]}/invocations (also /ping, /version)", flush=True
    )
    server.run(app, listening)


def export(
    slot: Name,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it; ends in .onnx.")],
    params: Params = PARAMS,
) -> None:
    """Write a published network as an ONNX file, after checking its answers there; docs/serving.md tells its inputs."""
    from stemma import served
    from stemma.serving import onnx

    if file.suffix != ".onnx":
        raise StemmaError(f"{file}: expected a name that ends in .onnx")
    published = served.find(slot, params)
    with served.fetched(published) as folder:
        difference = onnx.export(folder / "artifacts/model", file)
    print(f"{published.title}: {file}, {file.stat().st_size:,} bytes; its answers differ by at most {difference:.1e}")


def _ask(model: Any, inputs: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """What the model answers to texts, image files or CSV files, a row with its name each.

    Raises:
        StemmaError: an input cannot be read, or is none of the model's; naming it.
    """
    about = model.metadata.metadata
    if about["kind"] == "table":
        for path in inputs:
            answers = _predict(model, _table(path), f"{path}: ")
            yield from ((f"{path}:{n + 1}", row) for n, row in enumerate(answers))
    elif about["kind"] == "text":
        yield from zip(inputs, _predict(model, [_text(value) for value in inputs]), strict=True)
    else:
        from stemma.data.image import to_array

        pixels = to_array([Path(path) for path in inputs], about["shape"], about["resize"])
        yield from zip(inputs, _predict(model, pixels), strict=True)


def _text(value: str) -> str:
    """The text itself, or the content of the file that `@FILE` or a name that ends in .txt means."""
    if os.path.isdir(value):  # noqa: PTH112 a text may be longer than a path
        raise StemmaError(f"{value}: a folder; expected a text, a .txt file or @FILE")
    if not value.startswith("@") and not value.endswith(".txt"):
        return value
    path = _file(value.removeprefix("@"))
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise StemmaError(f"{path}: not UTF-8 text (byte {error.start})") from None


def _table(name: str) -> Any:
    import pandas as pd

    path = _file(name)
    try:
        return pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise StemmaError(f"{path}: not readable as CSV ({str(error).strip()})") from None


def _file(name: str) -> Path:
    path = Path(name)
    if not path.is_file():
        raise StemmaError(f"{path}: {'a folder; expected a file' if path.is_dir() else 'no such file'}")
    if path.stat().st_size > LARGEST_FILE:
        raise StemmaError(f"{path}: {path.stat().st_size:,} bytes, more than {LARGEST_FILE:,}")
    return path


def _predict(model: Any, raw: Any, where: str = "") -> list[dict[str, Any]]:
    from mlflow.exceptions import MlflowException

    try:
        return list(model.unwrap_python_model().predict(None, raw).to_dict("records"))
    except MlflowException as error:
        raise StemmaError(f"{where}{error.message}") from None


def _answer(name: str, row: dict[str, Any]) -> dict[str, Any]:
    if "label" not in row:
        return {"input": name, **row}
    classes = {key.removeprefix("p_"): value for key, value in row.items() if key.startswith("p_")}
    top = dict(sorted(classes.items(), key=lambda item: -item[1])[:3])
    return {"input": name, "label": row["label"], "probability": row["probability"], "top": top}


def _told(row: dict[str, Any]) -> str:
    """An answer in words: a class and its rivals, a number, or the beginning of a list."""
    if "label" in row:
        others = ", ".join(f"{name} {probability:.1%}" for name, probability in row["top"].items())
        return f"{row['label']} ({row['probability']:.1%}); {others}"
    ((name, value),) = row.items()
    if not isinstance(value, list):
        return f"{value:.6g}"
    beginning = " ".join(f"{number:.4g}" for number in value[:SHOWN])
    return f"{name} of {len(value)} numbers: {beginning} ... (all: --json)"
