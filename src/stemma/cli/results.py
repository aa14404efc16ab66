"""The ranking on the terminal, from the comparison that the pipeline wrote."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from stemma.errors import StemmaError
from stemma.files import read_json
from stemma.scores import Score, half_interval, scoring

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
    for group in dict.fromkeys(map(_group, rows)):
        own = [row for row in rows if _group(row) == group]
        task = f" ({own[0]['task']})" if scoring(own[0]["task"]).asked else ""
        console.print(_table(f"{own[0]['slot']}: {own[0]['dataset']}@{own[0]['source']}{task}", own))
    console.print(f"Report: {(reports / 'comparison.html').resolve()}", soft_wrap=True)


def _group(row: dict[str, Any]) -> tuple[str, ...]:
    """What rows of one table have in common."""
    return row["slot"], row["task"], row["unit"]


def _table(label: str, rows: list[dict[str, Any]]) -> Table:
    table = Table(title=label, title_justify="left", title_style="bold", box=None, padding=(0, 1, 0, 0))
    for name in ("", "experiment", "family"):
        table.add_column(name, no_wrap=True)
    score = scoring(rows[0]["task"]).score
    title = f"{score.title.lower()} %" if score.share else score.title
    for name in (title, "params", "train s", "to best"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            str(row["rank"]),
            row["experiment"],
            f"{row['family']}, from {row['start']}" if row["start"] else row["family"],
            _value(score, row[row["primary"]]),
            f"{row['parameters']:,}",
            f"{row['train_seconds']['mean']:.1f}",
            _to_best(score, row["to_best"]),
        )
    return table


def _value(score: Score, value: dict[str, Any]) -> str:
    """Mean and half the interval over seeds, where seeds differ."""
    half = half_interval(value) if value["interval"] == "t" else None
    if score.share:
        return f"{100 * value['mean']:.1f}" + (" " * 7 if half is None else f" ± {100 * half:4.1f}")
    return f"{value['mean']:.4g}" + (" " * 9 if half is None else f" ± {half:6.3g}")


def _to_best(score: Score, difference: dict[str, Any] | None) -> str:
    """Distance to the best of the dataset, shares in points; `level` where chance could explain it."""
    if difference is None:
        return "best "
    shown = f"{100 * difference['difference']:+.1f}" if score.share else f"{difference['difference']:+.3g}"
    return f"{shown} " + ("     " if difference["beyond_chance"] else "level")
