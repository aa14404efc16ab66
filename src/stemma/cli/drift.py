"""`stemma drift`: has the data changed against the training data?"""

import json
from pathlib import Path
from typing import Annotated

import typer

from stemma.errors import StemmaError


def register(app: typer.Typer) -> None:
    app.command()(drift)


def drift(
    reference: Annotated[Path, typer.Option(help="The prepared set, for example data/prepared/grey.")],
    current: Annotated[
        Path, typer.Option(help="A prepared set, a raw folder, a folder or archive of images, or a CSV or TSV.")
    ],
    split: Annotated[
        str | None, typer.Option(help="Split of the reference; default train, with a model validation.")
    ] = None,
    current_split: Annotated[
        str | None, typer.Option(help="Split of the current data, if they are a prepared set; default all.")
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="A model folder or an experiment, whose predictions are compared too.")
    ] = None,
    labels: Annotated[bool, typer.Option(help="Compare labels where both sides have them.")] = True,
    encoding: Annotated[
        str, typer.Option(help="Of the current CSV, TSV or JSON lines; default the slot's own, else UTF-8.")
    ] = "",
    columns: Annotated[
        list[str] | None,
        typer.Option(metavar="ROLE=NAME", help="Their column of a role (text, label, group); default the slot's own."),
    ] = None,
    alpha: Annotated[float, typer.Option(help="Chance of a false alarm over all tests.")] = 0.05,
    min_effect: Annotated[float, typer.Option(help="Smaller changes are no drift, however sure.")] = 0.0,
    examples: Annotated[int, typer.Option(help="Examples drawn from each side at most.")] = 2000,
    seed: Annotated[int, typer.Option(help="Of the examples drawn and of the permutations.")] = 0,
    report: Annotated[Path, typer.Option(help="Folder for drift.html and drift.json.")] = Path("reports/drift"),
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Compare new data with the training data. Exit code 0: no drift; 3: drift; 2: a mistake."""
    from stemma.drift import compare
    from stemma.drift.page import check_folder, write

    check_folder(report)
    found = compare(
        reference,
        current,
        split=split,
        current_split=current_split,
        model=model,
        labels=labels,
        encoding=encoding,
        columns=_roles(columns or []),
        alpha=alpha,
        min_effect=min_effect,
        examples=examples,
        seed=seed,
    )
    page = write(found, report)
    typer.echo(json.dumps(found.to_dict(), indent=1, ensure_ascii=False) if as_json else f"{found.line()}; {page}")
    raise typer.Exit(found.exit_code)


def _roles(columns: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in columns:
        role, sign, name = pair.partition("=")
        if not (role and sign and name):
            raise StemmaError(f"--columns {pair}: expected ROLE=NAME, for example label=species")
        if role in found:
            raise StemmaError(f"--columns {pair}: {role} is already '{found[role]}'; one column a role")
        found[role] = name
    return found
