"""Commands about versions: verify, provenance."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from stemma.data.integrity.verify import Report

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Repair = Annotated[
    bool, typer.Option("--repair", help="Bring back what is spoilt; keep changed outputs as NAME.spoilt.")
]


def register(app: typer.Typer) -> None:
    for command in (verify, provenance):
        app.command()(command)


def verify(repair: Repair = False) -> None:
    """Hash all that is stored (downloads, DVC's cache, outputs, models): exit code 1 if something is spoilt."""
    from stemma.data.integrity import verify as checking

    report = checking.verify(Path.cwd())
    _print_faults(report)
    commands: list[str] = []
    if repair and report.faults:
        from stemma.data.integrity.repair import repair as mend

        mended = mend(Path.cwd(), report)
        report, commands = mended.report, mended.commands
        for line in mended.done:
            print(_short(line))
        _print_faults(report)
    copies = _stored(repair)
    _print_summary(report)
    for command in commands:
        print(f"run: {command}")
    if report.faults or commands or copies:
        raise typer.Exit(1)


def _stored(repair: bool) -> int:
    """Compare what MLflow's database in the project keeps; how many of its files remain spoilt."""
    from stemma.tracking.store import DATABASE

    if not Path(DATABASE).is_file():
        return 0
    from stemma.tracking.stored import spoilt

    copies = spoilt()
    for copy in copies:
        print(_short(f"{copy.path}: found {copy.found}, expected {copy.expected} (MLflow's copy of {copy.original})"))
        if repair:
            copy.restore()
            print(_short(f"{copy.path}: restored from {copy.original}"))
    return 0 if repair else len(copies)


def provenance(
    model: Annotated[str, typer.Argument(help="An experiment, or a registered model: NAME, NAME@ALIAS, NAME/VERSION.")],
    as_json: Json = False,
) -> None:
    """What a model was made of: version, run, parameters, prepared set, raw files with address and hash, revision."""
    from stemma.lineage import trace

    chain = trace(model)
    if as_json:
        print(json.dumps(chain, indent=1, ensure_ascii=False))
        return
    for name, value in _rows(chain):
        print(f"{name:<11} {value}")


def _rows(chain: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Label and text of each line."""
    if chain["model"]:
        aliases = ", ".join(chain["model"]["aliases"]) or "no alias"
        yield "model", f"{chain['model']['name']} version {chain['model']['version']} ({aliases})"
        yield "run", chain["run"]
    yield "experiment", f"{chain['experiment']}, seed {', '.join(map(str, chain['seeds']))}"
    yield "parameters", ", ".join(f"{name}={value}" for name, value in sorted(chain["parameters"].items()))
    yield "prepared", f"{chain['prepared']['path']} ({chain['use']}), digest {chain['prepared']['digest']}"
    settings = dict(chain["prepared"]["settings"] or {})
    vectors = settings.pop("vectors_sha256", None)
    if settings:
        yield "settings", ", ".join(f"{name}={value}" for name, value in sorted(settings.items()))
    if vectors:
        yield "vectors", f"{settings['vectors']}, SHA-256 {vectors}"
    if chain["raw"]:
        yield "raw", f"{chain['raw']['path']}, licence: {chain['raw']['licence']}"
    for line in chain["raw"]["files"] if chain["raw"] else []:
        facts = [f"SHA-256 {line['sha256']}", f"{line['bytes']:,} bytes"] if "sha256" in line else []
        yield "  file", ", ".join([line["name"], *facts, f"from {line['address']}"])
    yield "revision", chain["revision"] or "unknown: dvc.lock is not in Git"
    for line in chain["missing"]:
        yield "missing", line
    if chain["start"]:
        yield "start", f"from the models of {chain['start']['experiment']}, which were made of:"
        yield from ((f"  {label}", text) for label, text in _rows(chain["start"]))


def _print_faults(report: "Report") -> None:
    for fault in report.faults:
        whose = f"{fault.what} of {fault.stage}" if fault.stage else fault.what
        print(_short(f"{fault.path}: found {fault.found}, expected {fault.expected} ({whose})"))


def _print_summary(report: "Report") -> None:
    speed = report.size / 1e6 / max(report.seconds, 1e-9)
    print(
        f"{report.files:,} files, {report.size / 1e6:,.1f} MB in {report.seconds:.1f} s ({speed:,.0f} MB/s): "
        f"{len(report.faults) or 'none'} spoilt"
    )
    for path in report.unknown:
        print(_short(f"{path}: no digest is known; not checked"))
    for out in report.absent:
        print(_short(f"{out.path}: not here; `dvc pull` or `dvc repro {out.stage}` brings it"))


def _short(line: str) -> str:
    """`line` with paths relative to the working directory."""
    return line.replace(f"{Path.cwd()}/", "")
