"""Servers on loopback: MLflow's tracking server, and PostgreSQL where it is installed."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

PATIENCE = 180
"""Seconds to wait for a server or a point, on a busy machine."""
POSTGRES = shutil.which("postgres")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def server(database: str, folder: Path, port: int) -> Iterator[None]:
    """A tracking server on a `database`, with its artifacts in `folder`; killed without warning at the end."""
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", database]
    command += ["--artifacts-destination", f"{folder}/served", "--port", str(port), "--workers", "1"]
    settings = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_TRACKING_URI": ""}
    with subprocess.Popen(command, env={**os.environ, **settings}, start_new_session=True) as process:
        try:
            wait_for(lambda: answers(port))
            yield
        finally:
            os.killpg(process.pid, signal.SIGKILL)


@contextmanager
def postgresql() -> Iterator[str]:
    """Address of an empty PostgreSQL database. It does not run as root, hence as the user whom Debian made for it."""
    assert POSTGRES
    programs, port = Path(POSTGRES).resolve().parent, free_port()
    user = pwd.getpwnam("postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name)
    as_user = {"user": user.pw_uid, "group": user.pw_gid, "cwd": "/"} if os.geteuid() == 0 else {}
    with tempfile.TemporaryDirectory() as folder:
        os.chown(folder, user.pw_uid, user.pw_gid)
        made = [programs / "initdb", "-D", f"{folder}/data", "-U", "stemma", "-A", "trust", "-E", "UTF8", "--no-sync"]
        subprocess.run(made, check=True, capture_output=True, **as_user)
        command = [POSTGRES, "-D", f"{folder}/data", "-p", str(port), "-c", "listen_addresses=127.0.0.1"]
        command += ["-c", f"unix_socket_directories={folder}", "-c", "log_min_messages=fatal"]
        with subprocess.Popen(command, **as_user) as process:
            wait_for(lambda: answers(port))
            yield f"postgresql://stemma@127.0.0.1:{port}/postgres"
            process.send_signal(signal.SIGINT)


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_for(condition: Callable[[], object]) -> None:
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.2)
