"""`stemma report`: one report of several sets of experiments, each a folder in which the pipeline ran."""

from pathlib import Path
from typing import Annotated, Any

import typer

from stemma.errors import StemmaError
from stemma.files import read_json

RESULTS = Path("reports/comparison.json")
Sets = Annotated[
    list[Path], typer.Option("--set", help="Folder of a further set, such as build/gallery; may be repeated.")
]
Out = Annotated[Path, typer.Option(help="Folder of the report.")]


def register(app: typer.Typer) -> None:
    app.command()(report)


def report(sets: Sets, out: Out = Path("reports")) -> None:
    """Compare the results of this folder, if there are any, and of further sets: all.html, all.md, all.json."""
    from stemma import comparison
    from stemma import report as pages
    from stemma.families.catalog import CATALOG
    from stemma.files import write_json
    from stemma.runs import ROOT, roots_of

    found = {folder: _results(folder) for folder in _folders(sets)}
    keys = [(folder / ROOT, [row["experiment"] for row in results["rows"]]) for folder, results in found.items()]
    roots = roots_of(keys)
    settings = {name: next(iter(found.values()))[name] for name in ("confidence", "bootstrap", "seed")}
    joined = comparison.compare(roots, roots, **settings)
    write_json(out / "all.json", joined)
    pages.render(joined, roots, out, CATALOG, "all")
    print(f"{len(roots)} experiments of {', '.join(map(str, found))}")
    print(f"Report: {(out / 'all.html').resolve()}")


def _folders(sets: list[Path]) -> list[Path]:
    """The folders whose results are joined: this one if it has any, then `sets`."""
    here = [Path()] if RESULTS.is_file() else []
    return list(dict.fromkeys(here + sets))


def _results(folder: Path) -> dict[str, Any]:
    """The comparison that the pipeline wrote in `folder`.

    Raises:
        StemmaError: there is none.
    """
    if not (folder / RESULTS).is_file():
        raise StemmaError(f"--set {folder}: no {folder / RESULTS}; run the set first, the gallery by `make gallery`")
    return read_json(folder / RESULTS)
