"""Ten planted secrets, a stage that prints all it knows, and a tracking server: none of them is told anywhere."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playing import Played

pytestmark = pytest.mark.slow
CANARIES = [f"CANARY{number}x7f3e" for number in range(10)]


@contextmanager
def server(folder: Path) -> Iterator[int]:
    """A tracking server on loopback; its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/server.db", "--artifacts-destination", f"{folder}/served"]
    settings = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_TRACKING_URI": ""}
    with subprocess.Popen(command, env={**os.environ, **settings}, start_new_session=True, stderr=subprocess.DEVNULL) as process:  # fmt: skip
        end = time.monotonic() + 120
        while socket.socket().connect_ex(("127.0.0.1", port)):
            assert time.monotonic() < end and process.poll() is None
            time.sleep(0.3)
        try:
            yield port
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def plant(played: Played, port: int) -> None:
    c = iter(CANARIES)
    played.environment = {
        "MLFLOW_TRACKING_URI": f"http://user:{next(c)}@127.0.0.1:{port}",
        "STEMMA_GIT_TOKEN": next(c),
        "AWS_SECRET_ACCESS_KEY": next(c),
        "GITHUB_TOKEN": next(c),
        "DEPLOY_PASSWORD": next(c),
        "PROXY": f"http://me:{next(c)}@proxy:3128",
    }
    played.git("remote", "add", "backup", f"https://x-access-token:{next(c)}@host.invalid/r.git")
    played.git("config", "http.https://host.invalid/.extraheader", f"AUTHORIZATION: basic {next(c)}")
    (played.project / ".dvc/config.local").write_text(
        f"['remote \"far\"']\n    url = ssh://me:{next(c)}@host.invalid/srv\n    password = {next(c)}\n"
    )


def tell_all(played: Played) -> None:
    """A stage of the project prints its environment and its configuration."""
    script = played.project / "pipelines/decide.py"
    extra = "import os\nprint(dict(os.environ))\nprint(Path('.dvc/config.local').read_text())\n"
    text = script.read_text()
    script.write_text(text.replace("REPORTS = ", f"{extra}\nREPORTS = ", 1))
    played.git("commit", "-qam", "a stage that tells all")
    played.git("push", "-q", "origin", "main")


def leaks(played: Played, told: str) -> list[str]:
    """Where a canary is found, the configuration files in which they were planted left out."""
    planted = {".git/config", ".dvc/config.local", "build/retrain/.dvc/config.local"}
    found = [f"said: {canary}" for canary in CANARIES if canary in told]
    history = played.git("log", "-p", "--all", cwd=played.folder / "origin.git")
    found += [f"branches: {canary}" for canary in CANARIES if canary in history]
    for path in played.folder.rglob("*"):
        inside = path.is_relative_to(played.project) and str(path.relative_to(played.project)) in planted
        if path.is_file() and not path.is_symlink() and not inside:
            content = path.read_bytes()
            found += [f"{path}: {canary}" for canary in CANARIES if canary.encode() in content]
    return found


def test_no_secret_is_told(project: Played) -> None:
    tell_all(project)
    with server(project.folder) as port:
        plant(project, port)
        code, told = project.retrain()
        assert code == 0, told
        assert "DEPLOY_PASSWORD': '***'" in told, "the stage did tell"
        assert project.champion() == ("rows-mlp", 1)
        refused, more = project.retrain("--reason", "dispatch", "--set", f"datasets.rows.use=table@https://u:{CANARIES[0]}@h/x.csv")  # fmt: skip
        assert refused == 2 and "datasets.rows.use: an address with credentials" in more
    unreachable, last = project.retrain("--reason", "dispatch", "--set", "training.epochs=2")
    assert unreachable == 2 and "cannot be reached" in last
    wrong, word = project.retrain("--git-remote", "backup", "--reason", "dispatch", "--set", "training.epochs=3")
    assert wrong == 2 and "Git remote 'backup'" in word
    assert leaks(project, told + more + last + word) == []
