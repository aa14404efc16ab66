"""Which process stands behind a run that is being written, and whether it still lives."""

import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path

OWNER, BEAT = "live", "live_beat"
"""Tags: the process, and when it was last heard of, in seconds since 1970."""
BEAT_SECONDS, SILENT_SECONDS = 60, 900
"""How often a run is told that its process lives, and after what silence one on another machine is taken for dead."""


def me() -> str:
    """This process: host, number and start, which tells it from a later one of the same number."""
    return f"{socket.gethostname()}/{os.getpid()}/{_start(os.getpid())}"


def _start(pid: int) -> str:
    """When a process started: ticks since the machine did, and which start of the machine; empty if there is none.

    Where the system does not say when, that it is there must do.
    """
    if not Path("/proc/self/stat").is_file():
        return "there" if _is_there(pid) else ""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()[:8]
    except OSError:
        return ""
    return "" if after_name[0] in "ZX" else f"{after_name[19]}-{boot}"


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def lives(tags: Mapping[str, str], now: float | None = None) -> bool:
    """Whether the process that a run's tags name is still there; without such a tag there is none."""
    host, _, rest = tags.get(OWNER, "").partition("/")
    if host != socket.gethostname():
        return (now or time.time()) - float(tags.get(BEAT, 0)) < SILENT_SECONDS
    number, _, started = rest.partition("/")
    return started == _start(int(number)) != ""
