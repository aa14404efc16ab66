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
    for slot in dict.fromkeys(row["slot"] for row in rows):
        own = [row for row in rows if row["slot"] == slot]
        console.print(_table(f"{slot}: {own[0]['dataset']}@{own[0]['source']}", own))
    console.print(f"Report: {(reports / 'comparison.html').resolve()}", soft_wrap=True)


def _table(label: str, rows: list[dict[str, Any]]) -> Table:
    table = Table(title=label, title_justify="left", title_style="bold", box=None, padding=(0, 1, 0, 0))
    for name in ("", "experiment", "family"):
        table.add_column(name, no_wrap=True)
    for name in ("accuracy %", "params", "train s", "to best"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            str(row["rank"]),
            row["experiment"],
            row["family"],
            _percent(row["accuracy"]),
            f"{row['parameters']:,}",
            f"{row['train_seconds']['mean']:.1f}",
            _to_best(row["to_best"]),
        )
    return table


def _percent(accuracy: dict[str, Any]) -> str:
    """Mean and half the interval over seeds, where seeds differ."""
    half = f" ± {50 * (accuracy['hi'] - accuracy['lo']):4.1f}" if accuracy["interval"] == "t" else " " * 7
    return f"{100 * accuracy['mean']:.1f}{half}"


def _to_best(difference: dict[str, Any] | None) -> str:
    """Points to the best of the dataset; `level` where chance could explain them."""
    if difference is None:
        return "best "
    return f"{100 * difference['difference']:+.1f} " + ("     " if difference["beyond_chance"] else "level")
