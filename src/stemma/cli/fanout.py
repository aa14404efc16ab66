"""The command that reproduces experiments side by side."""

import logging
import signal
import sys
from typing import Annotated

import typer

Workers = Annotated[int | None, typer.Option(min=1, help="Experiments at once on this machine; one a core by default.")]
Gpus = Annotated[str, typer.Option(help="GPUs by number, such as 0,1,2,3: an experiment at once on each.")]
Ray = Annotated[str, typer.Option(help="Address of a Ray cluster (auto: the one of this machine).")]


def register(app: typer.Typer) -> None:
    app.command(name="fan-out")(fan_out)


def fan_out(workers: Workers = None, gpus: Gpus = "", ray: Ray = "") -> None:
    """`dvc repro` with experiments side by side, each in a copy of the project: exit code 1 if one failed."""
    from stemma import fanout
    from stemma.errors import StemmaError
    from stemma.fanout import local
    from stemma.threads import cores

    named = [gpu.strip() for gpu in gpus.split(",") if gpu.strip()]
    if sum(map(bool, (workers, named, ray))) > 1:
        raise StemmaError("fan-out: --workers, --gpus and --ray exclude each other; give one of them")
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    if ray:
        from stemma.fanout import cluster

        remote = cluster.reach(ray)
        plan = fanout.fan_out(lambda lock: cluster.seats(remote), remote=True)
    else:
        if named:
            local.check_gpus(named)
        plan = fanout.fan_out(lambda lock: local.seats(fanout.FOLDER, workers or cores(), named, lock))
    for key, reason in plan.failed.items():
        print(f"{key}: {reason}", file=sys.stderr)
    if plan.failed:
        raise typer.Exit(1)
