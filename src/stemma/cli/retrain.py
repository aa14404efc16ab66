"""`stemma retrain`: unattended retraining of a commit."""

import os
import re
import signal
import sys
from types import FrameType
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    app.command()(retrain)


def retrain(
    reason: Annotated[str, typer.Option(help="push, pull_request, schedule or dispatch.")] = "push",
    ref: Annotated[str, typer.Option(help="The commit; HEAD asks for a clean checkout.")] = "HEAD",
    branch: Annotated[str | None, typer.Option(help="Whose results these are; default: the checked out one.")] = None,
    base: Annotated[str, typer.Option(help="The branch to compare with, which alone is promoted.")] = "main",
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A parameter; also a line each in STEMMA_SETTINGS."),
    ] = None,
    drift: Annotated[
        list[str] | None,
        typer.Option(metavar="SLOT=PATH", help="New data for a schedule; also a line each in STEMMA_DRIFT."),
    ] = None,
    git_remote: Annotated[str, typer.Option(help="The Git remote.")] = "origin",
    remote: Annotated[str | None, typer.Option(help="The DVC remote; default: DVC's own, if any.")] = None,
    publish: Annotated[bool | None, typer.Option(help="To MLflow; default: on the base branch only.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for another retraining of this project.")] = False,
) -> None:
    """Retrain what a change touches, compare with main, leave a report and a branch; on main publish and promote."""
    from stemma.retraining import Request
    from stemma.retraining import retrain as do

    signal.signal(signal.SIGTERM, _terminated)
    given = (*(settings or ()), *_lines("STEMMA_SETTINGS"))
    fresh = (*(drift or ()), *(_lines("STEMMA_DRIFT") if reason == "schedule" else ()))
    asked = Request(reason, ref, branch, base, given, fresh, git_remote, remote, publish, wait)
    typer.echo(do(asked).line)


def _lines(variable: str) -> list[str]:
    """What a variable of the environment holds: one a line, or separated by ` & ` where there is one line only."""
    parts = re.split(r"\n| & ", os.environ.get(variable, ""))
    return [part.strip() for part in parts if part.strip()]


def _terminated(signum: int, frame: FrameType | None) -> None:
    sys.exit(128 + signum)
