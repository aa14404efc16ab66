"""Workers on the nodes of a Ray cluster: results come by way of the DVC remote.

Every node has this project's environment installed. A worker unpacks the project in a folder of its own, reproduces its
unit with what the remote holds, and pushes outputs and run cache there; the cache of a node is shared by its workers.
"""

import io
import os
import signal
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stemma.dvc import COMMAND
from stemma.errors import StemmaError
from stemma.fanout import copies, lockfile
from stemma.fanout.command import dvc
from stemma.fanout.local import LocalJob, judged
from stemma.fanout.lockfile import Entries
from stemma.fanout.plan import Outcome, Unit
from stemma.threads import ONE_THREAD
from stemma.tracking import tracking_uri

CONFIG = (".dvc/config", ".dvc/config.local")
GRACE = 15.0
"""Seconds that a task has to end when asked to."""


def reach(address: str) -> dict[str, str]:
    """Join the cluster at `address`; the DVC remote by which results come, as `_remote` tells it.

    Raises:
        StemmaError: Ray is not installed or not there, or the project has no remote.
    """
    try:
        import ray
    except ImportError:
        raise StemmaError("--ray: Ray is not installed; pip install 'stemma[cluster]'") from None
    remote = _remote()
    ended = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address, log_to_driver=False)
    except ConnectionError as error:
        raise StemmaError(f"--ray {address}: no such cluster ({str(error).splitlines()[0]})") from None
    signal.signal(signal.SIGTERM, ended)  # Ray's own handler aborts
    return remote


def seats(remote: Mapping[str, str]) -> list["RaySeat"]:
    """A seat for each GPU of the cluster that was reached, or for each core if it has none; the prepared data are
    pushed to the `remote`.
    """
    import ray

    dvc("push", "--run-cache", "preprocess")
    project = ray.put((packed(Path.cwd()), remote))
    kind = "GPU" if ray.cluster_resources().get("GPU") else "CPU"
    return [RaySeat(project, kind) for _ in range(int(ray.cluster_resources()[kind]))]


def _remote() -> dict[str, str]:
    """DVC's setting of where the default remote lies, a relative path made absolute: copies lie elsewhere.

    Raises:
        StemmaError: there is none.
    """
    settings = dict(line.partition("=")[::2] for line in dvc("config", "--list", told=False).splitlines())
    key = f"remote.{settings.get('core.remote', '')}.url"
    if key not in settings:
        raise StemmaError("--ray: no default DVC remote, by which results come; `dvc remote add --default NAME URL`")
    return {key: settings[key]}


def packed(project: Path) -> bytes:
    """What a worker needs of the project, as a tar archive."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as file:
        for name in (*copies.CONTENT, *CONFIG):
            if (project / name).exists():
                file.add(project / name, name, filter=lambda item: None if "__pycache__" in item.name else item)
    return archive.getvalue()


class RaySeat:
    """One GPU or core of the cluster, wherever it is free."""

    def __init__(self, project: Any, kind: str) -> None:
        self.project, self.kind = project, kind

    def start(self, unit: Unit, entries: Entries) -> "RayJob":
        import ray

        own = {"num_gpus": 1} if self.kind == "GPU" else {"num_cpus": 1}
        server = tracking_uri()
        shown = {"MLFLOW_TRACKING_URI": server} if "://" in server and not server.startswith("sqlite") else {}
        task = ray.remote(max_retries=0, **own)(reproduce)
        return RayJob(task.remote(self.project, unit, entries, shown or {"STEMMA_LIVE_AFTER": "never"}))


class RayJob:
    def __init__(self, task: Any) -> None:
        self.task = task

    def outcome(self) -> Outcome | None:
        import ray

        if not ray.wait([self.task], timeout=0)[0]:
            return None
        try:
            return ray.get(self.task)
        except ray.exceptions.RayTaskError as error:
            return Outcome((str(error.cause) or repr(error.cause)).splitlines()[0])
        except ray.exceptions.RayError as error:
            return Outcome(f"killed: {str(error).splitlines()[0]}", killed=True)

    def stop(self) -> None:
        import ray

        ray.cancel(self.task)

    def gone(self) -> None:
        import ray

        ray.wait([self.task], timeout=GRACE)


def reproduce(
    project: tuple[bytes, dict[str, str]], unit: Unit, entries: Entries, settings: Mapping[str, str]
) -> Outcome:
    """Reproduce `unit` in a folder of this process and push it; what a Ray worker runs.

    Args:
        project: what `packed` made of it, and DVC's settings that are another's here.
        entries: what dvc.lock holds of all that the unit needs.
    """
    shelf = Path(tempfile.gettempdir()) / f"stemma-fan-out-{os.getuid()}"
    with tempfile.TemporaryDirectory(prefix="stemma-", ignore_cleanup_errors=True) as folder:
        copy = Path(folder)
        unpack(*project, copy, shelf / "cache")
        lockfile.write(copy, entries)
        log = copy / "fan-out.log"
        words = (["repro", "--pull", "--allow-missing", unit.target], ["push", "--run-cache", *unit.stages])
        for command in words:
            outcome = _ran(command, copy, log, settings)
            if outcome.reason:
                return outcome
        return Outcome(made=lockfile.made(copy, unit.stages))


def unpack(project: bytes, remote: Mapping[str, str], copy: Path, cache: Path) -> None:
    """A project of DVC's own in `copy`, without Git, with the remotes of the head and the cache of this node."""
    cache.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tarfile.open(fileobj=io.BytesIO(project)) as file:
        file.extractall(copy, filter="data")
    own = {"core.no_scm": "true", "cache.dir": str(cache), "cache.type": copies.LINKS, **remote}
    for key, value in own.items():
        dvc("config", "--local", key, value, told=False, folder=copy)


def _ran(words: Sequence[str], copy: Path, log: Path, settings: Mapping[str, str]) -> Outcome:
    """How `dvc WORDS` ended; it ends with this process's task."""
    with log.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(  # noqa: S603
            [*COMMAND, *words],
            cwd=copy,
            env=copies.environment(copy, **ONE_THREAD, **settings),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        code = process.wait()
    except BaseException:
        job = LocalJob(process, log)
        job.stop()
        job.gone()
        raise
    return judged(code, log.read_text(encoding="utf-8", errors="replace"), f"node {os.uname().nodename}")
