"""`stemma data`: what datasets there are, and which one a slot of params.yaml uses."""

import json
import tempfile
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

import typer

from stemma.cli.edit import rewritten
from stemma.data import catalog
from stemma.data.catalog import options
from stemma.errors import StemmaError, unknown
from stemma.files import write_text

app = typer.Typer(help="The datasets, and which one a slot uses.", no_args_is_help=True)
CLASSES = {"classify": "classes:", "label": "tags:"}
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


@app.command("list")
def list_(as_json: Json = False) -> None:
    """Every dataset of the catalogue and its sources."""
    rows: list[dict[str, Any]] = [
        {
            "name": e.name,
            "kind": e.kind,
            "task": e.task,
            "title": e.title,
            "sources": list(e.sources),
            "path": bool(e.path_reader),
        }
        for e in catalog.CATALOG.values()
    ]
    if as_json:
        typer.echo(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    for kind, group in groupby(rows, key=lambda row: row["kind"]):
        typer.echo(f"{kind}")
        for row in group:
            sources = ", ".join([*row["sources"], *(["PATH", "URL"] if row["path"] else [])])
            typer.echo(f"  {row['name']:<16} {row['task']:<10} {row['title']}\n{'':<30}{sources}")


@app.command()
def show(name: Annotated[str, typer.Argument(help="a dataset of the catalogue")], as_json: Json = False) -> None:
    """One dataset: sources with addresses and digests, classes, licence, citation."""
    if name not in catalog.CATALOG:
        raise unknown("dataset", name, catalog.CATALOG)
    entry = catalog.CATALOG[name]
    typer.echo(json.dumps(asdict(entry), indent=1, ensure_ascii=False) if as_json else "\n".join(_lines(entry)))


def _lines(entry: catalog.DatasetEntry) -> list[str]:
    """The entry for people."""
    lines = [f"{entry.name} ({entry.kind}, {entry.task}): {entry.title}"]
    if entry.task in ("classify", "label"):
        lines.append(f"{CLASSES[entry.task]:<10}{', '.join(entry.classes) if entry.classes else 'from the data'}")
    lines += [f"licence:  {entry.licence}", *([f"citation: {entry.citation}"] if entry.citation else [])]
    lines += [f"note:     {entry.note}"] if entry.note else []
    for name, source in entry.sources.items():
        counts = ", ".join(f"{n:,} {part}" for part, n in source.counts.items())
        lines.append(f"{entry.name}@{name}: {'; '.join(filter(None, [counts, source.note, _drawn(source)]))}")
        for file in source.files:
            size = f"{file.bytes:,} bytes" if file.bytes else "size unknown"
            lines.append(f"  {file.name}, {size}, SHA-256 {file.sha256 or 'not known'}")
            lines += [f"    {place}" for place in ([f"{file.package}: {file.member}"] if file.package else file.urls)]
    if entry.path_reader:
        lines.append(f"{entry.name}@PATH or @URL: read as {entry.path_reader}{_options(entry.path_reader)}")
    return lines


def _options(reader: str) -> str:
    """The keys of a slot that the reader heeds."""
    roles = options.ROLES.get(reader, ())
    taken = [
        *(["encoding"] if reader in options.ENCODED else []),
        *([f"columns ({', '.join(roles)})"] if roles else []),
    ]
    return f"; takes {' and '.join(taken)}" if taken else ""


def _drawn(source: catalog.Source) -> str:
    """What a generating reader is told."""
    said = ", ".join(f"{key} {value}" for key, value in source.options.items())
    return "" if source.files else f"generated: {said}"


@app.command()
def use(
    slot: Annotated[str, typer.Argument(help="a slot of params.yaml, for example grey")],
    dataset: Annotated[str, typer.Argument(metavar="DATASET@SOURCE", help="for example mnist@canonical")],
    test: Annotated[str | None, typer.Option(help="a separate DATASET@SOURCE for the test split")] = None,
    params: Annotated[Path, typer.Option(help="the file to change")] = Path("params.yaml"),
) -> None:
    """Rewrite the entry of SLOT, comments kept. Run it again when the content of a path has changed."""
    from stemma import config

    values = {"use": dataset, "digest": _digest(dataset), "test": test, "test_digest": _digest(test)}
    text = rewritten(params, slot, values)
    with tempfile.TemporaryDirectory() as folder:
        trial = Path(folder) / params.name
        trial.write_text(text, encoding="utf-8")
        try:
            config.load(trial)
        except StemmaError as error:
            raise StemmaError(f"not changed: {str(error).replace(str(trial), str(params))}") from None
    write_text(params, text)
    typer.echo(f"{params}: {slot} uses {dataset}" + (f", tested on {test}" if test else ""))


def _digest(name: str | None) -> str | None:
    """The digest of a path source's content; None for other sources."""
    from stemma.data.folder import content_digest

    if name is None:
        return None
    entry, source = catalog.parse(name)
    if source in entry.sources or catalog.is_url(source):
        return None
    return content_digest(Path(source).expanduser())
