"""The `stemma` command: a thin layer over the package. Heavy imports happen inside the commands that need them."""

import sys

import typer

from stemma.cli import (
    data,
    drift,
    fanout,
    models,
    parameters,
    registry,
    report,
    results,
    retrain,
    serving,
    sweep,
    tracking,
    versioning,
)
from stemma.errors import StemmaError

app = typer.Typer(help=__doc__.split(":")[0] if __doc__ else None, no_args_is_help=True, pretty_exceptions_enable=False)
models.register(app)
parameters.register(app)
tracking.register(app)
registry.register(app)
serving.register(app)
results.register(app)
report.register(app)
versioning.register(app)
drift.register(app)
fanout.register(app)
retrain.register(app)
sweep.register(app)
app.add_typer(data.app, name="data")


def main() -> None:
    """Entry point: a user's mistake ends in its line on stderr and its exit code, without a stack trace."""
    try:
        app()
    except StemmaError as error:
        print(f"stemma: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
