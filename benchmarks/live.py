"""What a training that is shown in MLflow costs, and what arrives, however the tracking server fares.

Trains one experiment once a case, shown from its start, with a tracking server that does well, is dead, dies midway,
dies and comes back, or accepts and never answers; then publishes, and counts the points of the seed's history that the
store has. Wall and CPU seconds are those of the training process, all its children included; repeat them on a machine
that does nothing else.

Run in a project that `make run` has been through: python benchmarks/live.py [--epochs 40] [--case healthy]
"""

import argparse
import ctypes
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import ClassVar

import yaml

NAME = "mnist-lenet5"
SUBREAPER = 36
"""Of prctl: what an ended child leaves behind becomes ours, and its CPU seconds are counted."""
HERE = Path.cwd()


def project(folder: Path, epochs: int) -> None:
    """A project with the experiment alone, one seed, and all of its epochs."""
    values = yaml.safe_load(Path("params.yaml").read_text())
    chosen = {**values["experiments"][NAME], "epochs": epochs, "patience": None}
    values["experiments"] = {NAME: chosen}
    values["datasets"] = {chosen["dataset"]: values["datasets"][chosen["dataset"]]}
    values["training"]["seeds"] = [0]
    (folder / "params.yaml").write_text(yaml.safe_dump(values, sort_keys=False))
    (folder / "data").symlink_to(HERE / "data")


def stage(folder: Path, name: str, *arguments: str, **settings: str) -> tuple[float, float]:
    """Wall and CPU seconds of a stage."""
    before, began = _cpu(), time.perf_counter()
    command = [sys.executable, str(HERE / "pipelines" / f"{name}.py"), *arguments]
    subprocess.run(command, cwd=folder, env={**os.environ, **settings}, check=True, stderr=subprocess.DEVNULL)
    wall = time.perf_counter() - began
    while _reaped():
        time.sleep(0.1)
    return wall, _cpu() - before


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _reaped() -> bool:
    """Wait for what the stage left; whether any of it still lives. What belongs to a server is left alone."""
    ours = map(int, Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())
    return any(os.waitpid(pid, os.WNOHANG) == (0, 0) for pid in ours if os.getsid(pid) not in Server.sessions)


class Server:
    """A tracking server on the database of `folder`, which can be started and killed again and again."""

    sessions: ClassVar[dict[int, subprocess.Popen]] = {}

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, port

    def start(self) -> None:
        command = [
            sys.executable,
            "-m",
            "mlflow",
            "server",
            "--backend-store-uri",
            f"sqlite:///{self.folder}/mlflow.db",
        ]
        command += ["--artifacts-destination", f"{self.folder}/served", "--port", str(self.port), "--workers", "1"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        settings = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        self.process = subprocess.Popen(command, env=settings, start_new_session=True, **quiet)
        self.sessions[self.process.pid] = self.process
        while not self._answers():
            time.sleep(0.1)

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@contextmanager
def no_server(server: Server, live: Path) -> Iterator[None]:
    yield


@contextmanager
def healthy(server: Server, live: Path) -> Iterator[None]:
    server.start()
    yield
    server.kill()


@contextmanager
def dies(server: Server, live: Path, again: bool = False) -> Iterator[None]:
    """Killed when the 4th epoch is there, and, `again`, started anew."""
    server.start()

    def act() -> None:
        while not live.is_file() or len(live.read_text().splitlines()) < 4:
            time.sleep(0.1)
        server.kill()
        if again:
            server.start()

    acting = Thread(target=act)
    acting.start()
    yield
    acting.join()
    if again:
        server.kill()


@contextmanager
def comes_back(server: Server, live: Path) -> Iterator[None]:
    with dies(server, live, again=True):
        yield


@contextmanager
def silent(server: Server, live: Path) -> Iterator[None]:
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", server.port))
        listening.listen(100)
        yield


CASES: dict[str, Callable] = {
    "not shown": no_server,
    "healthy": healthy,
    "dead": no_server,
    "dies midway": dies,
    "dies, comes back": comes_back,
    "accepts, never answers": silent,
}


def arrived(folder: Path) -> tuple[int, int, int, int]:
    """Points of the history, those of them in the store, points that are there twice, runs that are RUNNING."""
    from stemma.runs import RunFiles
    from stemma.tracking import describe
    from stemma.tracking.store import connect, runs_of

    client, ours = connect(), list(describe.curves(RunFiles(NAME, folder / "runs").history(0)))
    runs = [run for each in client.search_experiments() for run in runs_of(client, each.experiment_id, "")]
    (seed,) = [run for run in runs if run.data.tags["kind"] == "seed" and run.data.tags["superseded"] == "no"]
    names = {name for name, _, _ in ours}
    there = Counter(
        (name, point.step, point.value) for name in names for point in client.get_metric_history(seed.info.run_id, name)
    )
    running = sum(run.info.status == "RUNNING" for run in runs)
    return len(ours), sum(point in there for point in ours), there.total() - len(there), running


def judge(folder: Path, judged: Path) -> None:
    """What publishing needs besides the trained model: made for the first case, since every case trains the same."""
    if not judged.is_dir():
        stage(folder, "evaluate", NAME)
        stage(folder, "compare")
        shutil.copytree(folder / "reports", judged / "reports")
        shutil.copytree(folder / "runs", judged / "runs", ignore=shutil.ignore_patterns("train", "train*.json"))
        shutil.copy(folder / "runs" / NAME / "train/summary.json", judged)
    theirs = folder / "runs" / NAME / "train/summary.json"
    assert (judged / "summary.json").read_bytes() == theirs.read_bytes(), "it trained another model"
    for part in ("reports", "runs"):
        shutil.copytree(judged / part, folder / part, dirs_exist_ok=True)


def measure(case: str, scratch: Path, epochs: int) -> str:
    from stemma.tracking.store import connect, experiment_id

    folder = scratch / case.replace(" ", "_").replace(",", "")
    folder.mkdir()
    project(folder, epochs)
    database, port = f"sqlite:///{folder}/mlflow.db", _free_port()
    os.environ["MLFLOW_TRACKING_URI"] = database
    experiment_id(connect(), "mnist@sample")  # its artifacts then need no server
    after = "never" if case == "not shown" else "0"
    server, live = Server(folder, port), folder / "logs/live" / NAME / "seed0.jsonl"
    with CASES[case](server, live):
        shown = {"MLFLOW_TRACKING_URI": f"http://127.0.0.1:{port}", "STEMMA_LIVE_AFTER": after}
        wall, cpu = stage(folder, "train", NAME, **shown)
    judge(folder, scratch / "judged")
    subprocess.run(["stemma", "publish"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    points, there, twice, running = arrived(folder)
    shutil.rmtree(folder)
    return f"| {case} | {wall:.1f} | {cpu:.1f} | {there / points:.0%} of {points} | {twice} | {running} |"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--case", choices=CASES, action="append", help="repeatable; all of them by default")
    options = parser.parse_args()
    ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
    print("| tracking server | wall s | CPU s | points after `stemma publish` | twice | left RUNNING |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as scratch:
        for case in options.case or CASES:
            print(measure(case, Path(scratch), options.epochs), flush=True)


if __name__ == "__main__":
    main()
