"""A training shown in MLflow while it runs, by a process of its own: training waits neither for an import nor a server.

The process (`stemma.tracking.streamer`) reads the live files that the seeds write (`RunFiles.live`). It is not started
for a training that is over soon.
"""

import json
import logging
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from stemma.runs import RunFiles, Summary
from stemma.tracking.owner import me
from stemma.tracking.store import is_server, tracking_uri

log = logging.getLogger(__name__)
AFTER = "STEMMA_LIVE_AFTER"
"""Environment variable: seconds of training after which it is shown; `never`."""
SERVER_AFTER, DATABASE_AFTER = 5.0, 30.0
"""Whoever names a server looks at it; to open a database costs 3 CPU seconds, more than a short training is worth."""
GRACE = 2.0
"""Seconds that the process has at the end of training to write what is left."""
COMMAND = [sys.executable, "-m", "stemma.tracking.streamer"]
RANKS = ("RANK", "LOCAL_RANK", "NODE_RANK", "SLURM_PROCID")


@contextmanager
def shown(runs: RunFiles, summary: Summary) -> Iterator[None]:
    """Show the training that the block is; at its end the run in MLflow is FINISHED, FAILED or KILLED.

    No more than `GRACE` seconds are spent on it, whatever the store does, and nothing is raised.
    """
    if any(os.environ.get(name, "0") != "0" for name in RANKS):
        yield
        return
    shutil.rmtree(runs.live_folder, ignore_errors=True)
    streaming = Streaming(runs, summary)
    outcome = "KILLED"
    try:
        yield
        outcome = "FINISHED"
    except Exception:
        outcome = "FAILED"
        raise
    finally:
        streaming.end(outcome)


class Streaming:
    """The process that streams, started by a timer; `order` is what it reads first on its standard input."""

    def __init__(self, runs: RunFiles, summary: Summary) -> None:
        began = int(time.time() * 1000)
        self.order = {"info": vars(summary), "root": str(runs.root), "owner": me(), "began": began}
        self.process: subprocess.Popen | None = None
        self.timer: threading.Timer | None = None
        after = os.environ.get(AFTER) or (SERVER_AFTER if is_server(tracking_uri()) else DATABASE_AFTER)
        if after != "never":
            self.timer = threading.Timer(float(after), self._start)
            self.timer.daemon = True
            self.timer.start()

    def _start(self) -> None:
        try:
            process = subprocess.Popen(  # noqa: S603
                COMMAND, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True
            )
            self._tell(process, json.dumps(self.order, default=vars))
        except OSError as error:
            log.warning("MLflow: this training is not shown while it runs (%s)", error)
            return
        self.process = process

    def end(self, outcome: str) -> None:
        """Tell the process how training ended, and end it."""
        if self.timer:
            self.timer.cancel()
            self.timer.join()
        if not self.process:
            return
        try:
            self._tell(self.process, outcome)
            self.process.communicate(timeout=GRACE)
        except (OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()

    @staticmethod
    def _tell(process: subprocess.Popen, line: str) -> None:
        assert process.stdin is not None
        process.stdin.write(line.encode() + b"\n")
        process.stdin.flush()
