"""Workers on this machine: each has its own share of the cores, or a GPU."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from stemma.dvc import COMMAND
from stemma.errors import StemmaError
from stemma.fanout import copies, lockfile
from stemma.fanout.lockfile import Entries
from stemma.fanout.plan import Outcome, Unit
from stemma.threads import ONE_THREAD
from stemma.tracking import tracking_uri

LOGS = Path("logs/fan-out")
GRACE = 10.0
"""Seconds that a worker has to end when asked to."""
KILLED = re.compile(r"exited with (-\d+|137|143)\b")
"""What DVC says of a stage that a signal ended."""


def check_gpus(gpus: Sequence[str]) -> None:
    """Whether this machine has them, so that no worker falls back on its cores; CUDA sees none from an unknown one on.

    Raises:
        StemmaError: it lacks one.
    """
    wanted = list(dict.fromkeys(gpus))
    seen = subprocess.run(
        [sys.executable, "-c", "import torch; print(torch.cuda.device_count())"],
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ",".join(wanted)}, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    if (known := int(seen.stdout)) < len(wanted):
        raise StemmaError(f"--gpus {wanted[known]}: no such GPU here")


def seats(folder: Path, workers: int, gpus: Sequence[str], lock: Any) -> list["LocalSeat"]:
    """A seat for each of `gpus`, or `workers` of them, each with a copy of this project in `folder`."""
    project, places = Path.cwd(), gpus or [""] * workers
    cache, own = copies.cache_of(project), _shares(len(places))
    made = []
    for number, (gpu, cores) in enumerate(zip(places, own, strict=True)):
        copy = folder.absolute() / str(number)
        copies.copy_project(project, copy)
        copies.write_config(copy, cache)
        copies.share_folders(project, copy)
        made.append(LocalSeat(copy, gpu, cores, lock))
    return made


def _shares(count: int) -> list[list[int]]:
    """The cores that this process may run on, dealt out; all to everyone if there are too few."""
    if not hasattr(os, "sched_getaffinity"):
        return [[] for _ in range(count)]
    cores = sorted(os.sched_getaffinity(0))
    return [cores[number::count] or cores for number in range(count)]


class LocalSeat:
    """A copy of the project whose commands run on `cores` and see the one `gpu`, if it is named."""

    def __init__(self, copy: Path, gpu: str, cores: list[int], lock: Any) -> None:
        self.copy, self.cores, self.lock = copy, cores, lock
        own = {"CUDA_VISIBLE_DEVICES": gpu} if gpu else {}
        self.environment = copies.environment(copy, MLFLOW_TRACKING_URI=tracking_uri(), **ONE_THREAD, **own)

    def start(self, unit: Unit, entries: Entries) -> "LocalJob":
        LOGS.mkdir(parents=True, exist_ok=True)
        lockfile.write(self.copy, entries)
        path = LOGS / f"{unit.key}.log"
        with path.open("w", encoding="utf-8") as file:
            process = subprocess.Popen(  # noqa: S603
                [*COMMAND, "repro", "--pull", "--allow-missing", unit.target],
                cwd=self.copy,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=(self.lock.fileno(),),
            )
        if self.cores:
            os.sched_setaffinity(process.pid, self.cores)
        return LocalJob(process, path, partial(lockfile.made, self.copy, unit.stages))


class LocalJob:
    """A command of DVC in a session of its own, which writes to the file `path`; `made` tells what it made if all is
    well.
    """

    def __init__(self, process: subprocess.Popen, path: Path, made: Callable[[], Entries] = dict) -> None:
        self.process, self.path, self.made, self.deadline = process, path, made, 0.0

    def outcome(self) -> Outcome | None:
        code = self.process.poll()
        if code is None:
            return None
        text = self.path.read_text(encoding="utf-8", errors="replace")
        if code < 0:
            self._signal(signal.SIGKILL)
        outcome = judged(code, text, str(self.path))
        return outcome if outcome.reason else Outcome(made=self.made())

    def stop(self) -> None:
        self.deadline = time.monotonic() + GRACE
        self._signal(signal.SIGTERM)

    def gone(self) -> None:
        while self._signal(0):
            self.process.poll()
            if time.monotonic() > self.deadline:
                self._signal(signal.SIGKILL)
            time.sleep(0.05)

    def _signal(self, number: int) -> bool:
        """Send it to all processes of the session's group; False if there are none left."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)
            return True
        return False


def judged(code: int, text: str, where: str) -> Outcome:
    """What the exit code of a `dvc repro` and what it printed say; the reason names `where` all of it stands."""
    if code == 0:
        return Outcome()
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    error = next((at for at, line in enumerate(lines) if line.startswith("ERROR: ")), len(lines))
    if code < 0 or any(KILLED.search(line) for line in lines[error:]):
        return Outcome(f"killed; see {where}", killed=True)
    told = lines[error - 1 : error] if any("failed to run" in line for line in lines[error:]) else lines[error:]
    return Outcome(f"{(told or ['it ended without a word'])[0].removeprefix('ERROR: ')}; see {where}")
