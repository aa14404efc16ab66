"""The ranking on the terminal, from the comparison that the pipeline wrote."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from stemma.errors import StemmaError
from stemma.files import read_json

REPORTS = Path("reports")


def register(app: typer.Typer) -> None:
    app.command()(ranking)


def ranking(reports: Annotated[Path, typer.Option(help="Folder of comparison.json.")] = REPORTS) -> None:
    """Print the ranking of each dataset and where the report lies."""
    path = reports / "comparison.json"
    if not path.is_file():
        raise StemmaError(f"{path}: missing; run `dvc repro`")
    rows = read_json(path)["rows"]
    console = Console()
    for label in dict.fromkeys(f"{row['dataset']}@{row['source']}" for row in rows):
        console.print(_table(label, [row for row in rows if f"{row['dataset']}@{row['source']}" == label]))
    console.print(f"Report: {(reports / 'comparison.html').resolve()}", soft_wrap=True)


def _table(label: str, rows: list[dict[str, Any]]) -> Table:
    table = Table(title=label, title_justify="left", title_style="bold", box=None)
    for name in ("", "experiment", "family"):
        table.add_column(name)
    for name in ("accuracy", "95 % interval", "macro F1", "parameters", "training s"):
        table.add_column(name, justify="right")
    table.add_column("against the best")
    for row in rows:
        accuracy = row["accuracy"]
        interval = f"{accuracy['lo']:.3f} to {accuracy['hi']:.3f}" if accuracy["interval"] == "t" else "equal seeds"
        table.add_row(
            str(row["rank"]),
            row["experiment"],
            row["family"],
            f"{accuracy['mean']:.4f}",
            interval,
            f"{row['macro_f1']['mean']:.4f}",
            f"{row['parameters']:,}",
            f"{row['train_seconds']['mean']:.1f}",
            _against_best(row["to_best"]),
        )
    return table


def _against_best(difference: dict[str, Any] | None) -> str:
    if difference is None:
        return "best"
    return f"{difference['difference']:+.4f}" + ("" if difference["beyond_chance"] else ", within chance")
