"""The services of compose.yaml as processes on this computer: same commands and settings, other addresses."""

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
import yaml

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
NEEDED = {
    "initdb": "apt-get install postgresql",
    "postgres": "apt-get install postgresql",
    "weed": "make test-services, which installs requirements-services.lock",
    "mlflow": "make setup",
}


def program(name: str) -> str:
    """Path of a program, on PATH or where Debian keeps PostgreSQL's; the test fails if it is missing."""
    debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    found = shutil.which(name) or (str(debian[-1]) if debian else None)
    return found or pytest.fail(f"{name} is needed: {NEEDED[name]}")


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def ask(address: str, headers: Mapping[str, str] = {}, body: bytes | None = None) -> tuple[int, bytes]:
    """Status and body of an answer."""
    try:
        with urlopen(Request(address, body, dict(headers)), timeout=60) as answer:
            return answer.status, answer.read()
    except HTTPError as error:
        return error.code, error.read()


def wait_for(ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path, seconds: int = 90) -> None:
    end = time.monotonic() + seconds
    while not _ready(ready):
        assert process.poll() is None and time.monotonic() < end, log.read_text()[-3000:]
        time.sleep(0.2)


def _ready(ready: Callable[[], bool]) -> bool:
    try:
        return ready()
    except OSError:
        return False


@contextmanager
def running(command: Sequence[str], log: Path, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A process and its children, which are gone when the block ends."""
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, start_new_session=True, **options)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(60)
        finally:
            subprocess.run(["pkill", "-KILL", "-s", str(process.pid)])
            process.wait(10)


class Services:
    """PostgreSQL, the S3-compatible store and MLflow's server, started in `folder` as compose.yaml says."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self.stack = folder, stack
        self.secrets = folder / "secrets"
        subprocess.run(["python", ROOT / "containers/make_secrets.py", self.secrets], check=True)
        self.ports = {name: free_port() for name in ("postgres:5432", "s3:8333", "mlflow:5000")}
        for start in (self.postgres, self.s3, self.mlflow):
            start()

    def here(self, text: str) -> str:
        """A setting with the addresses and folders of this computer."""
        for name, port in self.ports.items():
            text = text.replace(name, f"127.0.0.1:{port}")
        text = re.sub(r"\$\{\w+:-(\w+)\}", r"\1", text)
        return text.replace("/run/secrets", str(self.secrets)).replace("/data", str(self.folder / "s3"))

    def environment(self, service: str) -> dict[str, str]:
        return {name: self.here(value) for name, value in COMPOSE["services"][service]["environment"].items()}

    def password(self) -> str:
        return (self.secrets / "postgres_password").read_text()

    def postgres(self) -> None:
        """A new cluster of the user mlflow, who needs the password; PostgreSQL refuses to run as root."""
        own = COMPOSE["services"]["postgres"]["environment"]
        data, port = self.folder / "postgres", self.ports["postgres:5432"]
        data.mkdir()
        user: dict[str, Any] = {}
        if os.geteuid() == 0:
            shutil.chown(data, "nobody")
            user = {"user": "nobody", "group": "nogroup", "extra_groups": []}
        pwfile = f"--pwfile={self.secrets / 'postgres_password'}"
        initdb = [program("initdb"), f"--pgdata={data}", f"--username={own['POSTGRES_USER']}", pwfile]
        self.folder.chmod(0o755)
        self.secrets.chmod(0o755)
        subprocess.run([*initdb, "--auth=scram-sha-256", "--no-sync"], check=True, stdout=subprocess.DEVNULL, **user)
        command = [program("postgres"), "-D", str(data), "-p", str(port), "-c", "listen_addresses=127.0.0.1"]
        log = self.folder / "postgres.log"
        process = self.stack.enter_context(running([*command, "-k", ""], log, cwd=data, **user))
        wait_for(lambda: "ready to accept connections" in log.read_text(), process, log)
        with self.database("postgres") as connection:
            connection.autocommit = True
            connection.execute(f"CREATE DATABASE {own['POSTGRES_DB']}")

    def database(self, name: str = "mlflow") -> Any:
        import psycopg

        user, port = COMPOSE["services"]["postgres"]["environment"]["POSTGRES_USER"], self.ports["postgres:5432"]
        return psycopg.connect(host="127.0.0.1", port=port, user=user, password=self.password(), dbname=name)

    def s3(self) -> None:
        own = COMPOSE["services"]["s3"]
        (self.folder / "s3").mkdir()
        inner = [f"-{part}.port={free_port()}" for part in ("master", "volume", "filer")]
        inner += [f"-{part}.port.grpc={free_port()}" for part in ("master", "volume", "filer", "s3")]
        port = self.ports["s3:8333"]
        command = [self.here(part) for part in own["command"] if "s3.port=" not in part and "s3.ip.bind" not in part]
        command += [*inner, f"-s3.port={port}", "-s3.ip.bind=127.0.0.1"]
        log = self.folder / "s3.log"
        process = self.stack.enter_context(running([program("weed"), *command], log))
        wait_for(lambda: ask(f"http://127.0.0.1:{port}/healthz")[0] == 200, process, log)

    def bucket(self, **keys: str) -> Any:
        """A client of the store, with MLflow's key or the one given."""
        import boto3

        lines = (self.secrets / "s3_credentials").read_text().splitlines()[1:]
        own = dict(line.split(" = ") for line in lines)
        address = f"http://127.0.0.1:{self.ports['s3:8333']}"
        return boto3.client("s3", endpoint_url=address, region_name="us-east-1", **(own | keys))

    def mlflow(self) -> None:
        port = self.ports["mlflow:5000"]
        command = ["sh", str(ROOT / "containers/mlflow.sh"), "--host", "127.0.0.1", "--port", str(port)]
        log = self.folder / "mlflow.log"
        environment = os.environ | self.environment("mlflow") | {"MLFLOW_DISABLE_TELEMETRY": "true"}
        process = self.stack.enter_context(running([*command, "--workers", "1"], log, env=environment, cwd=self.folder))
        wait_for(lambda: ask(f"{self.address}/health")[0] == 200, process, log)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.ports['mlflow:5000']}"

    def objects(self) -> list[str]:
        pages = self.bucket().get_paginator("list_objects_v2").paginate(Bucket="mlflow")
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with self.database() as connection:
            return list(connection.execute(query).fetchall())
