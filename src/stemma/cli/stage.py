"""What every stage script shares: arguments, checked parameters, a log file, errors and signals as exit codes."""

import argparse
import logging
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from stemma import config
from stemma.errors import StemmaError

LOGS = Path("logs")


def run(stage: str, work: Callable[[config.Config, str], None], argument: str | None = "key") -> None:
    """Run `work(config, key)` as the body of a stage script and exit.

    `key` (a slot or an experiment) is the script's one argument; none is taken where `argument` is None.
    Exit codes: 0 done; a `StemmaError`'s own code, told in one line; 143 after SIGTERM, so that DVC
    never takes a stopped stage for a finished one.
    """
    parser = argparse.ArgumentParser(description=f"Stage '{stage}' of the pipeline; `dvc repro` runs it.")
    if argument:
        parser.add_argument(argument)
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    options = vars(parser.parse_args())
    key = options.get(argument or "", "")
    if key != Path(key).name:
        parser.error(f"{argument}: expected a name, found '{key}'")
    log_to(LOGS / stage / f"{key or stage}.log")
    signal.signal(signal.SIGTERM, _terminated)
    try:
        work(config.load(options["params"]), key)
    except StemmaError as error:
        logging.getLogger("stemma").error("%s: %s", " ".join(filter(None, [stage, key])), error)
        sys.exit(error.exit_code)


def log_to(path: Path) -> None:
    """Log lines to stderr and, with their time, to `path`, which is begun anew."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file, console = logging.FileHandler(path, mode="w", encoding="utf-8"), logging.StreamHandler()
    file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    console.setFormatter(logging.Formatter("%(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[file, console])
    logging.getLogger("httpx2").setLevel(logging.WARNING)


def _terminated(signum: int, frame: FrameType | None) -> None:
    sys.exit(128 + signum)
